"""The anti-scatter grid: lamellae that point at the focal spot.

Quanta of the beam run along the lamellae: they pass the gaps, and the lamellae's full height. Scattered ones cross. A
straight way at a slant meets the lamellae in lengths that depend on where it enters, evenly distributed: the average of
exp(-mu path) over that place is taken in closed form, so a quantum may pass through a lamella. Grids focused on the
spot are taken as parallel over the size of a gap, and their air as empty. What a grid does is put as by IEC 60627: the
transmission of primary radiation Tp and of scattered radiation Ts; selectivity is Tp / Ts.
"""

from __future__ import annotations

import numpy as np

from phantomsim import materials
from phantomsim.scanners.ct.spec import AntiScatterGrid

AZIMUTHS = 16  # in a quarter of a turn


def primary(grid: AntiScatterGrid, energy_keV: np.typing.ArrayLike) -> np.ndarray:
    """Share of the beam that passes the grid, float64 [N]. Multiply by a cell's area without lamellae."""
    return crossing(grid, np.asarray(energy_keV, float), np.zeros(1), np.zeros(1))[0]


def scattered(grid: AntiScatterGrid, energy_keV: np.typing.ArrayLike, polar_rad: np.typing.ArrayLike) -> np.ndarray:
    """Share of scattered quanta that pass, by their angle to the beam, evenly over azimuth.

    Args:
        energy_keV: [N].
        polar_rad: angle to the ray from the focal spot, 0 to pi/2 [A].
    Returns:
        float64 [A, N].
    """
    azimuth = (np.arange(AZIMUTHS) + 0.5) * np.pi / 2 / AZIMUTHS
    tangent = np.tan(np.minimum(np.asarray(polar_rad, float), np.pi / 2 - 1e-6))[:, None]
    across, along = (tangent * f(azimuth) for f in (np.cos, np.sin))
    passed = crossing(grid, np.asarray(energy_keV, float), across.ravel(), along.ravel())
    return passed.reshape(*across.shape, -1).mean(1)


def crossing(grid: AntiScatterGrid, energy_keV: np.ndarray, across: np.ndarray, along: np.ndarray) -> np.ndarray:
    """Share of quanta of one direction that pass, over all places where they may enter.

    Args:
        energy_keV: [N].
        across: tangent of the angle to the beam, in the plane of the detector's rows [A].
        along: the same along z; lamellae across z are there in two-dimensional grids only [A].
    Returns:
        float64 [A, N].
    """
    mu = materials.attenuation_matrix([grid.material], energy_keV)[0]
    length = np.sqrt(1 + across**2 + along**2)  # of the way, per height
    passed = _lamellae(grid, mu, np.abs(across), length)
    return passed * _lamellae(grid, mu, np.abs(along), length) if grid.two_dimensional else passed


def _lamellae(grid: AntiScatterGrid, mu_per_mm: np.ndarray, slope: np.ndarray, length: np.ndarray) -> np.ndarray:
    """Transmission of one set of lamellae [A, N].

    Seen across the lamellae, a way covers `reach` and is in metal for part of it: in `whole` periods for one thickness
    each, and in the rest for the overlap of an interval with one lamella: a trapezium over the place of entry.
    """
    period, height = grid.lamella_mm + grid.gap_mm, grid.ratio * grid.gap_mm
    reach = np.maximum(slope * height, 1e-9 * period)
    per_mm = mu_per_mm * (length * height / reach)[:, None]  # of distance across
    whole, rest = np.divmod(reach, period)
    low, high = np.maximum(rest + grid.lamella_mm - period, 0), np.minimum(rest, grid.lamella_mm)
    flank, top = (high - low) / period, np.abs(rest - grid.lamella_mm) / period
    steep = per_mm * (high - low)[:, None]
    slanted = np.where(steep > 1e-9, -np.expm1(-steep) / np.maximum(steep, 1e-9), 1.0)
    above = top[:, None] * np.exp(-steep) + 2 * flank[:, None] * slanted + (1 - 2 * flank - top)[:, None]
    return above * np.exp(-per_mm * (low + whole * grid.lamella_mm)[:, None])
