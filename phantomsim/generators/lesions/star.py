"""A star-shaped lesion: radius as a random function on the sphere, voxels by partial volume.

The log radius is a Gaussian random field on the sphere: real spherical harmonics of degree 2 to 8 with power falling as
l^-smoothness (Gaussian random spheres: Muinonen 1996, "Light scattering by Gaussian random particles", Earth, Moon and
Planets 72). Degree 0 is the volume and degree 1 a shift, so both are left out. The log keeps the radius positive.
The field is drawn once per key; voxels only sample it: the same key is the same shape at any resolution.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import jax
import numpy as np
from scipy.special import sph_harm_y

LARGEST_DEGREE = 8
REACH_SD = 3.0  # a shape whose radius reaches beyond exp(3 SD) times the mean is flattened to it, to bound the box
_N_THETA, _N_PHI = 64, 128  # nodes of the quadrature and of the map; degree 8 needs 9 x 17
CHUNK = 2**14  # points at a time, which stay in the cache


@dataclass(frozen=True)
class Star:
    """A shape of unit volume-equivalent radius.

    Attributes:
        radius: r(theta, phi) [1], scaled so that the volume is 4 pi / 3; [theta, phi], both ends of theta included,
            the first column repeated at the end.
        reach: bound on the largest radius [1], the same for all shapes of one irregularity.
    """

    radius: np.ndarray
    reach: float

    def size(self, offset_mm: np.ndarray, radius_mm: float = 0.0) -> np.ndarray:
        """Distance from the centre in units of the shape's radius in that direction: inside where it is below R [mm].

        Args:
            offset_mm: points (x, y, z) from the centre [mm], last axis 3.
            radius_mm: not needed; other forms need it.
        """
        points, radius = offset_mm.reshape(-1, 3), self.radius.ravel()
        out = np.empty(len(points))
        for first in range(0, len(points), CHUNK):
            part = slice(first, first + CHUNK)
            out[part] = _in_radii(points[part], radius)
        return out.reshape(offset_mm.shape[:-1])

    def shell(self, z: np.ndarray, y: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, tuple[float, float]]:
        """Squared distances of points [mm^2], and bounds on the distances of the surface of radius 1 mm."""
        return z * z + y * y + x * x, self.extent

    @property
    def extent(self) -> tuple[float, float]:
        """Smallest and largest radius [1]."""
        return float(self.radius.min()), float(self.radius.max())

    @property
    def slope(self) -> float:
        """Bound on how fast `size` changes per millimetre: 1 / smallest radius, and its tilt."""
        log = np.log(self.radius)
        around = np.abs(np.diff(log, axis=1)).max() * (log.shape[1] - 1) / (2 * np.pi)
        along = np.abs(np.diff(log, axis=0)).max() * (log.shape[0] - 1) / np.pi
        return math.hypot(1.0, max(along, min(around, 4 * along))) / float(self.radius.min())


def _in_radii(points: np.ndarray, radius: np.ndarray) -> np.ndarray:
    """Distance of points (x, y, z) over the radius in their direction, from a flat map by linear interpolation."""
    x, y, z = (np.ascontiguousarray(column, float) for column in points.T)
    distance = np.sqrt(x * x + y * y + z * z)
    theta = np.arccos(np.clip(z / np.maximum(distance, 1e-9), -1, 1)) * (_N_THETA / np.pi)
    phi = np.arctan2(y, x) * (_N_PHI / (2 * np.pi))
    phi += np.where(phi < 0, _N_PHI, 0)
    row, column = (np.minimum(a.astype(np.int32), n - 1) for a, n in ((theta, _N_THETA), (phi, _N_PHI)))
    theta -= row
    phi -= column
    row *= _N_PHI + 1
    row += column
    low, high = (radius[row + k] * (1 - theta) + radius[row + k + _N_PHI + 1] * theta for k in (0, 1))
    return distance / (low * (1 - phi) + high * phi)


def star(key: jax.Array, irregularity: float, smoothness: float) -> Star:
    """Draw a shape.

    Args:
        key: of this lesion.
        irregularity: SD of the log radius [1].
        smoothness: decay of power with degree [1].
    """
    nodes, weights = np.polynomial.legendre.leggauss(_N_THETA)
    phi = np.arange(_N_PHI) * (2 * np.pi / _N_PHI)
    even = np.linspace(0, np.pi, _N_THETA + 1)
    coefficients = _coefficients(key, irregularity, smoothness)
    on_nodes = _field(coefficients, np.arccos(nodes), phi)
    on_map = _field(coefficients, even, phi)
    reach = float(np.exp(REACH_SD * irregularity))
    gain = _gain(on_nodes, on_map, weights, reach)
    radius = np.exp(gain * on_map) / _mean_radius(gain * on_nodes, weights)
    return Star(np.concatenate([radius, radius[:, :1]], axis=1), reach)


def _coefficients(key: jax.Array, irregularity: float, smoothness: float) -> list[np.ndarray]:
    """For each degree 2 .. 8 its 2 l + 1 coefficients; the field's variance is sum (2 l + 1) s_l^2 / 4 pi."""
    degrees = np.arange(2, LARGEST_DEGREE + 1)
    power = degrees ** -float(smoothness)
    power *= irregularity**2 / power.sum()
    draws = np.asarray(jax.random.normal(key, (len(degrees), 2 * LARGEST_DEGREE + 1)), float)
    return [draws[i, : 2 * n + 1] * np.sqrt(4 * np.pi * power[i] / (2 * n + 1)) for i, n in enumerate(degrees)]


def _field(coefficients: list[np.ndarray], theta: np.ndarray, phi: np.ndarray) -> np.ndarray:
    """Sum of real spherical harmonics on a product grid [theta, phi]."""
    total = np.zeros((len(theta), len(phi)))
    for i, c in enumerate(coefficients):
        degree = i + 2
        for m in range(degree + 1):
            along = sph_harm_y(degree, m, theta, 0.0).real * (np.sqrt(2) if m else 1.0)
            around = c[0] * np.ones_like(phi) if m == 0 else c[2 * m - 1] * np.cos(m * phi) + c[2 * m] * np.sin(m * phi)
            total += along[:, None] * around[None, :]
    return total


def _mean_radius(log_radius: np.ndarray, weights: np.ndarray) -> float:
    """Radius of the ball of equal volume, (integral of r^3 over the sphere / 4 pi)^(1/3), by Gauss-Legendre."""
    return float((weights @ np.exp(3 * log_radius).mean(axis=1) / 2) ** (1 / 3))


def _gain(on_nodes: np.ndarray, on_map: np.ndarray, weights: np.ndarray, reach: float) -> float:
    """1, or the factor below it that brings the largest radius down to `reach`."""
    low, high = 0.0, 1.0
    if np.exp(on_map.max()) / _mean_radius(on_nodes, weights) <= reach:
        return 1.0
    for _ in range(30):
        gain = (low + high) / 2
        fits = np.exp(gain * on_map.max()) / _mean_radius(gain * on_nodes, weights) <= reach
        low, high = (gain, high) if fits else (low, gain)
    return low
