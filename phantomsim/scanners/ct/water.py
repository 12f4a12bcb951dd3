"""Water correction: the path of water that gives a reading, where every cell has a beam of its own.

Behind a bowtie, or towards the anode, the beam is harder: the curve of water differs from cell to cell. The correction
(Herman, Phys. Med. Biol. 24 (1979) 81, doi:10.1088/0031-9155/24/1/008) is path = integral x f(integral), with f a
Chebyshev series whose coefficients are smooth in the paths through the filters: they are computed for few paths and
interpolated to the cells, by the Lagrange polynomial through Chebyshev points.
"""

from __future__ import annotations

from itertools import product
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from phantomsim import materials
from phantomsim.materials.spectra import filter_attenuation_per_mm
from phantomsim.scanners.ct.bases import Bases

LONGEST_MM = 600.0  # of water that is corrected; beyond, the last ratio goes on
TYPICAL_MM = 200.0  # of water whose ratio serves where nothing is corrected
TERMS = 13  # of the series in the line integral
POINTS = 10  # in each filter's range of paths
TABLE_MM = np.concatenate([[1e-3], np.geomspace(0.5, 2.5 * LONGEST_MM, 400)])
NEWTON_STEPS = 3
ALIKE_MM = 1e-9  # paths that differ by less are one


class WaterCorrection(NamedTuple):
    """The curve of water of each cell.

    Attributes:
        coefficients: of the Chebyshev series of path / integral, float32 [TERMS, row, column], or [TERMS, 1, 1] [mm].
        longest: line integral at the end of the series' range.
    """

    coefficients: jax.Array | np.ndarray
    longest: jax.Array | np.ndarray


def water_correction(bases: Bases, corrected: bool = True, beam: int = 0, response: int = 0) -> WaterCorrection:
    """The correction for the readings of one beam.

    Args:
        bases: of any tissues; its water counts.
        corrected: False: one ratio for all cells and paths, that of 200 mm of water on the central ray.
        beam: which of the bases' beams.
        response: which of the detector's responses.
    """
    one = bases.beams[beam]
    mu = bases.water @ materials.attenuation_matrix(bases.names, one.energy_keV)
    filters = [filter_attenuation_per_mm(name, one.energy_keV) for name in one.filters]
    # Where filters are crossed by none or by one and the same path, one point serves.
    points = [_points(path.min(), path.max()) for path in one.filter_paths_mm]
    states = np.array(list(product(*points)), float).reshape(-1, len(filters)) if filters else np.zeros((1, 0))
    exponent = states @ np.array(filters).reshape(len(filters), len(mu))
    share = one.weights[response] * np.exp(-exponent)
    share /= share.sum(-1, keepdims=True)
    if not corrected:
        middle = tuple(n // 2 for n in one.filter_exponent.shape[1:])
        central = one.weights[response] * np.exp(-one.filter_exponent[:, *middle])
        ratio = TYPICAL_MM / -np.log(np.exp(-mu * TYPICAL_MM) @ central / central.sum())
        return WaterCorrection(
            np.pad([[[ratio]]], ((0, TERMS - 1), (0, 0), (0, 0))).astype(np.float32), np.ones((), np.float32)
        )
    longest = float(-np.log(np.exp(-mu * LONGEST_MM) @ share.T).min())
    series = np.stack([_series(mu, s, longest) for s in share], -1).reshape(TERMS, *(len(p) for p in points))
    return WaterCorrection(_to_cells(series, points, one.filter_paths_mm), np.array(longest, np.float32))


@jax.jit
def water_paths(integrals: jax.Array, correction: WaterCorrection) -> jax.Array:
    """Path of water that gives each line integral [..., row, column] [mm]."""
    x = 2 * jnp.clip(integrals / correction.longest, 0, 1) - 1
    later, last = jnp.zeros_like(integrals), jnp.zeros_like(integrals)
    for term in correction.coefficients[:0:-1]:  # Clenshaw
        later, last = 2 * x * later - last + term, later
    return integrals * (x * later - last + correction.coefficients[0])


def _points(low: float, high: float) -> np.ndarray:
    """Chebyshev points of the square root of the path beyond the least: the first millimetres harden most."""
    if high - low < ALIKE_MM:
        return np.array([low])
    return low + (high - low) / 4 * np.square(1 - np.cos(np.pi * (np.arange(POINTS) + 0.5) / POINTS))


def _series(mu: np.ndarray, share: np.ndarray, longest: float) -> np.ndarray:
    """Chebyshev coefficients of path / integral over 0 .. longest [TERMS]."""
    wanted = longest * (np.cos(np.pi * (np.arange(2 * TERMS) + 0.5) / (2 * TERMS)) + 1) / 2
    path = np.interp(wanted, -np.log(np.exp(-np.outer(TABLE_MM, mu)) @ share), TABLE_MM)
    for _ in range(NEWTON_STEPS):
        passed = np.exp(-np.outer(path, mu)) * share
        total = passed.sum(-1)
        path += (wanted + np.log(total)) * total / (passed @ mu)
    return np.polynomial.chebyshev.chebfit(2 * wanted / longest - 1, path / wanted, TERMS - 1)


def _to_cells(series: np.ndarray, points: list[np.ndarray], paths_mm: np.ndarray) -> np.ndarray:
    """Interpolate series [TERMS, points of filter 1, ...] to each cell's paths -> float32 [TERMS, row, column]."""
    cells = np.broadcast_to(series[..., None], (*series.shape, paths_mm.shape[1] * paths_mm.shape[2]))
    for nodes, path in zip(points, paths_mm):
        place, known = np.sqrt(path.ravel() - path.min()), np.sqrt(nodes - path.min())
        ways = np.array([np.prod([(place - b) / (a - b) for b in known if b != a], axis=0) for a in known])
        cells = np.einsum("tp...n,pn->t...n", cells, ways.reshape(len(nodes), -1) * np.ones(cells.shape[-1]))
    return cells.reshape(TERMS, *paths_mm.shape[1:]).astype(np.float32)
