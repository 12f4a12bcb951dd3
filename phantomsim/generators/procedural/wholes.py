"""Organs of one piece: what neighbours cut off, or what leaked through a gap, goes to what lies around it."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from phantomsim.generators.clean import TOUCHING, dissolve
from phantomsim.generators.procedural.painted import Painted

LOOSE_mL = 25.0  # larger pieces stay: they are a mistake of the drawing, which the laws of topology tell


def whole(painted: Painted, wholes: tuple[tuple[int, ...], ...], voxel_mm: float) -> Painted:
    """The grid with one piece of each organ; pieces that the grid's edge may have cut off stay.

    Args:
        painted: numpy arrays; unchanged.
        wholes: sets of labels, each of which is one piece in everyone.
    """
    first = np.array(painted.first)
    if not dissolve(first, wholes, LOOSE_mL * 1000.0 / voxel_mm**3, keep_edge=True):
        return painted
    second, share = np.array(painted.second), np.array(painted.share)
    gone = first != painted.first
    near = ndimage.binary_dilation(gone, TOUCHING)
    for labels in wholes:  # rests of a piece in the voxels around it
        lost = near & np.isin(second, labels) & ~ndimage.binary_dilation(np.isin(first, labels), TOUCHING)
        gone |= lost
    second[gone], share[gone] = first[gone], 0.0
    return Painted(first, second, share)  # type: ignore[arg-type]
