"""What a trial says about lesions."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, PositiveFloat, model_validator

from phantomsim.generators.contrast_spec import NATIVE
from phantomsim.generators.lesions.distribution import Distribution
from phantomsim.generators.lesions.kind_spec import MOST, LesionKind, Place
from phantomsim.generators.lesions.shape_spec import StarForm
from phantomsim.spec import Catalogued, Spec

FOLDER = "generators/lesions"
LONGEST_DAYS = 36525.0
#: Keys that take the place of a catalogue kind's own where they are given.
OWN = ("margin_mm", "inside_host", "forbidden")


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
    """Lesions and where they may lie.

    Attributes:
        kind: "star", a random radial field about a centre, of which the other keys say the rest; or a kind of the
            catalogue (the files of `generators/lesions`), a path or a table, of which they change what they name.
        tissue: what the lesion is made of.
        host: tissue or organ (or several; patterns such as `lung-*` are allowed) in which the centre lies.
        volume_mL: volume of each, or bounds between which it is drawn log-uniformly.
        margin_mm: the centre is at least this far inside the host [mm].
        inside_host: least share of the lesion's volume that lies in the host; the rest may displace other tissue.
        forbidden: tissues that the lesion never touches, not by a partial voxel; air always is one of them. Forms that
            follow the anatomy lie against its walls: of their voxels none is mostly of such a tissue.
        irregularity: standard deviation of the log radius of a star [1]; 0 is a ball, 0.15 lobed, 0.3 jagged.
        smoothness: decay of the radial field's power with degree l, as l^-smoothness; 3 is smooth, 1 rough.
        count: lesions per patient; they never overlap. Absent: 1, or as the kind says.
        phase: contrast phase of a kind that has some; "native" is without contrast agent. Absent: that of the patient.
        days: age of the lesions at this date; they double every so many days as the kind says.
        until_days: last date of the study; places are such that the lesions fit until then. Absent: `days`.
        mass_effect: whether a kind that pushes its surroundings aside does so.
        max_tries: placements tried for each before giving up; the refused ones are counted. 2000 where none is given,
            and 200 of clusters and of forms that follow the anatomy, which must be drawn to be refused.
        on_failure: "error" raises PlacementError; "skip" leaves that lesion out and counts why.
    """

    kind: Literal["star"] | Annotated[LesionKind, Catalogued(FOLDER, words=("star",))] = "star"
    tissue: str | None = None
    host: str | tuple[str, ...] | None = None
    volume_mL: PositiveFloat | VolumeRange | None = None
    margin_mm: Annotated[float, Field(ge=0.0, le=100.0)] | None = None
    inside_host: Annotated[float, Field(ge=0.0, le=1.0)] | None = None
    forbidden: tuple[str, ...] | None = None
    irregularity: Annotated[float, Field(ge=0.0, le=0.5)] = 0.15
    smoothness: Annotated[float, Field(ge=0.0, le=8.0)] = 3.0
    count: Annotated[int, Field(ge=1, le=MOST)] | None = None
    phase: str | None = None
    days: Annotated[float, Field(ge=0.0, le=LONGEST_DAYS)] = 0.0
    until_days: Annotated[float, Field(ge=0.0, le=LONGEST_DAYS)] | None = None
    mass_effect: bool = True
    max_tries: Annotated[int, Field(ge=1, le=100_000)] | None = None
    on_failure: Literal["error", "skip"] = "error"

    @property
    def hosts(self) -> tuple[str, ...]:
        """The host tissues or organs."""
        return self.resolved().host

    @property
    def own_hosts(self) -> tuple[str, ...]:
        """The hosts that the trial itself names; empty where the kind says them."""
        return () if self.host is None else (self.host,) if isinstance(self.host, str) else self.host

    @property
    def name(self) -> str:
        """Of the kind."""
        return "star" if isinstance(self.kind, str) else self.kind.name

    @property
    def bounds_mL(self) -> tuple[float, float] | None:
        """Smallest and largest volume where the trial says them [mL]."""
        v = self.volume_mL
        if v is None:
            return None
        return (v.min, v.max) if isinstance(v, VolumeRange) else (v, v)

    def resolved(self) -> LesionKind:
        """The kind with what this changes."""
        changes: dict[str, object] = {}
        if self.tissue is not None:
            changes["tissue"] = self.tissue
        if self.host is not None:
            changes["host"] = self.own_hosts
        if self.bounds_mL is not None:
            low, high = self.bounds_mL
            changes["volume_mL"] = Distribution(law="log-uniform", min=low, max=high)
        if self.count is not None:
            changes["count"] = Distribution(law="fixed", value=float(self.count))
        if not self.mass_effect:
            changes["mass_effect"] = None
        place = {key: getattr(self, key) for key in OWN if getattr(self, key) is not None}
        if isinstance(self.kind, str):
            form = StarForm(irregularity=self.irregularity, smoothness=self.smoothness)
            return LesionKind(name="star", shape=form, place=Place(**place), **changes)  # type: ignore[arg-type]
        return self.kind.model_copy(update=changes | {"place": self.kind.place.model_copy(update=place)})

    @model_validator(mode="after")
    def _possible(self) -> Lesions:
        missing = [key for key in ("tissue", "host", "volume_mL") if getattr(self, key) is None]
        if isinstance(self.kind, str) and missing:
            raise ValueError(f'kind "star" needs {", ".join(missing)}; or name a kind of the catalogue')
        if self.host == ():
            raise ValueError("host is empty; name at least one tissue")
        found = self.resolved()
        if both := sorted(set(found.host) & set(found.place.forbidden)):
            raise ValueError(f"{', '.join(both)} is both host and forbidden")
        if self.phase not in (None, NATIVE, *found.phases):
            raise ValueError(f'phase "{self.phase}" is none of {", ".join((NATIVE, *found.phases))} of {found.name}')
        if self.until_days is not None and self.until_days < self.days:
            raise ValueError(f"until_days {self.until_days:g} is before days {self.days:g}")
        if max(self.days, self.until_days or 0) > 0 and found.doubling_days is None:
            raise ValueError(f"{found.name} has no doubling_days, so days must be 0")
        return self
