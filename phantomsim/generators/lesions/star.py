"""A star-shaped lesion: radius as a random function on the sphere, voxels by partial volume.

The log radius is a Gaussian random field on the sphere: real spherical harmonics of degree 2 to 8 with power falling as
l^-smoothness (Gaussian random spheres: Muinonen 1996, "Light scattering by Gaussian random particles", Earth, Moon and
Planets 72). Degree 0 is the volume and degree 1 a shift, so both are left out. The log keeps the radius positive.
The field is drawn once per key; voxels only sample it: the same key is the same shape at any resolution. It is kept on
the six faces of a cube, where finding a direction takes a division and no arc function.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
from scipy.special import sph_harm_y

from phantomsim.generators.lesions.pieces import in_pieces

LARGEST_DEGREE = 8
REACH_SD = 3.0  # a shape whose radius reaches beyond exp(3 SD) times the mean is flattened to it, to bound the box
CELLS = 32  # of a face, along each side; 2.8 degrees on the mean
_N_THETA, _N_PHI = 24, 48  # nodes of the quadrature of the volume


@dataclass(frozen=True)
class Star:
    """A shape of unit volume-equivalent radius.

    Attributes:
        radius: r [1] in the directions of the nodes of a cube's faces, scaled so that the volume is 4 pi / 3, float32
            [face, CELLS + 1, CELLS + 1]; faces are +x, -x, +y, -y, +z, -z, and their axes the other two in this order.
        reach: bound on the largest radius [1], the same for all shapes of one irregularity.
    """

    radius: np.ndarray
    reach: float

    def size(self, offset_mm: np.ndarray, radius_mm: float = 0.0) -> np.ndarray:
        """Distance from the centre in units of the shape's radius in that direction: inside where it is below R [mm].

        Args:
            offset_mm: points (x, y, z) from the centre [mm], last axis 3.
            radius_mm: not needed; other forms need it.
        Returns:
            float32, the shape of the points.
        """
        return in_pieces(_in_radii, offset_mm, self.radius)

    def shell(self, z: np.ndarray, y: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, tuple[float, float]]:
        """Squared distances of points [mm^2], and bounds on the distances of the surface of radius 1 mm."""
        return z * z + y * y + x * x, self.extent

    @property
    def extent(self) -> tuple[float, float]:
        """Smallest and largest radius [1]."""
        return float(self.radius.min()), float(self.radius.max())

    @property
    def slope(self) -> float:
        """Bound on how fast `size` changes per millimetre: |grad (d / r)| = sqrt(1 + |grad log r|^2) / r on the sphere.

        At each corner of each cell, from the differences along the two sides that meet there, which lean to each other.
        """
        edge = np.linspace(-1, 1, CELLS + 1)
        log, steepest = np.log(self.radius.astype(float)), 0.0
        by_u, by_v = (np.diff(log, axis=axis) * (CELLS / 2) for axis in (1, 2))
        for a, b in ((0, 0), (0, 1), (1, 0), (1, 1)):  # the corner: at the cell's first or last u and v
            u, v = np.ix_(edge[a : CELLS + a], edge[b : CELLS + b])
            far = 1 + u * u + v * v
            along_u = by_u[:, :, b : CELLS + b] * far / np.sqrt(1 + v * v)  # per radian
            along_v = by_v[:, a : CELLS + a] * far / np.sqrt(1 + u * u)
            lean = -u * v / np.sqrt((1 + u * u) * (1 + v * v))
            tilt = (along_u**2 + along_v**2 - 2 * lean * along_u * along_v) / (1 - lean**2)
            radius = self.radius[:, a : CELLS + a, b : CELLS + b]
            steepest = max(steepest, float((np.sqrt(1 + tilt) / radius).max()))
        return steepest


@jax.jit
def _in_radii(points: jax.Array, radius: jax.Array) -> jax.Array:
    """Distance of points (x, y, z) over the radius in their direction, from the faces by linear interpolation."""
    x, y, z = points.T
    wide, deep, high = jnp.abs(x), jnp.abs(y), jnp.abs(z)
    most = jnp.maximum(jnp.maximum(wide, deep), high)
    on_x = wide >= most
    on_z = (high >= most) & ~on_x
    scale = (CELLS / 2) / jnp.maximum(most, 1e-9)
    u = jnp.where(on_x, y, x) * scale + CELLS / 2
    v = jnp.where(on_z, y, z) * scale + CELLS / 2
    face = jnp.where(on_x, x < 0, jnp.where(on_z, 4 + (z < 0), 2 + (y < 0))).astype(jnp.int32)
    row, column = (jnp.minimum(a.astype(jnp.int32), CELLS - 1) for a in (u, v))
    u, v = u - row, v - column
    low, high = (radius[face, row, column + k] * (1 - u) + radius[face, row + 1, column + k] * u for k in (0, 1))
    return jnp.sqrt(x * x + y * y + z * z) / (low * (1 - v) + high * v)


def star(key: jax.Array, irregularity: float, smoothness: float) -> Star:
    """Draw a shape.

    Args:
        key: of this lesion.
        irregularity: SD of the log radius [1].
        smoothness: decay of power with degree [1].
    """
    coefficients = _coefficients(key, irregularity, smoothness)
    at_nodes, weights = _quadrature()
    on_nodes, on_faces = at_nodes @ coefficients, _at_faces() @ coefficients
    reach = float(np.exp(REACH_SD * irregularity))
    gain = _gain(on_nodes, on_faces, weights, reach)
    radius = np.exp(gain * on_faces) / _mean_radius(gain * on_nodes, weights)
    return Star(radius.reshape(6, CELLS + 1, CELLS + 1).astype(np.float32), reach)


def _coefficients(key: jax.Array, irregularity: float, smoothness: float) -> np.ndarray:
    """The 2 l + 1 coefficients of each degree 2 .. 8 in turn; the field's variance is sum (2 l + 1) s_l^2 / 4 pi."""
    degrees = np.arange(2, LARGEST_DEGREE + 1)
    power = degrees ** -float(smoothness)
    power *= irregularity**2 / power.sum()
    draws = np.asarray(jax.random.normal(key, (len(degrees), 2 * LARGEST_DEGREE + 1)), float)
    scale = np.sqrt(4 * np.pi * power / (2 * degrees + 1))
    return np.concatenate([draws[i, : 2 * n + 1] * scale[i] for i, n in enumerate(degrees)])


