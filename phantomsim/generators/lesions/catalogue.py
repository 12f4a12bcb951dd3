"""Kinds of the catalogue."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated

from phantomsim import catalogue, spec
from phantomsim.errors import SpecError
from phantomsim.generators.lesions.kind_spec import LesionKind
from phantomsim.generators.lesions.spec import FOLDER, LONGEST_DAYS, Lesions
from phantomsim.spec import Catalogued
from phantomsim.specfile.kinds import KINDS


def names() -> list[str]:
    """Names of the kinds that ship with phantomsim."""
    return catalogue.names(FOLDER)


def kind(name: str | Path) -> LesionKind:
    """A kind by name or path. Raises SpecError, CatalogueError."""
    return spec.read(name, Annotated[LesionKind, Catalogued(FOLDER)])  # type: ignore[no-any-return]


def of_kind(name: str | Path, days: float | None = None) -> Lesions:
    """Lesions of a kind as its file says, or as a file like a trial's `[population.lesions]` says.

    Args:
        days: how long they have grown, in place of what the file says; places are those at the file's `until_days`.

    Raises:
        SpecError, CatalogueError: no such kind or file, something in it is wrong, or the kind does not grow.
    """
    what = _kind_in(Path(name))
    if what in KINDS and what != "lesion":
        raise SpecError(
            f'{name}: is a file of kind "{what}"; give a kind of lesion, or a file that names one as its kind'
        )
    asked = Lesions(kind=kind(name)) if what in (None, "lesion") else spec.read(name, Lesions)
    if days is None:
        return asked
    if not 0 <= days <= LONGEST_DAYS:
        raise SpecError(f"days must be from 0 to {LONGEST_DAYS:g}, not {days:g}")
    if days > 0 and asked.resolved().doubling_days is None:
        raise SpecError(f"{asked.name} has no doubling_days, so it does not grow; leave days at 0")
    if asked.until_days is not None and asked.until_days < days:
        raise SpecError(
            f"{name}: until_days {asked.until_days:g} is before days {days:g}; lower days or raise until_days"
        )
    return asked.model_copy(update={"days": days})


def _kind_in(file: Path) -> str | None:
    """What a file says its kind is."""
    if file.suffix != ".toml" or not file.is_file():
        return None
    try:
        return str(tomllib.loads(file.read_text(encoding="utf-8")).get("kind", "lesion"))
    except (OSError, ValueError):
        return None  # it is read again, and what is wrong is said with its place
