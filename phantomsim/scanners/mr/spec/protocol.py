"""How a patient is scanned."""

from __future__ import annotations

from typing import Annotated, Literal, Self

import pydantic

from phantomsim.scanners.mr.spec.motion import Motion
from phantomsim.scanners.mr.spec.rules import USES, problems
from phantomsim.spec import FilePath, Spec

SequenceName = Literal[
    "spin-echo", "turbo-spin-echo", "inversion-recovery", "spoiled-gre", "bssfp", "mprage", "gre-epi", "se-epi",
    "radial-gre", "spiral-gre", "pulseq",
]  # fmt: skip
# What is beyond these bounds is a slip of the keyboard; what a scanner can do, and memory, is asked later.
Time_ms = Annotated[float, pydantic.Field(gt=0, le=1_000_000)]
Size_mm = Annotated[float, pydantic.Field(gt=0, le=2000)]
Place_mm = Annotated[float, pydantic.Field(ge=-1000, le=1000)]
Pixels = Annotated[int, pydantic.Field(ge=2, le=4096, multiple_of=2)]
Slices = Annotated[int, pydantic.Field(ge=1, le=1024)]
Readouts = Annotated[int, pydantic.Field(ge=1, le=16384)]
Spins = Annotated[int, pydantic.Field(ge=1, le=1000)]
Factor = Annotated[int, pydantic.Field(ge=1, le=16)]
Angle = Annotated[float, pydantic.Field(gt=0, le=180)]