def _harmonics(theta: np.ndarray, phi: np.ndarray) -> np.ndarray:
    """Real spherical harmonics of the degrees [points, coefficients]; of each degree m = 0, then cos and sin of m."""
    columns = []
    for degree in range(2, LARGEST_DEGREE + 1):
        columns.append(sph_harm_y(degree, 0, theta, phi).real)
        for m in range(1, degree + 1):
            value = np.sqrt(2) * sph_harm_y(degree, m, theta, phi)
            columns += [value.real, value.imag]
    return np.stack(columns, axis=-1)


@cache
def _at_faces() -> np.ndarray:
    """Harmonics in the directions of the nodes of the faces; see `Star.radius`."""
    u, v = np.meshgrid(*2 * [np.linspace(-1, 1, CELLS + 1)], indexing="ij")
    nodes = []
    for axis in range(3):
        for end in (1.0, -1.0):
            place = [u, v]
            place.insert(axis, np.full_like(u, end))
            nodes.append(np.stack(place, axis=-1))
    x, y, z = np.concatenate(nodes).reshape(-1, 3).T
    return _harmonics(np.arctan2(np.hypot(x, y), z), np.arctan2(y, x))


@cache
def _quadrature() -> tuple[np.ndarray, np.ndarray]:
    """Harmonics at the nodes of a Gauss-Legendre quadrature of the sphere, and its weights, which add to 1."""
    nodes, weights = np.polynomial.legendre.leggauss(_N_THETA)
    phi = np.arange(_N_PHI) * (2 * np.pi / _N_PHI)
    theta, around = (a.ravel() for a in np.meshgrid(np.arccos(nodes), phi, indexing="ij"))
    return _harmonics(theta, around), np.repeat(weights / (2 * _N_PHI), _N_PHI)


def _mean_radius(log_radius: np.ndarray, weights: np.ndarray) -> float:
    """Radius of the ball of equal volume, (integral of r^3 over the sphere / 4 pi)^(1/3)."""
    return float((weights @ np.exp(3 * log_radius)) ** (1 / 3))


def _gain(on_nodes: np.ndarray, on_faces: np.ndarray, weights: np.ndarray, reach: float) -> float:
    """1, or the factor below it that brings the largest radius down to `reach`."""
    low, high = 0.0, 1.0
    if np.exp(on_faces.max()) / _mean_radius(on_nodes, weights) <= reach:
        return 1.0
    for _ in range(30):
        gain = (low + high) / 2
        fits = np.exp(gain * on_faces.max()) / _mean_radius(gain * on_nodes, weights) <= reach
        low, high = (gain, high) if fits else (low, gain)
    return low
