"""Transmit field B1+ relative to what was asked for, from coil and load alone: it is the same for all patients.

"birdcage": the rotating field of a cage in its homogeneous mode, by Biot and Savart. "dielectric": a rotating field in
a long homogeneous cylinder. There E_z of angular order one solves Helmholtz' equation, and the part of its magnetic
field that turns with the spins is J0(k rho) exactly (Glover et al. 1985, doi:10.1016/0022-2364(85)90171-4; Tropp 2004,
doi:10.1016/j.jmr.2003.12.002), k^2 = (w/c)^2 (eps - i sigma / (w eps0)). A head is shorter than its wavelength is
long along z, so the cylinder overstates the effect somewhat.

Both are scaled as a scanner calibrates: the mean over the middle slab of the load is 1.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from scipy.special import jv

from phantomsim.scanners.mr.coils import Coil, field, interpolation, node_axis_mm, quadrature
from phantomsim.scanners.mr.noise import larmor_rad_per_s
from phantomsim.scanners.mr.spec.array import Load
from phantomsim.scanners.mr.spec.fields import Fields

LIGHT_mm_per_s = 2.99792458e11  # SI, exact
EPSILON0_S_s_per_m = 8.8541878188e-12  # CODATA 2022
RUNGS = 16
SLAB_mm = 20.0  # of the load, about the isocentre, over which the mean is 1


def transmit_map(
    fields: Fields, load: Load, field_T: float, axes_mm: tuple[np.ndarray, np.ndarray, np.ndarray]
) -> np.ndarray | None:
    """|B1+| over the nominal one at voxels, float32 [z, y, x]; None if it is 1 everywhere.

    Args:
        axes_mm: coordinates of voxels from the isocentre along z, y, x.
    """
    if fields.transmit == "uniform":
        return None
    z, y, x = (interpolation(axis) for axis in axes_mm)
    found = np.einsum("yj,zjx->zyx", y, np.einsum("zi,ijk,xk->zjx", z, table(fields, load, field_T), x, optimize=True))
    return found.astype(np.float32)


@lru_cache(maxsize=4)
def table(fields: Fields, load: Load, field_T: float) -> np.ndarray:
    """|B1+| on the nodes of `coils.node_axis_mm`, float32 [z, y, x]; the mean over the load's middle is 1."""
    axis = node_axis_mm()
    half = axis[axis >= 0]  # all is the same at -x, -y and -z
    z, y, x = np.meshgrid(half, half, half, indexing="ij")
    if fields.transmit == "birdcage":
        size = birdcage(fields.transmit_radius_mm, fields.transmit_length_mm, np.stack([x, y, z], -1))
    else:
        size = dielectric(load, field_T, np.hypot(x, y))
    mirrored = np.abs(np.arange(len(axis)) - len(axis) // 2)
    size = size[np.ix_(mirrored, mirrored, mirrored)]
    found = (size / size[_middle(load, axis)].mean()).astype(np.float32)
    found.setflags(write=False)
    return found


def _middle(load: Load, axis: np.ndarray) -> np.ndarray:
    """Nodes in the middle slab of the load, bool [z, y, x]."""
    disc = axis[:, None] ** 2 + axis**2 <= load.radius_mm**2
    return (np.abs(axis) <= SLAB_mm / 2)[:, None, None] & disc


def birdcage(radius_mm: float, length_mm: float, points_mm: np.ndarray) -> np.ndarray:
    """|B1+| of a cage driven in quadrature, |B_x + i B_y| / 2, per current [...] uT/A.

    At most twice that in the middle, so that conductors within the table do no harm.
    """
    driven = quadrature(radius_mm, length_mm, RUNGS)
    senses = [np.abs(_turning(driven, np.zeros(3), sense)) for sense in (1j, -1j)]
    sense = 1j if senses[0] > senses[1] else -1j
    return np.minimum(np.abs(_turning(driven, points_mm, sense)), 2 * max(senses))


def _turning(driven: Coil, points_mm: np.ndarray, sense: complex) -> np.ndarray:
    """Part of a field that turns in one sense."""
    b = field(driven, points_mm)
    return (b[..., 0] + sense * b[..., 1]) / 2


def wavenumber_per_mm(load: Load, field_T: float) -> complex:
    """k in the load at the Larmor frequency."""
    w = larmor_rad_per_s(field_T)
    complex_permittivity = load.permittivity - 1j * load.conductivity_S_per_m / (w * EPSILON0_S_s_per_m)
    return complex(w / LIGHT_mm_per_s * np.sqrt(complex_permittivity))


def dielectric(load: Load, field_T: float, rho_mm: np.ndarray) -> np.ndarray:
    """|B1+| in a long cylinder over that on its axis [...]; outside the cylinder, its value at the surface."""
    rho = np.minimum(rho_mm, load.radius_mm)
    return np.abs(jv(0, wavenumber_per_mm(load, field_T) * rho))
