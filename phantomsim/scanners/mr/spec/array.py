"""The receive array and what it hears noise from."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

import pydantic
from pydantic import Field

from phantomsim.spec import Spec

Point = tuple[float, float, float]
Size_mm = Annotated[float, Field(ge=1, le=2000)]


class Receiver(Spec):
    """What every kind of array has.

    Attributes:
        field_axis: axis of B0; "z" but for magnets whose field lies across the bore.
        noise_law: whose resistance makes the noise: "physical" (patient and coils), "body" (patients alone: SNR
            about in proportion to the field) or "coil" (the coils' own alone: SNR as the field to the power 7/4;
            Hoult and Lauterbur 1979, doi:10.1016/0022-2364(79)90019-2).
        unloaded_to_loaded_Q: quality factor without over with the patient; the coil's own loss is 1 / (ratio - 1) of
            the patient's. None: the loss follows from the wire by the skin effect.
        Q_field_T: field at which that ratio was measured; from there the loss goes with the root of the frequency.
            None: at the scanner's own.
        wire_diameter_mm: of round copper wire, for coils without a measured Q.
        loss_factor: resistance over that of the bare wire by skin effect: proximity of turns, solder joints,
            capacitors [1].
        noise_factor: of preamplifiers and receiver, as a power ratio (1 is noiseless).
    """

    field_axis: Literal["x", "y", "z"] = "z"
    noise_law: Literal["physical", "body", "coil"] = "physical"
    unloaded_to_loaded_Q: float | None = Field(default=None, gt=1)
    Q_field_T: float | None = Field(default=None, gt=0)
    wire_diameter_mm: float = Field(default=3.0, gt=0, le=100)
    loss_factor: float = Field(default=1.0, ge=1)
    noise_factor: float = Field(ge=1)


class LoopArray(Receiver):
    """Circular receive loops on a cylinder about the bore's axis, facing it.

    Attributes:
        count: loops in one ring.
        rings: rings along z; each is turned by half a loop against the one before.
        radius_mm: from the axis to the centre of a loop.
        loop_radius_mm: of one loop.
        ring_distance_mm: between the centres of two rings.
    """

    kind: Literal["loops"] = "loops"
    count: int = Field(ge=1, le=64)
    rings: int = Field(default=1, ge=1, le=8)
    radius_mm: Size_mm
    loop_radius_mm: Size_mm
    ring_distance_mm: float = Field(default=0.0, ge=0, le=2000)

    @property
    def channels(self) -> int:
        """Receive channels."""
        return self.count * self.rings


class LoopSpec(Spec):
    """One circular loop.

    Attributes:
        centre_mm: (x, y, z) from the isocentre.
        normal: (x, y, z), of any length but 0; turning it round turns the coil's phase round.
        radius_mm: of the loop.
    """

    centre_mm: Point
    normal: Point
    radius_mm: Size_mm

    @pydantic.model_validator(mode="after")
    def _pointed(self) -> Self:
        if not any(self.normal):
            raise ValueError(f"normal is {self.normal}; it must point somewhere")
        return self


class LoopSet(Receiver):
    """Circular loops wherever one likes.

    Attributes:
        loops: one per channel.
    """

    kind: Literal["loop-list"] = "loop-list"
    loops: tuple[LoopSpec, ...] = Field(min_length=1, max_length=128)

    @property
    def channels(self) -> int:
        """Receive channels."""
        return len(self.loops)


class Birdcage(Receiver):
    """A birdcage about the bore's axis, which receives where it is homogeneous.

    Attributes:
        radius_mm, length_mm: of the cage.
        rungs: legs; a multiple of 4, so that both ports see the same cage.
        ports: 1 linear, 2 quadrature (each port a channel).
    """

    kind: Literal["birdcage"] = "birdcage"
    radius_mm: Size_mm
    length_mm: Size_mm
    rungs: int = Field(default=16, ge=4, le=64, multiple_of=4)
    ports: Literal[1, 2] = 2

    @property
    def channels(self) -> int:
        """Receive channels."""
        return self.ports


class Solenoid(Receiver):
    """Turns in series about the bore's axis: one channel, for a B0 across the bore.

    Attributes:
        radius_mm, length_mm: of the winding.
        turns: of wire.
    """

    kind: Literal["solenoid"] = "solenoid"
    radius_mm: Size_mm
    length_mm: Size_mm
    turns: int = Field(ge=1, le=200)

    @property
    def channels(self) -> int:
        """Receive channels."""
        return 1

    @pydantic.model_validator(mode="after")
    def _across(self) -> Self:
        if self.field_axis == "z":
            raise ValueError('a solenoid about the bore hears nothing with B0 along it; field_axis must be "x" or "y"')
        return self


def _kind(value: Any) -> str:
    """Kind of an array; without one it is of loops on a cylinder."""
    return str(value.get("kind", "loops") if isinstance(value, dict) else value.kind)


Coils = Annotated[
    Annotated[LoopArray, pydantic.Tag("loops")]
    | Annotated[LoopSet, pydantic.Tag("loop-list")]
    | Annotated[Birdcage, pydantic.Tag("birdcage")]
    | Annotated[Solenoid, pydantic.Tag("solenoid")],
    pydantic.Discriminator(_kind),
]


class Load(Spec):
    """The conducting cylinder that stands for the patient when thermal noise and the transmit field are computed; it
    never changes with the patient, so that arms and patients differ by what the trial says alone.

    Attributes:
        radius_mm, length_mm: of the cylinder, centred at the isocentre along z.
        conductivity_S_per_m: mean of the body part at the Larmor frequency.
        permittivity: relative, of the body part at the Larmor frequency [1]; for the transmit field.
    """

    radius_mm: Size_mm
    length_mm: Size_mm
    conductivity_S_per_m: float = Field(gt=0)
    permittivity: float = Field(default=60.0, ge=1)