class MRProtocol(Spec):
    """How a patient is scanned: a sequence of the catalogue with its numbers, or a Pulseq file.

    Attributes:
        sequence: "spin-echo", "turbo-spin-echo", "inversion-recovery" (an inversion, then a spin echo or, with
            `echo_train`, a turbo spin echo: FLAIR), "spoiled-gre" (with `echoes` a multi-echo one), "bssfp" (balanced
            steady state), "mprage" (an inversion, then a train of spoiled gradient echoes; 3D), "gre-epi", "se-epi"
            (echo planar), "radial-gre", "spiral-gre", "pulseq" (see `file`).
        file: a Pulseq file (.seq), for "pulseq"; TR, TE and the like are the file's.
        encoding: "2d" slices, or a "3d" slab with `slices` partitions of `slice_mm`, excited without selection.
        TR_ms, TE_ms, TI_ms: repetition, echo and inversion time; TE of a train is that of the centre of k-space. For
            "mprage" TR is from inversion to inversion and TI from there to the centre of k-space.
        flip_deg: of the excitation.
        refocusing_deg: of refocusing pulses; one angle, or one for each echo of the train.
        echo_train: echoes (of spin echoes) or excitations (of "mprage") in a train.
        echo_spacing_ms: between the echoes of a train, and between excitations of "mprage"; None: the shortest.
        echoes: gradient echoes after one excitation, each an image.
        shots: excitations that share the lines of an echo-planar image.
        spokes: of a "radial-gre" image. interleaves: of a "spiral-gre" image.
        rf_spoil_deg: increment of the increment of the pulse's phase; 0: none.
        bandwidth_Hz: of the whole readout field of view (per pixel: divide by the readout's matrix).
        averages: repetitions that are added.
        dummies: excitations (for trains: trains) before the first that is read; None: as many as fit into 3 s, at least
            one for repeated excitations, none where TR is longer. They cost time.
        fov_mm: field of view along (y, x).
        matrix: pixels along (y, x).
        phase_axis: axis of phase encoding; the readout is along the other one.
        slices, slice_mm, gap_mm: number and thickness of slices and the gap between them.
        slice_profile: "pulse" takes the profile that the pulse cuts, "box" an ideal one.
        pulse_ms, time_bandwidth: duration and time-bandwidth product of the Hann-windowed sinc that excites slices.
        fat_saturation: a spectrally selective pulse and a spoiler before each excitation.
        acceleration: every R-th phase-encoding line is measured; acceleration_z: every so many-th partition.
        sampling: "regular", or "variable-density": at random, dense in the middle, as compressed sensing wants it.
        calibration_lines: central lines (and partitions) that are measured besides; they cost time.
        partial_fourier: share of k-space along the phase axis that is measured.
        readout_oversampling: factor before the receiver's decimation filter; 1 lets the readout alias too.
        offset_mm: (x, y, z) of the slab's middle from the isocentre, along the phantom's axes.
        centre_on: what lies at the isocentre along z; "brain" and "lesion" are the phantom's middle where it has none.
        motion: of the patient; None: lies still.
        engine: "signal" is what trials run; "bloch" follows isochromats, slow, the reference.
        spins_per_voxel: of the engine "bloch", along z, y and x.
    """

    description: str = ""
    sequence: SequenceName
    file: Annotated[str, FilePath()] | None = None
    encoding: Literal["2d", "3d"] = "2d"
    TR_ms: Time_ms = 500.0
    TE_ms: Time_ms = 10.0
    TI_ms: Time_ms | None = None
    flip_deg: Angle = 90.0
    refocusing_deg: Angle | tuple[Angle, ...] = 180.0
    echo_train: Annotated[int, pydantic.Field(ge=1, le=1024)] = 1
    echo_spacing_ms: Time_ms | None = None
    echoes: Annotated[int, pydantic.Field(ge=1, le=64)] = 1
    shots: Readouts = 1
    spokes: Readouts | None = None
    interleaves: Readouts | None = None
    rf_spoil_deg: Annotated[float, pydantic.Field(ge=0, lt=360)] = 117.0
    bandwidth_Hz: Annotated[float, pydantic.Field(ge=100, le=10_000_000)]
    averages: Readouts = 1
    dummies: Annotated[int, pydantic.Field(ge=0, le=10000)] | None = None
    fov_mm: tuple[Size_mm, Size_mm]
    matrix: tuple[Pixels, Pixels]
    phase_axis: Literal["y", "x"] = "x"
    slices: Slices
    slice_mm: Annotated[float, pydantic.Field(gt=0, le=500)]
    gap_mm: Annotated[float, pydantic.Field(ge=0, le=500)] = 0.0
    slice_profile: Literal["pulse", "box"] = "pulse"
    pulse_ms: Annotated[float, pydantic.Field(gt=0, le=100)] = 2.56
    time_bandwidth: Annotated[float, pydantic.Field(ge=1, le=32)] = 4.0
    fat_saturation: bool = False
    acceleration: Factor = 1
    acceleration_z: Factor = 1
    sampling: Literal["regular", "variable-density"] = "regular"
    calibration_lines: Annotated[int, pydantic.Field(ge=0)] = 0
    partial_fourier: Annotated[float, pydantic.Field(gt=0.5, le=1)] = 1.0
    readout_oversampling: Annotated[int, pydantic.Field(ge=1, le=8)] = 2
    offset_mm: tuple[Place_mm, Place_mm, Place_mm] = (0.0, 0.0, 0.0)
    centre_on: Literal["phantom", "brain", "lesion"] = "phantom"
    motion: Motion | None = None
    engine: Literal["signal", "bloch"] = "signal"
    spins_per_voxel: tuple[Spins, Spins, Spins] = (1, 1, 1)

    @pydantic.model_validator(mode="after")
    def _consistent(self) -> Self:
        wrong = problems(self)
        if wrong:
            raise ValueError("; ".join(wrong))
        return self

    @property
    def phase_lines(self) -> int:
        """Phase-encoding lines of a full acquisition."""
        return self.matrix[0 if self.phase_axis == "y" else 1]

    @property
    def samples(self) -> int:
        """Samples of a readout of the image's field of view."""
        return self.matrix[1 if self.phase_axis == "y" else 0]

    @property
    def cartesian(self) -> bool:
        """Whether samples lie on a rectangular lattice."""
        return self.sequence in USES and "lattice" in USES[self.sequence]

    @property
    def fov_phase_readout_mm(self) -> tuple[float, float]:
        """Field of view along (phase, readout)."""
        y, x = self.fov_mm
        return (y, x) if self.phase_axis == "y" else (x, y)

    def refocusing(self) -> tuple[float, ...]:
        """Angle of the refocusing pulse of every echo of the train [deg]."""
        given = self.refocusing_deg
        return given if isinstance(given, tuple) else (given,) * self.echo_train
