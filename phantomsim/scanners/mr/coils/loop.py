"""A circular loop of wire: its magnetic field and vector potential in closed form (complete elliptic integrals)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ellipe, ellipkm1

MU0_uT_mm_per_A = 1256.63706127  # vacuum permeability, CODATA 2022, as uT mm / A
WIRE_mm = 3.0  # softens the field at the conductor, as its width does


@dataclass(frozen=True)
class Loop:
    """One circular loop: centre [mm], unit normal, radius [mm]."""

    centre_mm: np.ndarray
    normal: np.ndarray
    radius_mm: float

    @property
    def length_mm(self) -> float:
        """Length of the wire."""
        return 2 * np.pi * self.radius_mm


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
