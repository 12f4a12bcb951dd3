"""Phases of contrast agent, as files of the catalogue describe them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from phantomsim import catalogue, spec
from phantomsim.spec import Catalogued, Spec

FOLDER = "generators/phases"
NATIVE = "native"

#: Iodine by tissue [mg/mL].
Iodine = dict[str, Annotated[float, Field(ge=0.0, le=40.0)]]


class Phase(Spec):
    """A phase of enhancement of a healthy body, a file of `generators/phases`.

    Attributes:
        iodine_mg_per_mL: in tissues by name [mg/mL]; those that a phantom does not have do not matter.
    """

    kind: Literal["phase"] = "phase"
    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$", max_length=80)]
    description: str = ""
    iodine_mg_per_mL: Iodine
    source: str = ""


def names() -> list[str]:
    """Phases of the catalogue; "native", without contrast agent, comes before them."""
    return [NATIVE, *catalogue.names(FOLDER)]


def _known(phase: str) -> str:
    if phase not in (known := names()):
        raise ValueError(f'phase "{phase}" is none of {", ".join(known)}')
    return phase


#: What a generator says of its patients: "native" or a phase of the catalogue.
PhaseName = Annotated[str, AfterValidator(_known)]


def body_iodine(phase: str) -> dict[str, float]:
    """Iodine in a healthy body [mg/mL] by tissue; none in the native phase. Raises CatalogueError: no such phase."""
    if phase == NATIVE:
        return {}
    return dict(spec.read(phase, Annotated[Phase, Catalogued(FOLDER)]).iodine_mg_per_mL)
