"""Fine structure: a label volume of a real person or of the mean, and the way to it from the mean anatomy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from phantomsim.generators.deformable.affine import Affine


@dataclass(frozen=True)
class Fine:
    """What a map carries into a new anatomy.

    Attributes:
        subject: whose it is; empty for the mean anatomy.
        label: structure numbers, uint8 [z, y, x].
        first_mm, spacing_mm: where its voxels lie (z, y, x), from its own centre [mm].
        pose: affine map, and `velocity` [z, y, x, 3] the raw field [mm], from the mean to it; zeros for the mean.
    """

    subject: str
    label: np.ndarray
    first_mm: np.ndarray
    spacing_mm: np.ndarray
    pose: Affine
    velocity: np.ndarray
