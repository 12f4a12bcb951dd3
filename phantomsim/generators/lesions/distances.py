"""Distances of voxels from regions: on coarse voxels, or only as far as a margin."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from phantomsim.generators.lesions.boxes import cut_out, finer, pooled
from phantomsim.grid import Grid

COARSE_MM = 2.0  # voxels on which the depth below a wall is measured
FAR_MM = 3.0  # voxels on which distances are measured that only weigh places
CACHED = 2**17  # bytes of the lines that are looked at together: caches hold them
FEW = 4000  # voxels in a cube of the margin, up to which a ball is laid about every outer voxel


def from_outside_mm(region: np.ndarray, spacing_mm: Sequence[float], most_mm: float = math.inf) -> np.ndarray:
    """Distance of voxel centres from the nearest outside a region of the array [mm], float32 [z, y, x].

    What is further than `most_mm` is only known to be so: it gets some distance of that or more, which is quicker.

    Axis by axis, the least over shifts of what was found plus the shift squared (Saito and Toriwaki 1994,
    doi:10.1016/0031-3203(94)90133-3): whole numbers where voxels are cubes, so it is exact, and quick on coarse voxels.
    """
    cubes = len(set(spacing_mm)) == 1
    steps = [1.0] * 3 if cubes else [d**2 for d in spacing_mm]
    most = sum(w * n**2 for w, n in zip(steps, region.shape))
    most = int(min(most, math.ceil((most_mm / (spacing_mm[0] if cubes else 1.0)) ** 2)) if most_mm < 1e4 else most)
    kind = np.float32 if not cubes else np.uint16 if 2 * most < 2**16 else np.uint32
    square = _along_first(region, kind, most, steps[0])
    for axis in (1, 2):
        square = _least(square, axis, steps[axis])
    return np.sqrt(square, dtype=np.float32) * np.float32(spacing_mm[0] if cubes else 1.0)


def _along_first(region: np.ndarray, kind: type, most: int, weight: float) -> np.ndarray:
    """Along the first axis, the weighted square of how far the nearest outside is, at most `most`."""
    far = math.isqrt(int(most / weight)) + 1  # planes, at which it is more than that
    count = region.astype(kind) * kind(far)
    for here, there in ((count[1:], count[:-1]), (count[-2::-1], count[:0:-1])):
        for plane, beside in zip(here, there):
            np.minimum(plane, beside + kind(1), out=plane)
    return np.minimum(kind(weight) * count * count, kind(most))


def _least(square: np.ndarray, axis: int, weight: float) -> np.ndarray:
    """Along an axis, the least of what is there and elsewhere plus the weighted square of how far that is."""
    lines = np.moveaxis(square, axis, 0)
    flat = np.ascontiguousarray(lines).reshape(len(lines), -1)
    found = np.empty_like(flat)
    wide = max(1, CACHED // (len(lines) * flat.itemsize))
    for first in range(0, flat.shape[1], wide):
        some = slice(first, first + wide)
        found[:, some] = _least_of_some(np.ascontiguousarray(flat[:, some]), weight)
    return np.moveaxis(found.reshape(lines.shape), 0, axis)


def _least_of_some(square: np.ndarray, weight: float) -> np.ndarray:
    out, moved = square.copy(), np.empty_like(square)
    for k in range(1, len(square)):
        more = square.dtype.type(weight * k * k)
        if more >= out.max():
            break
        for here, there in ((slice(k, None), slice(None, -k)), (slice(None, -k), slice(k, None))):
            np.add(square[there], more, out=moved[here])
            np.minimum(out[here], moved[here], out=out[here])
    return out


def coarse_step(grid: Grid) -> list[int]:
    """Voxels of a grid to a coarse one, on which depths are measured, along z, y, x."""
    return [max(1, round(COARSE_MM / d)) for d in grid.spacing_mm]


@dataclass(frozen=True)
class Depth:
    """Distance of voxel centres from the outside of a region, on coarse voxels, interpolated plane by plane as asked.

    Below 0 outside, but no measure of how far.

    Attributes:
        rows: distances [mm], float32 [z, y, x], of planes that are coarse along z, after one of padding.
        shape: of the region.
        step: voxels to a plane.
    """

    rows: np.ndarray
    shape: tuple[int, ...]
    step: int

    @classmethod
    def of(cls, region: np.ndarray, grid: Grid, most_mm: float = math.inf) -> Depth:
        """Beyond `most_mm` the depth is that or more."""
        return cls.of_shares(pooled(region, coarse_step(grid)), region.shape, grid, most_mm)

    @classmethod
    def of_shares(cls, shares: np.ndarray, shape: tuple[int, ...], grid: Grid, most_mm: float = math.inf) -> Depth:
        """From the shares of coarse voxels that a region of a shape has."""
        step = coarse_step(grid)
        spacing = [d * s for d, s in zip(grid.spacing_mm, step)]
        half = 0.5 * min(spacing)
        beyond = most_mm + 2.0 * max(spacing) + half  # interpolation looks one coarse voxel further
        rows = from_outside_mm(np.pad(shares >= 0.5, 1), spacing, beyond)
        rows -= half  # outside: half a voxel below 0, so that the zero lies on the face
        for axis in (2, 1):
            rows = finer(rows, axis, shape[axis], step[axis])
        return cls(rows, shape, step[0])

    def __getitem__(self, z: int) -> np.ndarray:
        """One plane [mm], float32 [y, x]."""
        return self.within((slice(z, z + 1), slice(None), slice(None)))[0]

    def within(self, box: tuple[slice, ...]) -> np.ndarray:
        """Of the voxels of a box [mm], float32 [z, y, x]."""
        planes, y, x = (range(n)[cut] for n, cut in zip(self.shape, box))
        out = np.empty([len(planes), len(y), len(x)], np.float32)
        for z, plane in zip(planes, out):
            at = (z % self.step + 0.5) / self.step + 0.5  # in coarse planes, the first of which is the padding
            part, below = np.float32(at % 1), z // self.step + int(at)
            low, high = self.rows[below : below + 2, y.start : y.stop, x.start : x.stop]
            np.multiply(low, 1 - part, out=plane)
            plane += high * part
        return out


def far_mm(thing: np.ndarray, where: tuple[slice, ...], grid: Grid, box: tuple[slice, ...]) -> np.ndarray:
    """Distance of the voxels of a box from a thing, on coarse voxels [mm]; infinite where there is none.

    Args:
        thing: bool [z, y, x] of a box, `where`.
    """
    thing, own = cut_out(thing, where)
    if not thing.size:
        return np.full([b.stop - b.start for b in box], np.inf)
    low = np.minimum([o.start for o in own], [b.start for b in box])
    high = np.maximum([o.stop for o in own], [b.stop for b in box])
    step = [max(1, round(FAR_MM / d)) for d in grid.spacing_mm]
    whole = np.zeros(high - low, bool)
    whole[tuple(slice(o.start - a, o.stop - a) for o, a in zip(own, low))] = thing
    coarse = pooled(whole, step) > 0
    distance = from_outside_mm(~coarse, [d * s for d, s in zip(grid.spacing_mm, step)])
    for axis, (b, first, s) in enumerate(zip(box, low, step)):
        distance = np.take(distance, (np.arange(b.start, b.stop) - first) // s, axis)
    return distance


def eroded(host: np.ndarray, spacing_mm: tuple[float, ...], margin_mm: float) -> np.ndarray:
    """Voxels of a host, given in its box, at least `margin_mm` from any other voxel; outside the box is no host."""
    if margin_mm <= 0 or not host.size:
        return host
    reach = [math.ceil(margin_mm / d) for d in spacing_mm]
    if math.prod(2 * r + 1 for r in reach) > FEW:
        return (ndimage.distance_transform_edt(np.pad(host, 1), spacing_mm) >= margin_mm)[1:-1, 1:-1, 1:-1]
    nz, ny, nx = host.shape
    before = -(-reach[2] // 8) * 8  # columns of padding; those of the next row are behind this one
    pad = [(reach[0], reach[0]), (reach[1], reach[1]), (before, -nx % 8)]
    rows = _beside(np.pad(~host, pad, constant_values=True), reach[2])
    near: np.ndarray | None = None
    for dz in range(-reach[0], reach[0] + 1):
        for dy in range(-reach[1], reach[1] + 1):
            left = margin_mm**2 - (dz * spacing_mm[0]) ** 2 - (dy * spacing_mm[1]) ** 2
            if left <= 0:
                continue
            half = math.ceil(math.sqrt(left) / spacing_mm[2]) - 1  # furthest column that is nearer than the margin
            z, y = dz + reach[0], dy + reach[1]
            part = rows[half][z : z + nz, y : y + ny]
            near = part.copy() if near is None else np.bitwise_or(near, part, out=near)
    assert near is not None  # the voxel itself
    return np.unpackbits(near[..., before // 8 :], axis=2, count=nx).view(bool) ^ True


def _beside(out: np.ndarray, most: int) -> list[np.ndarray]:
    """Where something is in the same row within 0, 1, ... `most` - 1 voxels, eight voxels to a byte.

    Args:
        out: bool [z, y, x], rows padded in front by `most` at least, whole bytes long.
    """
    flat, rows = out.ravel(), []
    found = flat.copy()  # as one row: what runs over into another stays in its padding
    for k in range(most):
        if k:
            found[k:] |= flat[:-k]
            found[:-k] |= flat[k:]
        rows.append(np.packbits(found).reshape(*out.shape[:2], -1))
    return rows
