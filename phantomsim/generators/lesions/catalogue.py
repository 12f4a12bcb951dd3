"""Kinds of the catalogue."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from phantomsim import catalogue, spec
from phantomsim.errors import SpecError
from phantomsim.generators.lesions.kind_spec import LesionKind
from phantomsim.generators.lesions.spec import FOLDER, Lesions
from phantomsim.spec import Catalogued


def names() -> list[str]:
    """Names of the kinds that ship with phantomsim."""
    return catalogue.names(FOLDER)


def kind(name: str | Path) -> LesionKind:
    """A kind by name or path. Raises SpecError, CatalogueError."""
    return spec.read(name, Annotated[LesionKind, Catalogued(FOLDER)])  # type: ignore[no-any-return]


def of_kind(name: str | Path, days: float = 0.0) -> Lesions:
    """Lesions of a kind as its file says, some days old. Raises SpecError, CatalogueError."""
    found = kind(name)
    if days > 0 and found.doubling_days is None:
        raise SpecError(f"{found.name} has no doubling_days, so it does not grow; leave days at 0")
    return Lesions(kind=found, days=days)
