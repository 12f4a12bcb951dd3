"""The receive array and what it hears noise from."""

from __future__ import annotations

from pydantic import Field

from phantomsim.spec import Spec


class LoopArray(Spec):
    """Circular receive loops on a cylinder about the bore's axis, facing it.

    Attributes:
        count: loops in one ring.
        rings: rings along z; each is turned by half a loop against the one before.
        radius_mm: from the axis to the centre of a loop.
        loop_radius_mm: of one loop.
        ring_distance_mm: between the centres of two rings.
        unloaded_to_loaded_Q: quality factor without over with the patient; the loop's own loss is 1 / (ratio - 1)
            of the patient's.
        noise_factor: of preamplifiers and receiver, as a power ratio (1 is noiseless).
    """

    count: int = Field(ge=1, le=64)
    rings: int = Field(default=1, ge=1, le=8)
    radius_mm: float = Field(gt=0)
    loop_radius_mm: float = Field(gt=0)
    ring_distance_mm: float = Field(default=0.0, ge=0)
    unloaded_to_loaded_Q: float = Field(gt=1)
    noise_factor: float = Field(ge=1)


class Load(Spec):
    """The conducting cylinder that stands for the patient when thermal noise is computed; it never changes with
    the patient, so that arms and patients differ by what the trial says alone.

    Attributes:
        radius_mm, length_mm: of the cylinder, centred at the isocentre along z.
        conductivity_S_per_m: mean of the body part at the Larmor frequency.
    """

    radius_mm: float = Field(gt=0)
    length_mm: float = Field(gt=0)
    conductivity_S_per_m: float = Field(gt=0)
