"""The tube's side of the beam: bowtie filters and the focal spot."""

from __future__ import annotations

from typing import Annotated, Literal, Self

import pydantic

from phantomsim.spec import Spec

NonNegative = Annotated[float, pydantic.Field(ge=0)]
Positive = Annotated[float, pydantic.Field(gt=0)]


class AnalyticBowtie(Spec):
    """A filter that makes up for the missing path of a water cylinder at the isocentre.

    At fan angle g the thickness is centre_mm plus that of the material that attenuates at 60 keV like what the
    cylinder lacks there of its diameter, times `strength`.

    Attributes:
        material: a tissue, material or element by name, e.g. "aluminium", "ptfe", "al".
        cylinder_mm: diameter of the water cylinder [mm].
        strength: share of the missing path that is made up for [1].
        centre_mm: thickness on the central ray [mm].
    """

    kind: Literal["analytic"] = "analytic"
    material: str = "aluminium"
    cylinder_mm: Positive
    strength: Annotated[float, pydantic.Field(gt=0, le=1)] = 1.0
    centre_mm: NonNegative = 0.0


class TabulatedBowtie(Spec):
    """A filter by its thickness at fan angles, taken alike on both sides; linear between, level beyond.

    Attributes:
        fan_deg: angles from the central ray, rising from 0 [deg].
        thickness_mm: at each of them, along the ray in the plane [mm].
    """

    kind: Literal["tabulated"] = "tabulated"
    material: str = "aluminium"
    fan_deg: tuple[NonNegative, ...]
    thickness_mm: tuple[NonNegative, ...]

    @pydantic.model_validator(mode="after")
    def _table(self) -> Self:
        rising = all(a < b for a, b in zip(self.fan_deg, self.fan_deg[1:]))
        if not self.fan_deg or len(self.fan_deg) != len(self.thickness_mm) or not rising:
            raise ValueError("fan_deg and thickness_mm must be as long as each other, and fan_deg must rise")
        return self


Bowtie = Annotated[AnalyticBowtie | TabulatedBowtie, pydantic.Field(discriminator="kind")]


class FocalSpot(Spec):
    """The area that x-rays come from, as seen from the isocentre; of even brightness.

    Attributes:
        width_mm: in the plane, across the central ray [mm].
        length_mm: along z [mm].
    """

    width_mm: NonNegative = 0.0
    length_mm: NonNegative = 0.0
