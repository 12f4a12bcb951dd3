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
import numpy as np

from phantomsim.generators.lesions.star import Star

_NODES, _AROUND = 96, 24  # quadrature about a cone's axis
APART_DEG = 12.0  # least angle between two axes
CHUNK = 2**12  # points at a time, each with all cones, which stay in the cache
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
        points = offset_mm.reshape(-1, 3)
        parts = [np.minimum(*self._parts(points[i : i + CHUNK])) for i in range(0, len(points), CHUNK)]
        return np.concatenate([np.zeros(0, np.float32), *parts]).reshape(offset_mm.shape[:-1])

    def apart(self, offset_mm: np.ndarray, radius_mm: float) -> np.ndarray:
        """See `voxels`; of the star or of a cone, whichever is nearer or deeper: cones are far steeper.

        Args:
            offset_mm: points (x, y, z) from the centre [N, 3] [mm].
        """
        steep = float(self._steepness.max(initial=1.0))
        parts = [self._parts(offset_mm[i : i + CHUNK]) for i in range(0, len(offset_mm), CHUNK)]
        found = [np.minimum((a - radius_mm) * self.scale / self.core.slope, (b - radius_mm) / steep) for a, b in parts]
        return np.concatenate([np.zeros(0, np.float32), *found])

    @property
    def _steepness(self) -> np.ndarray:
        """How fast the sizes of cones change per millimetre [N]."""
        return np.hypot(1 / self.width, 1 / self.length) / self.scale

    def _parts(self, offset_mm: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Size of points [N, 3] in the star, and the least one in any cone."""
        points, axis = offset_mm.T.astype(np.float32), self.axis.astype(np.float32)
        along = axis @ points
        beside = (points * points).sum(axis=0) - along * along
        np.sqrt(np.maximum(beside, 0.0, out=beside), out=beside)
        beside *= (1 / self.width).astype(np.float32)[:, None]
        size = along * (1 / self.length).astype(np.float32)[:, None]
        size += beside
        size[along <= 0] = np.inf  # a cone has one end
        scale = np.float32(self.scale)
        return self.core.size(offset_mm) / scale, size.min(axis=0, initial=np.inf) / scale


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
