"""What a Pulseq file holds, as plain tables in the units of the file and the columns of version 1.5."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

# Columns of the tables after the ID, which is always column 0.
RF = ("id", "Hz", "magnitude", "phase_shape", "time", "centre_us", "delay_us", "ppm", "rad_per_MHz", "offset_Hz", "rad")
GRADIENT = ("id", "Hz_per_m", "first_Hz_per_m", "last_Hz_per_m", "shape", "time", "delay_us")
TRAP = ("id", "Hz_per_m", "rise_us", "flat_us", "fall_us", "delay_us")
ADC = ("id", "samples", "dwell_ns", "delay_us", "ppm", "rad_per_MHz", "offset_Hz", "rad", "phase_shape")
BLOCK = ("duration", "rf", "gx", "gy", "gz", "adc", "extension")
RASTERS_s = {
    "AdcRasterTime": 1e-7,
    "BlockDurationRaster": 1e-5,
    "GradientRasterTime": 1e-5,
    "RadiofrequencyRasterTime": 1e-6,
}  # and what is taken where a file does not say


def empty(columns: tuple[str, ...]) -> np.ndarray:
    """A table without rows."""
    return np.zeros((0, len(columns)))


@dataclass(frozen=True, eq=False)
class PulseqFile:
    """Tables of a file. What older versions do not hold is NaN (RF centre, first and last of gradients) or 0.

    Attributes:
        version: major, minor, revision.
        definitions: of the file, as written.
        blocks: int64 [block, 7], see BLOCK; durations in steps of the block raster, the rest IDs, 0 for none.
        rf, gradients, traps, adc: float64, see the tuples of columns above.
        rf_use: initial of the use of each row of rf: e, r, i, s, p, o or u (undefined).
        shapes: unpacked samples by ID.
        extensions: ID, type, reference, next ID, int64 [n, 4]; extension_types: name by type.
        label_set, label_inc: value and label by ID. rotations: quaternion (w, x, y, z) by ID.
        notices: what was left out or looks wrong.
    """

    version: tuple[int, int, int]
    blocks: np.ndarray
    definitions: Mapping[str, str] = field(default_factory=dict)
    rf: np.ndarray = field(default_factory=lambda: empty(RF))
    rf_use: tuple[str, ...] = ()
    gradients: np.ndarray = field(default_factory=lambda: empty(GRADIENT))
    traps: np.ndarray = field(default_factory=lambda: empty(TRAP))
    adc: np.ndarray = field(default_factory=lambda: empty(ADC))
    shapes: Mapping[int, np.ndarray] = field(default_factory=dict)
    extensions: np.ndarray = field(default_factory=lambda: np.zeros((0, 4), np.int64))
    extension_types: Mapping[int, str] = field(default_factory=dict)
    label_set: Mapping[int, tuple[int, str]] = field(default_factory=dict)
    label_inc: Mapping[int, tuple[int, str]] = field(default_factory=dict)
    rotations: Mapping[int, tuple[float, ...]] = field(default_factory=dict)
    notices: tuple[str, ...] = ()

    def raster_s(self, name: str) -> float:
        """A raster by the name of its definition."""
        return float(self.definitions.get(name, RASTERS_s[name]))
