"""What the detector would read without noise: the part of a scan that doses share."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import jax
import numpy as np


@partial(
    jax.tree_util.register_dataclass,
    data_fields=["signals", "current", "isocentre_mm", "direction", "water_mm", "outside_mm"],
    meta_fields=[],
)
@dataclass(frozen=True)
class Expected:
    """Noise-free readings, the same for every mAs.

    Attributes:
        signals: for each beam the moments of a reading over those in air, scatter included, float32
            [moment, view, row, column]: the first are the means of the detector's channels, the others serve the noise.
        current: tube current of each view over the mean [view].
        isocentre_mm: world point (x, y, z) at the isocentre [mm].
        direction: of the phantom's grid [3, 3].
        water_mm: water-equivalent diameter of the patient, mean over the scanned slices [mm].
        outside_mm: water path in an outermost column; above a few mm the patient reaches out of the field [mm].
    """

    signals: tuple[jax.Array, ...]
    current: np.ndarray
    isocentre_mm: np.ndarray
    direction: np.ndarray
    water_mm: float
    outside_mm: float
