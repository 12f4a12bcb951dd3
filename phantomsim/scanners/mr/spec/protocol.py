"""How a patient is scanned."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from phantomsim.spec import Spec

Sequence = Literal["spin-echo", "spoiled-gre", "inversion-recovery"]


class MRProtocol(Spec):
    """A multi-slice 2D Cartesian acquisition of axial slices.

    Attributes:
        sequence: "spin-echo", "spoiled-gre" or "inversion-recovery" (inversion, then a spin echo).
        TR_ms, TE_ms, TI_ms: repetition, echo and inversion time; TI_ms for inversion recovery only.
        flip_deg: of the excitation.
        bandwidth_Hz: of the whole readout field of view (per pixel: divide by the readout's matrix). It sets the
            noise; relaxation, chemical shift and distortion during the readout are not simulated.
        averages: repetitions that are added.
        fov_mm: field of view along (y, x).
        matrix: pixels along (y, x).
        phase_axis: axis of phase encoding; the readout is along the other one.
        slices, slice_mm, gap_mm: number and thickness of slices and the gap between them.
        acceleration: every R-th phase-encoding line is measured.
        calibration_lines: central lines that are measured besides; they cost time and are kept in the raw data.
        readout_oversampling: factor before the receiver's decimation filter; 1 lets the readout alias too.
        offset_mm: (x, y, z) of the slab's middle from the isocentre, along the phantom's axes.
        centre_on: what lies at the isocentre along z.
    """

    sequence: Sequence
    TR_ms: float = Field(gt=0)
    TE_ms: float = Field(gt=0)
    TI_ms: float | None = Field(default=None, gt=0)
    flip_deg: float = Field(default=90.0, gt=0, le=180)
    bandwidth_Hz: float = Field(gt=0)
    averages: int = Field(default=1, ge=1)
    fov_mm: tuple[float, float]
    matrix: tuple[int, int]
    phase_axis: Literal["y", "x"] = "x"
    slices: int = Field(ge=1)
    slice_mm: float = Field(gt=0)
    gap_mm: float = Field(default=0.0, ge=0)
    acceleration: int = Field(default=1, ge=1, le=16)
    calibration_lines: int = Field(default=0, ge=0)
    readout_oversampling: int = Field(default=2, ge=1, le=8)
    offset_mm: tuple[float, float, float] = (0.0, 0.0, 0.0)
    centre_on: Literal["phantom", "lesion"] = "phantom"

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if min(self.fov_mm) <= 0 or min(self.matrix) < 2 or any(n % 2 for n in self.matrix):
            raise ValueError(f"fov_mm {self.fov_mm} must be positive and matrix {self.matrix} even, both along (y, x)")
        if self.phase_lines % self.acceleration:
            raise ValueError(
                f"acceleration {self.acceleration} does not divide the {self.phase_lines} phase-encoding lines; "
                f"allowed: {[r for r in range(1, 17) if self.phase_lines % r == 0]}"
            )
        if self.calibration_lines > self.phase_lines:
            raise ValueError(f"calibration_lines is {self.calibration_lines}; the matrix has {self.phase_lines} lines")
        if (self.sequence == "inversion-recovery") != (self.TI_ms is not None):
            raise ValueError("TI_ms belongs to inversion-recovery and to no other sequence")
        least = self.TE_ms + (self.TI_ms or 0.0)
        if self.TR_ms <= least:
            raise ValueError(f"TR_ms is {self.TR_ms}; must be longer than TI_ms + TE_ms = {least}")
        return self

    @property
    def phase_lines(self) -> int:
        """Phase-encoding lines of a full acquisition."""
        return self.matrix[0 if self.phase_axis == "y" else 1]

    @property
    def samples(self) -> int:
        """Samples of a readout."""
        return self.matrix[1 if self.phase_axis == "y" else 0]
