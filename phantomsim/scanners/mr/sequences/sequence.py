"""The one sequence object: what every engine runs, what Pulseq files are read into and written from.

Frame: gradients act along the scanner's x, y and z, which are the axes of the phantom's grid; the isocentre is the
origin. Complex numbers are in the frame in which a spin whose frequency is f above the scanner's precesses by
exp(+2 pi i f t), as in Pulseq: a pulse with an offset of +G r selects the slice at r. Rotations are right-handed, so
that a pulse of flip a and phase p turns equilibrium into the transverse magnetisation m = -i exp(i p) sin a. Engines
give the signal s = conj(i m exp(-i receiver phase)): real and positive after a pulse and a receiver of phase 0, and
s(k) is the integral of m0 exp(-2 pi i (k . r + f t)), with k the integral of the gradient since the excitation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from phantomsim.errors import ScannerError
from phantomsim.scanners.mr.sequences.events import Pulse, Readout, Waveform

NONE = -1  # no event of that kind in a block


@dataclass(frozen=True, eq=False)
class Sequence:
    """Blocks in the order of time; B of them. Shapes are shared, numbers are each block's own.

    Attributes:
        pulses, waveforms, readouts: the shapes.
        duration_s: of each block, float64 [B].
        pulse: index into pulses, or -1, int32 [B].
        pulse_Hz: scale of the shape, float64 [B].
        pulse_phase_rad, pulse_offset_Hz: the pulse is multiplied by exp(i (phase + 2 pi offset t)), t from the left
            edge of its first sample, float64 [B].
        waveform: index into waveforms along x, y, z, or -1, int32 [B, 3].
        gradient_Hz_per_mm: scale of the shapes, float64 [B, 3].
        readout: index into readouts, or -1, int32 [B].
        readout_phase_rad, readout_offset_Hz: the receiver multiplies by exp(-i (phase + 2 pi offset t)), t from the
            left edge of the first sample, float64 [B].
        counters: what each block's readout is, int32 [B] by name ("line", "partition", "slice", "echo", "average",
            "segment", "repetition", "dummy"); those left out are 0.
        facts: name, field of view and what else a file says of the whole.
    """

    pulses: tuple[Pulse, ...]
    waveforms: tuple[Waveform, ...]
    readouts: tuple[Readout, ...]
    duration_s: np.ndarray
    pulse: np.ndarray
    pulse_Hz: np.ndarray
    pulse_phase_rad: np.ndarray
    pulse_offset_Hz: np.ndarray
    waveform: np.ndarray
    gradient_Hz_per_mm: np.ndarray
    readout: np.ndarray
    readout_phase_rad: np.ndarray
    readout_offset_Hz: np.ndarray
    counters: Mapping[str, np.ndarray] = field(default_factory=dict)
    facts: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        count = len(self.duration_s)
        for name in ("pulse", "pulse_Hz", "waveform", "gradient_Hz_per_mm", "readout", "readout_phase_rad"):
            if len(getattr(self, name)) != count:
                raise ScannerError(f"sequence: {name} has {len(getattr(self, name))} rows; there are {count} blocks")

    @property
    def blocks(self) -> int:
        """How many."""
        return len(self.duration_s)

    @cached_property
    def start_s(self) -> np.ndarray:
        """When each block starts [B]."""
        return np.concatenate([[0.0], np.cumsum(self.duration_s)[:-1]])

    @property
    def total_s(self) -> float:
        """How long the whole takes."""
        return float(self.duration_s.sum())

    @cached_property
    def shots(self) -> np.ndarray:
        """Blocks that are read out, in order [shot]."""
        return np.flatnonzero(self.readout != NONE)

    def counter(self, name: str) -> np.ndarray:
        """One counter of every block, int32 [B]; zeros where it was not given."""
        return self.counters.get(name, np.zeros(self.blocks, np.int32))
