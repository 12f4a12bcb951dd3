"""Lesions that take their form from the anatomy, and those that lie against the inner table.

Each is a region of voxels and a number for each of them, such that the lesion of a size is where the number is below
that size; the size is the one at which the requested volume lies in the region.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from phantomsim.generators.lesions.boxes import bounds, chosen, inner, within
from phantomsim.generators.lesions.distances import Depth
from phantomsim.generators.lesions.held import Held, holding
from phantomsim.generators.lesions.regions import inside, ventricles
from phantomsim.grid import Grid
from phantomsim.phantom import Phantom

FLOOR = 0.5  # growth of the depth upwards above which a wall is the skull's base


@dataclass
class Space:
    """The anatomy that such lesions fit into, of one patient; parts are found when first asked for.

    Attributes:
        phantom: as it is when the lesion comes.
        reach_mm: how far below the skull depths matter; deeper is known to be so, and no more.
    """

    phantom: Phantom
    reach_mm: float = math.inf

    def __post_init__(self) -> None:
        self._kept: dict[str, tuple[np.ndarray, tuple[slice, ...]]] = {}
        self._depth: Depth | None = None

    def inside(self) -> tuple[np.ndarray, tuple[slice, ...]]:
        """The inside of the skull, bool of a box, and the box."""
        if "inside" not in self._kept:
            found, box, self._shares = inside(self.phantom)
            self._kept["inside"] = found, box
        return self._kept["inside"]

    def depth(self) -> tuple[Depth, tuple[slice, ...]]:
        """Distance of the inside of the skull from its wall (negative outside), and the box that it is given in."""
        brain, box = self.inside()
        if self._depth is None:
            self._depth = Depth.of_shares(self._shares, brain.shape, self.phantom.grid, self.reach_mm)
        return self._depth, box

    def ventricles(self) -> tuple[np.ndarray, tuple[slice, ...]]:
        """The ventricles, bool of a box, and the box."""
        if "ventricles" not in self._kept:
            depth, box = self.depth()
            self._kept["ventricles"] = ventricles(self.phantom, self.inside()[0], depth, box)
        return self._kept["ventricles"]


@dataclass(frozen=True)
class Field:
    """Sizes [mm] in a box; infinite where the lesion never is.

    Attributes:
        value: float32 [z, y, x].
        start: of the box.
        width: over which a voxel fades [mm].
        depth: below the wall that the lesion lies against [mm], where it lies against one.
        thickness: of the lesion of a size, by place [mm].
    """

    value: np.ndarray
    start: tuple[int, int, int]
    width: float
    depth: np.ndarray | None = None
    thickness: Callable[[float], np.ndarray] | None = None

    def thickening(self, size: float) -> Field:
        """The lesion of a size as it comes to be: at 1 it is whole, below it is thinner on the same ground.

        Those that do not lie against a wall grow from their middle.
        """
        if self.depth is None or self.thickness is None:
            return self
        thickness = np.maximum(self.thickness(size), 1e-3)
        # A voxel's own share of the thickness is what it fades over, on the mean.
        width = self.width / max(float(thickness.max()), self.width)
        ground = self.value <= size + self.width
        share = np.full(self.value.shape, np.inf, np.float32)
        share[ground] = np.maximum(self.depth[ground], 0) / thickness[ground]
        return Field(share, self.start, width)

    @functools.cached_property
    def _held(self) -> Held:
        return Held.of(self.value.ravel()[np.flatnonzero(np.isfinite(self.value))], self.width)

    def fraction(self, size: float) -> np.ndarray:
        """Volume fraction of the lesion of a size, float32 [z, y, x]."""
        out = np.zeros(self.value.shape, np.float32)
        near = np.flatnonzero(self.value < size + self.width)
        out.ravel()[near] = np.clip((size - self.value.ravel()[near]) / self.width + 0.5, 0.0, 1.0)
        return out

    def holding(self, voxels: float) -> float | None:
        """The size at which the lesion holds so many voxels; None where the region holds less."""
        sizes = self._held.sizes
        if len(sizes) < max(voxels, 1):
            return None
        most = float(sizes[min(int(voxels), len(sizes) - 1)]) + self.width
        return holding(self._held.below, voxels, float(sizes[0]) - self.width, most)


def lens(space: Space, at: np.ndarray, flatness: float, volume_mL: float) -> Field:
    """Biconvex against the inner table: depth / h + (distance from the axis / a)^2 < 1, a / h being fixed.

    Args:
        at: index (z, y, x) of the point of the wall that is its middle.
        flatness: diameter over thickness.
        volume_mL: that it should hold; it is looked for where it would lie if it were twice as thick.
    """
    half = flatness / 2
    flat = (2000 * volume_mL / (math.pi * half**2)) ** (1 / 3)  # thickness on a flat wall, by the form's integral
    depth, box = around(space, at, 2 * math.sqrt(2) * half * flat)
    beside = _beside(space, at, box, depth)
    # depth / s + (beside / (half s))^2 = 1, solved for the thickness s.
    deep = np.maximum(depth, 0)  # the wall's own voxels, too
    size = (deep + np.sqrt(deep**2 + 4 * (beside / half) ** 2)) / 2

    def thickness(s: float) -> np.ndarray:
        return s * np.clip(1 - (beside / (half * s)) ** 2, 0, 1)

    brain, whole = space.inside()[0], space.depth()[1]
    inner = tuple(slice(b.start - w.start, b.stop - w.start) for b, w in zip(box, whole))
    return field_of(space, np.where(brain[inner], size, np.inf), box, depth, thickness)


def around(space: Space, at: np.ndarray, reach_mm: float) -> tuple[np.ndarray, tuple[slice, ...]]:
    """The depth in a cube about a voxel, and where the cube lies."""
    depth, box = space.depth()
    far = [math.ceil(reach_mm / d) for d in space.phantom.grid.spacing_mm]
    low = [max(int(a) - f - b.start, 0) for a, f, b in zip(at, far, box)]
    high = [min(int(a) + f + 1, b.stop) - b.start for a, f, b in zip(at, far, box)]
    cube = tuple(slice(lo, max(hi, lo)) for lo, hi in zip(low, high))
    return depth.within(cube), within(cube, box)


def crescent(space: Space, at: np.ndarray, thickness_mm: float, rim: float) -> Field:
    """Along the inner table of the side where it begins: depth / h + (distance / a)^rim < 1, h being fixed."""
    depth, box = _half(space, at)
    grid = space.phantom.grid

    def thickness(s: float) -> np.ndarray:
        return thickness_mm * np.clip(1 - (_beside(space, at, box, depth) / s) ** rim, 0, 1)

    ground = space.inside()[0][inner(box, space.inside()[1])] & (depth < thickness_mm)
    ground &= _upwards(depth, grid) <= FLOOR  # blood lies over the convexity, not on the base of the skull
    lines = [(np.arange(b.start, b.stop) - c) * d for b, c, d in zip(box, at, grid.spacing_mm)]
    flat, points = chosen(ground, lines)
    deep = depth.ravel()[flat]
    beside = np.sqrt(np.maximum(np.einsum("ij,ij->i", points, points) - deep**2, 0.0))
    left = np.clip(1 - np.maximum(deep, 0) / thickness_mm, 1e-6, 1.0)
    value = np.full(depth.shape, np.inf, np.float32)
    value.ravel()[flat] = beside / left ** (1 / rim)
    return field_of(space, value, box, depth, thickness)


def _half(space: Space, at: np.ndarray) -> tuple[np.ndarray, tuple[slice, ...]]:
    """The depth on the side of the head on which a voxel lies, and where that half lies."""
    depth, box = space.depth()
    axis = space.phantom.grid.sideways
    n, mine = depth.shape[axis], int(at[axis]) - box[axis].start
    half = slice(n // 2 + 1, n) if mine > n / 2 else slice(0, (n + 1) // 2)
    side = tuple(half if a == axis else slice(0, m) for a, m in enumerate(depth.shape))
    return depth.within(side), within(side, box)


def _beside(space: Space, at: np.ndarray, box: tuple[slice, ...], depth: np.ndarray) -> np.ndarray:
    """Distance of voxels from a point of the wall, but for what they lie deeper: distance along the wall [mm]."""
    offset = [(np.arange(b.start, b.stop) - c) * d for b, c, d in zip(box, at, space.phantom.grid.spacing_mm)]
    z, y, x = np.ix_(*(o.astype(np.float32) ** 2 for o in offset))
    return np.sqrt(np.maximum(z + y + x - depth**2, 0.0))


def _upwards(depth: np.ndarray, grid: Grid) -> np.ndarray:
    """How fast the depth grows towards the head's top [1], of each voxel; near 1 on the base of the skull."""
    up = np.asarray(grid.direction)[2, ::-1]
    axis = int(np.argmax(np.abs(up)))
    lines, out = np.moveaxis(depth, axis, 0), np.zeros_like(depth)
    if len(lines) < 2:
        return out
    grows = np.moveaxis(out, axis, 0)
    np.subtract(lines[2:], lines[:-2], out=grows[1:-1])
    np.subtract(lines[1], lines[0], out=grows[0])
    np.subtract(lines[-1], lines[-2], out=grows[-1])
    grows[1:-1] *= 0.5
    out *= float(np.sign(up[axis])) / grid.spacing_mm[axis]
    return out


def field_of(
    space: Space,
    value: np.ndarray,
    box: tuple[slice, ...],
    depth: np.ndarray | None = None,
    thickness: Callable[[float], np.ndarray] | None = None,
) -> Field:
    z, y, x = (b.start for b in box)
    return Field(value.astype(np.float32, copy=False), (z, y, x), min(space.phantom.grid.spacing_mm), depth, thickness)


def trimmed(field: Field, fraction: np.ndarray, shape: tuple[int, int, int]) -> tuple[np.ndarray, np.ndarray]:
    """A box around what is not 0, its sides multiples of 16 where the grid has room, and where it starts."""
    box = bounds(fraction > 0)
    start = np.array([f + b.start for f, b in zip(field.start, box)])
    size = np.array([b.stop - b.start for b in box])
    wide = np.minimum(-(-size // 16) * 16, shape)
    first = np.clip(start - (wide - size) // 2, 0, np.array(shape) - wide)
    out = np.zeros(tuple(wide), np.float32)
    where = tuple(slice(int(s - f), int(s - f + n)) for s, f, n in zip(start, first, size))
    out[where] = fraction[box]
    return out, first
