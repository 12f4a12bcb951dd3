"""What a block of a sequence may hold: an RF pulse, gradients, a readout. Each is a shape that many blocks share.

Times are in seconds from the start of the block. The nomenclature is Pulseq's (Layton et al. 2017,
doi:10.1002/mrm.26235): blocks follow one another without overlap, and all events of a block start with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

Use = Literal["excitation", "refocusing", "inversion", "saturation", "preparation", "other"]


@dataclass(frozen=True, eq=False)
class Pulse:
    """Shape of an RF pulse.

    Attributes:
        shape: complex128 [sample]; times a block's `pulse_Hz` it is the nutation frequency gamma B1 / 2 pi [Hz].
        dwell_s: samples lie at delay_s + (i + 1/2) dwell_s.
        delay_s: from the block's start.
        centre_s: the instant at which it acts, from the first sample's left edge: the middle of a symmetric pulse.
        use: what it does.
    """

    shape: np.ndarray
    dwell_s: float
    delay_s: float
    centre_s: float
    use: Use

    @property
    def duration_s(self) -> float:
        """From the left edge of the first sample to the right edge of the last."""
        return len(self.shape) * self.dwell_s

    @property
    def times_s(self) -> np.ndarray:
        """Of the samples' middles, from the block's start [sample]."""
        return self.delay_s + (np.arange(len(self.shape)) + 0.5) * self.dwell_s

    @cached_property
    def turn(self) -> complex:
        """Turns per hertz on resonance: the integral of the shape [s]; times 2 pi pulse_Hz it is the flip angle."""
        return complex(self.shape.sum() * self.dwell_s)


@dataclass(frozen=True, eq=False)
class Waveform:
    """Shape of a gradient: straight lines between its corners, zero before the first and after the last.

    Attributes:
        time_s: of the corners, ascending, from the block's start [corner].
        value: at the corners; times a block's `gradient_Hz_per_mm` it is the gradient [corner].
    """

    time_s: np.ndarray
    value: np.ndarray

    @property
    def duration_s(self) -> float:
        """Until its last corner."""
        return float(self.time_s[-1])

    @cached_property
    def _sums(self) -> np.ndarray:
        steps = np.diff(self.time_s) * (self.value[1:] + self.value[:-1]) / 2
        return np.concatenate([[0.0], np.cumsum(steps)])

    @cached_property
    def area_s(self) -> float:
        """Integral over the whole shape [s]."""
        return float(self._sums[-1])

    def at(self, time_s: np.typing.ArrayLike) -> np.ndarray:
        """Value at times from the block's start."""
        return np.interp(np.asarray(time_s, float), self.time_s, self.value, left=0.0, right=0.0)

    def integral_s(self, time_s: np.typing.ArrayLike) -> np.ndarray:
        """Integral from the block's start to times, exact [s]."""
        t = np.clip(np.asarray(time_s, float), self.time_s[0], self.time_s[-1])
        i = np.clip(np.searchsorted(self.time_s, t, side="right") - 1, 0, len(self.time_s) - 2)
        passed = t - self.time_s[i]
        slope = (self.value[i + 1] - self.value[i]) / np.maximum(self.time_s[i + 1] - self.time_s[i], 1e-300)
        return self._sums[i] + passed * (self.value[i] + slope * passed / 2)


@dataclass(frozen=True, eq=False)
class Readout:
    """When samples are taken.

    Attributes:
        samples: how many.
        dwell_s: they lie at delay_s + (j + 1/2) dwell_s.
        delay_s: from the block's start.
    """

    samples: int
    dwell_s: float
    delay_s: float

    @property
    def duration_s(self) -> float:
        """From the left edge of the first sample to the right edge of the last."""
        return self.samples * self.dwell_s

    @property
    def times_s(self) -> np.ndarray:
        """Of the samples, from the block's start [sample]."""
        return self.delay_s + (np.arange(self.samples) + 0.5) * self.dwell_s
