"""Kinds of the catalogue."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from phantomsim import catalogue, spec
from phantomsim.generators.lesions.kind_spec import LesionKind
from phantomsim.generators.lesions.spec import FOLDER
from phantomsim.spec import Catalogued


def names() -> list[str]:
    """Names of the kinds that ship with phantomsim."""
    return catalogue.names(FOLDER)


def kind(name: str | Path) -> LesionKind:
    """A kind by name or path. Raises SpecError, CatalogueError."""
    return spec.read(name, Annotated[LesionKind, Catalogued(FOLDER)])  # type: ignore[no-any-return]
