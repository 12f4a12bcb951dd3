"""Receive sensitivity of an array of circular loops, in the quasi-static limit (Biot-Savart).

By reciprocity (Hoult and Richards 1976, doi:10.1016/0022-2364(76)90233-X) the voltage that a precessing moment
induces is the field per unit current of the loop there. The sensitivity is B_x - i B_y [uT/A].
Scanner frame: origin at the isocentre, z along B0, x and y those of the phantom's grid.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.special import ellipe, ellipkm1

from phantomsim.scanners.mr.spec import LoopArray

MU0_uT_mm_per_A = 1256.63706127  # vacuum permeability, CODATA 2022, as uT mm / A
WIRE_mm = 3.0  # softens the field at the conductor, as its width does

NODE_mm = 8.0  # distance of the nodes on which the smooth sensitivities are tabulated
REACH_mm = 256.0  # half width of the table along each axis; beyond, the edge's value holds


@dataclass(frozen=True)
class Loop:
    """One circular loop: centre [mm], unit normal, radius [mm]."""

    centre_mm: np.ndarray
    normal: np.ndarray
    radius_mm: float


def loops(array: LoopArray) -> list[Loop]:
    """The loops of an array: ring by ring along z, each ring counter-clockwise from +x; normals point inwards."""
    found = []
    for ring in range(array.rings):
        z = (ring - (array.rings - 1) / 2) * array.ring_distance_mm
        for i in range(array.count):
            angle = 2 * np.pi * (i + 0.5 * (ring % 2)) / array.count
            out = np.array([np.cos(angle), np.sin(angle), 0.0])
            found.append(Loop(array.radius_mm * out + [0.0, 0.0, z], -out, array.loop_radius_mm))
    return found


def _cylindrical(loop: Loop, points_mm: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    r = np.asarray(points_mm, float) - loop.centre_mm
    along = r @ loop.normal
    across = r - along[..., None] * loop.normal
    rho = np.linalg.norm(across, axis=-1)
    return along, rho, across / np.maximum(rho, 1e-9)[..., None], (loop.radius_mm - rho) ** 2 + along**2 + WIRE_mm**2


def field(loop: Loop, points_mm: np.ndarray) -> np.ndarray:
    """Magnetic field of a loop per unit current, [..., 3] uT/A at points [..., 3] mm.

    Complete elliptic integrals (Smythe, Static and Dynamic Electricity, 3rd ed., 7.10).
    """
    along, rho, radial, near = _cylindrical(loop, points_mm)
    a, far = loop.radius_mm, near + 4 * loop.radius_mm * rho
    k, e = ellipkm1(near / far), ellipe(4 * a * rho / far)
    scale = MU0_uT_mm_per_A / (2 * np.pi * np.sqrt(far))
    axial = scale * (k + (2 * a * (a - rho) / near - 1) * e)
    outward = scale * along / np.maximum(rho, 1e-6) * ((1 + 2 * a * rho / near) * e - k)
    return axial[..., None] * loop.normal + outward[..., None] * radial


def vector_potential(loop: Loop, points_mm: np.ndarray) -> np.ndarray:
    """Magnetic vector potential of a loop per unit current, [..., 3] uT mm/A (Smythe, 7.10)."""
    _, rho, radial, near = _cylindrical(loop, points_mm)
    a, far = loop.radius_mm, near + 4 * loop.radius_mm * rho
    m = np.maximum(4 * a * rho / far, 1e-12)
    k, e = ellipkm1(1 - m), ellipe(m)
    # ((1 - m/2) K - E) cancels at small m: there its series pi m^2 / 32.
    turn = np.where(m < 1e-4, np.pi * m**2 / 32, (1 - m / 2) * k - e)
    size = MU0_uT_mm_per_A / np.pi * np.sqrt(a / np.maximum(rho, 1e-9) / m) * turn
    return size[..., None] * np.cross(loop.normal, radial)


def sensitivity(array: LoopArray, points_mm: np.ndarray) -> np.ndarray:
    """Receive sensitivities B_x - i B_y, complex128 [coil, ...] uT/A, at points [..., 3] mm."""
    fields = (field(loop, points_mm) for loop in loops(array))
    return np.stack([b[..., 0] - 1j * b[..., 1] for b in fields])


def node_axis_mm() -> np.ndarray:
    """Coordinates of the table's nodes along any axis [mm]."""
    count = int(2 * REACH_mm / NODE_mm) + 1
    return (np.arange(count) - (count - 1) / 2) * NODE_mm


@lru_cache(maxsize=4)
def sensitivity_table(array: LoopArray) -> np.ndarray:
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
