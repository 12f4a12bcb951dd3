"""A patient who moves during the scan."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Literal, Self

import pydantic

from phantomsim.spec import Spec

Positive = Annotated[float, pydantic.Field(gt=0)]
NonNegative = Annotated[float, pydantic.Field(ge=0)]
Depth_mm = Annotated[float, pydantic.Field(ge=0, le=200)]
Samples = Annotated[int, pydantic.Field(ge=2, le=64)]
Way_mm = Annotated[float, pydantic.Field(ge=-1000, le=1000)]
Angle_deg = Annotated[float, pydantic.Field(ge=-360, le=360)]
Shift_mm = tuple[Way_mm, Way_mm, Way_mm]
Turn_deg = tuple[Angle_deg, Angle_deg, Angle_deg]


class RigidMotion(Spec):
    """A patient who moves as a whole during the scan: from rest to the full amount, or to and fro.

    Attributes:
        shift_mm: (x, y, z) of the largest displacement [mm].
        turn_deg: largest rotations about x, y and z through the pivot, x first, about axes that stay [deg].
        pivot_mm: (x, y, z) from the isocentre of what does not move when the patient turns, as a neck [mm].
        period_s: of a sine; 0: a steady drift over the whole scan.
        start_s: when it begins [s].
        states: poses that are computed between the extremes; a shot sees the nearest.
    """

    kind: Literal["rigid"] = "rigid"
    shift_mm: Shift_mm = (0.0, 0.0, 0.0)
    turn_deg: Turn_deg = (0.0, 0.0, 0.0)
    pivot_mm: Shift_mm = (0.0, 0.0, 0.0)
    period_s: NonNegative = 0.0
    start_s: NonNegative = 0.0
    states: Samples = 32


class Event(Spec):
    """Where the patient is from a time on.

    Attributes:
        time_s: from the start of the scan [s].
        shift_mm, turn_deg: from the rest position, see `RigidMotion`.
    """

    time_s: NonNegative
    shift_mm: Shift_mm = (0.0, 0.0, 0.0)
    turn_deg: Turn_deg = (0.0, 0.0, 0.0)


class Jerks(Spec):
    """A patient who lies still but for sudden movements: swallowing, a nod.

    Attributes:
        events: in order of time; before the first the patient is at rest.
        pivot_mm: see `RigidMotion`.
    """

    kind: Literal["events"] = "events"
    events: tuple[Event, ...] = pydantic.Field(min_length=1, max_length=64)
    pivot_mm: Shift_mm = (0.0, 0.0, 0.0)

    @pydantic.model_validator(mode="after")
    def _in_order(self) -> Self:
        times = [event.time_s for event in self.events]
        if any(late <= early for early, late in pairwise(times)):
            raise ValueError(f"times of events are {times} s; each must be later than the one before")
        return self


class Breathing(Spec):
    """Respiration: the body's content slides along z and swells forward, most at the diaphragm, none at the spine.

    Attributes:
        depth_mm: way of the diaphragm along z from exhale to inhale [mm].
        swell_mm: way of the front of the body along y [mm].
        diaphragm_mm: world z of the diaphragm at exhale; the motion falls off above and below over `reach_mm` [mm].
        period_s: of a breath; it moves as cos^4 (Lujan 1999, doi:10.1118/1.598577).
        phase: where the breath is when the scan starts, 0 exhale [1].
        phases: states of the body that are computed in one breath.
    """

    kind: Literal["breathing"] = "breathing"
    depth_mm: Depth_mm = 10.0
    swell_mm: Depth_mm = 3.0
    diaphragm_mm: Way_mm = 0.0
    reach_mm: Positive = 100.0
    period_s: Positive = 4.0
    phase: float = 0.0
    phases: Samples = 8


Motion = Annotated[RigidMotion | Jerks | Breathing, pydantic.Field(discriminator="kind")]
