"""Receive sensitivity of an array, in the quasi-static limit, and its table.

By reciprocity (Hoult and Richards 1976, doi:10.1016/0022-2364(76)90233-X) the voltage that a precessing moment
induces is the field per unit current of the coil there. With B0 along z the sensitivity is B_x - i B_y [uT/A]; with B0
along x it is B_y - i B_z, along y B_z - i B_x.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from phantomsim.scanners.mr.coils.arrays import coils
from phantomsim.scanners.mr.coils.coil import field
from phantomsim.scanners.mr.spec.array import Coils

NODE_mm = 8.0  # distance of the nodes on which the smooth sensitivities are tabulated
REACH_mm = 256.0  # half width of the table along each axis; beyond, the edge's value holds


def transverse(field_axis: str) -> tuple[int, int]:
    """Components (of x, y, z) across B0, right-handed about it."""
    axis = "xyz".index(field_axis)
    return (axis + 1) % 3, (axis + 2) % 3


def sensitivity(array: Coils, points_mm: np.ndarray) -> np.ndarray:
    """Receive sensitivities, complex128 [coil, ...] uT/A, at points [..., 3] mm."""
    first, second = transverse(array.field_axis)
    fields = (field(coil, points_mm) for coil in coils(array))
    return np.stack([b[..., first] - 1j * b[..., second] for b in fields])


def node_axis_mm() -> np.ndarray:
    """Coordinates of the table's nodes along any axis [mm]."""
    count = int(2 * REACH_mm / NODE_mm) + 1
    return (np.arange(count) - (count - 1) / 2) * NODE_mm


@lru_cache(maxsize=4)
def sensitivity_table(array: Coils) -> np.ndarray:
    """Sensitivities on the nodes, complex64 [coil, z, y, x] uT/A."""
    axis = node_axis_mm()
    z, y, x = np.meshgrid(axis, axis, axis, indexing="ij")
    table = sensitivity(array, np.stack([x, y, z], -1)).astype(np.complex64)
    table.setflags(write=False)
    return table


def interpolation(points_mm: np.ndarray) -> np.ndarray:
    """Cubic Lagrange weights from the nodes of one axis to points [N] mm, float32 [N, node]."""
    axis = node_axis_mm()
    at = np.clip((np.asarray(points_mm, float) - axis[0]) / NODE_mm, 0, len(axis) - 1)
    first = np.clip(np.floor(at).astype(int) - 1, 0, len(axis) - 4)
    t = at - first
    weights = np.zeros((len(at), len(axis)), np.float32)
    for j in range(4):
        others = [i for i in range(4) if i != j]
        weights[np.arange(len(at)), first + j] = np.prod([(t - i) / (j - i) for i in others], axis=0)
    return weights
