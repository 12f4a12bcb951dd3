"""A star with cones that run out from it: the spiculated mass.

A cone of length l, foot radius w and direction u, drawn at size s, is where rho / w + t / l < s for a point t along u
and rho beside it; so the union of the star and the cones at size s is where the least of their sizes is below s. Seen
from the centre the union is star-shaped, and its volume is an integral over directions: that of the star, and for each
cone what it holds beyond the star, by quadrature about its own axis.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import jax
import jax.numpy as jnp
import numpy as np

from phantomsim.generators.lesions.pieces import in_pieces
from phantomsim.generators.lesions.star import Star

_NODES, _AROUND = 96, 24  # quadrature about a cone's axis
APART_DEG = 12.0  # least angle between two axes
CONES = 16  # their number is rounded up to a multiple, so that little is compiled
_DRAWN = 1024  # directions tried; the same for any number, so that nothing is compiled anew


@dataclass(frozen=True)
class Spiculated:
    """A union of unit volume-equivalent radius.

    Attributes:
        core: the star.
        axis: unit vectors of the cones (x, y, z) [N, 3].
        length, width: in radii of the core [N].
        scale: of the core's radius, so that the union holds 4 pi / 3.
        reach: largest radius [1].
    """

    core: Star
    axis: np.ndarray
    length: np.ndarray
    width: np.ndarray
    scale: float

    @property
    def reach(self) -> float:
        return self.scale * max(self.core.reach, float(self.length.max(initial=0.0)))

    @property
    def extent(self) -> tuple[float, float]:
        short, long = self.core.extent
        return self.scale * short, self.scale * max(long, float(self.length.max(initial=0.0)))

    @property
    def slope(self) -> float:
        return max(self.core.slope / self.scale, float(self._steepness.max(initial=0.0)))

    def shell(self, z: np.ndarray, y: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, tuple[float, float]]:
        """See `Star.shell`."""
        return z * z + y * y + x * x, self.extent

    def size(self, offset_mm: np.ndarray, radius_mm: float = 0.0) -> np.ndarray:
        """See `Star.size`."""
        return np.minimum(*self._parts(offset_mm))

    def apart(self, offset_mm: np.ndarray, radius_mm: float) -> np.ndarray:
        """See `voxels`; of the star or of a cone, whichever is nearer or deeper: cones are far steeper.

        Args:
            offset_mm: points (x, y, z) from the centre [N, 3] [mm].
        """
        steep = float(self._steepness.max(initial=1.0))
        in_star, in_cones = self._parts(offset_mm)
        far = (in_star - np.float32(radius_mm)) * np.float32(self.scale / self.core.slope)
        return np.minimum(far, (in_cones - np.float32(radius_mm)) / np.float32(steep))

    @property
    def _steepness(self) -> np.ndarray:
        """How fast the sizes of cones change per millimetre [N]."""
        return np.hypot(1 / self.width, 1 / self.length) / self.scale

    def _parts(self, offset_mm: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Size of points in the star, and the least one in any cone."""
        count = max(1, -(-len(self.axis) // CONES) * CONES)
        cones = np.zeros((count, 5), np.float32)  # those without a direction have no points
        cones[: len(self.axis)] = np.column_stack([self.axis, 1 / self.length, 1 / self.width])
        scale = np.float32(self.scale)
        return self.core.size(offset_mm) / scale, in_pieces(_in_cones, offset_mm, cones) / scale


@jax.jit
def _in_cones(points: jax.Array, cones: jax.Array) -> jax.Array:
    """The least size of points in any cone, of axis (x, y, z), 1 / length and 1 / width [N, 5]; infinite behind all."""
    x, y, z = points.T
    square = x * x + y * y + z * z

    def nearer(least: jax.Array, cone: jax.Array) -> tuple[jax.Array, None]:
        u, v, w, shorter, thinner = cone
        along = u * x + v * y + w * z
        beside = jnp.sqrt(jnp.maximum(square - along * along, 0.0))
        size = jnp.where(along > 0, along * shorter + beside * thinner, jnp.inf)  # a cone has one end
        return jnp.minimum(least, size), None

    return jax.lax.scan(nearer, jnp.full(len(points), jnp.inf), cones)[0]


def spiculated(key: jax.Array, core: Star, length: np.ndarray, width: np.ndarray) -> Spiculated:
    """Give a star cones in directions that keep apart.

    Args:
        length, width: in radii of the star [N].
    """
    axis = _axes(key, len(length))
    length, width = length[: len(axis)], width[: len(axis)]
    extra = sum(_beyond(core, *cone) for cone in zip(axis, length, width))
    scale = (1 + extra / (4 * math.pi / 3)) ** (-1 / 3)
    return Spiculated(core, axis, length, width, scale)


def _axes(key: jax.Array, count: int) -> np.ndarray:
    """Directions, even over the sphere, each at least APART_DEG from those before; fewer where there is no room."""
    drawn = np.asarray(jax.random.normal(key, (_DRAWN, 3)), float)
    kept: list[np.ndarray] = []
    for one in drawn / np.linalg.norm(drawn, axis=1, keepdims=True):
        if len(kept) == count:
            break
        if all(one @ other < math.cos(math.radians(APART_DEG)) for other in kept):
            kept.append(one)
    return np.array(kept).reshape(-1, 3)


@cache
def _gauss() -> tuple[np.ndarray, np.ndarray]:
    return np.polynomial.legendre.leggauss(_NODES)


def _beyond(core: Star, u: np.ndarray, length: float, width: float) -> float:
    """Volume of a cone outside the core: integral of (r_cone^3 - r_core^3)+ / 3 over directions."""
    nodes, weights = _gauss()
    # Angles from the axis go as the cube of the node: most lie where the cone is long.
    t = (nodes + 1) / 2
    angle = (math.pi / 2) * t**3
    weight = weights / 2 * 3 * (math.pi / 2) * t**2 * np.sin(angle)
    side = np.cross(u, [1.0, 0.0, 0.0] if abs(u[0]) < 0.7 else [0.0, 1.0, 0.0])
    side /= np.linalg.norm(side)
    other = np.cross(u, side)
    turn = np.arange(_AROUND) * (2 * math.pi / _AROUND)
    beside = np.cos(turn)[:, None] * side + np.sin(turn)[:, None] * other
    to = np.cos(angle)[:, None, None] * u + np.sin(angle)[:, None, None] * beside
    cone = 1 / (np.sin(angle) / width + np.cos(angle) / length)
    ball = 1 / core.size(to)
    return float(weight @ np.maximum(cone[:, None] ** 3 - ball**3, 0).mean(axis=1)) * 2 * math.pi / 3
