"""What a person writes about lesions."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, PositiveFloat, model_validator

from phantomsim.spec import Spec


class VolumeRange(Spec):
    """A volume drawn log-uniformly between two bounds [mL]."""

    min: PositiveFloat
    max: PositiveFloat

    @model_validator(mode="after")
    def _ordered(self) -> VolumeRange:
        if self.min > self.max:
            raise ValueError(f"min {self.min} is above max {self.max}")
        return self


class Lesions(Spec):
    """Star-shaped lesions and where they may lie.

    Attributes:
        kind: "star": a random radial field about a centre.
        tissue: what the lesion is made of.
        host: tissue (or tissues) in which the centre lies.
        volume_mL: volume of each, or bounds between which it is drawn log-uniformly.
        margin_mm: the centre is at least this far inside the host [mm].
        inside_host: least share of the lesion's volume that lies in the host; the rest may displace other tissue.
        forbidden: tissues that the lesion never touches, not by a partial voxel; air always is one of them.
        irregularity: standard deviation of the log radius [1]; 0 is a ball, 0.15 lobed, 0.3 jagged.
        smoothness: decay of the radial field's power with degree l, as l^-smoothness; 3 is smooth, 1 rough.
        count: lesions per patient; they never overlap.
        max_tries: placements tried for each before giving up; the refused ones are counted.
        on_failure: "error" raises PlacementError; "skip" leaves that lesion out.
    """

    kind: Literal["star"] = "star"
    tissue: str
    host: str | tuple[str, ...]
    volume_mL: PositiveFloat | VolumeRange
    margin_mm: Annotated[float, Field(ge=0.0, le=100.0)] = 0.0
    inside_host: Annotated[float, Field(ge=0.0, le=1.0)] = 0.0
    forbidden: tuple[str, ...] = ()
    irregularity: Annotated[float, Field(ge=0.0, le=0.5)] = 0.15
    smoothness: Annotated[float, Field(ge=0.0, le=8.0)] = 3.0
    count: Annotated[int, Field(ge=1, le=64)] = 1
    max_tries: Annotated[int, Field(ge=1, le=100_000)] = 200
    on_failure: Literal["error", "skip"] = "error"

    @property
    def hosts(self) -> tuple[str, ...]:
        """The host tissues."""
        return (self.host,) if isinstance(self.host, str) else self.host

    @property
    def bounds_mL(self) -> tuple[float, float]:
        """Smallest and largest volume [mL]."""
        v = self.volume_mL
        return (v.min, v.max) if isinstance(v, VolumeRange) else (v, v)

    @model_validator(mode="after")
    def _possible(self) -> Lesions:
        if both := sorted(set(self.hosts) & set(self.forbidden)):
            raise ValueError(f"{', '.join(both)} is both host and forbidden")
        if not self.hosts:
            raise ValueError("host is empty; name at least one tissue")
        return self
