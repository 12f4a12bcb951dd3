"""Boxes of voxels, and what is done to regions in them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def bounds(region: np.ndarray) -> tuple[slice, ...]:
    """The smallest box around a region, bool, or around labels above 0; an empty one where there is nothing."""
    flat = np.asarray(region.max(axis=0, initial=0))
    lines = [region.max(axis=(1, 2), initial=0), flat.any(axis=1), flat.any(axis=0)]
    found = [np.flatnonzero(line) for line in lines]
    return tuple(slice(int(i[0]), int(i[-1]) + 1) if len(i) else slice(0, 0) for i in found)


def pooled(values: np.ndarray, step: Sequence[int]) -> np.ndarray:
    """Mean over coarse voxels of so many fine ones along z, y, x, float32; what is missing at the end counts as 0."""
    whole = values.dtype == bool
    total = np.pad(values.view(np.uint8) if whole else values, [(0, (-n) % s) for n, s in zip(values.shape, step)])
    counts = np.uint8 if step[0] * step[1] < 2**8 else np.uint16
    for axis, s in enumerate(step):  # over planes, then rows, which is quick
        summed = np.asarray(total[_along(axis, slice(None, None, s))], counts if whole and axis < 2 else np.float32)
        for i in range(1, s):
            summed = summed + total[_along(axis, slice(i, None, s))]
        total = summed
    return total / np.float32(np.prod(step))


def chosen(region: np.ndarray, lines: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Flat indices of a region's voxels, and where these lie (x, y, z), float32 [N, 3].

    Args:
        region: bool [z, y, x].
        lines: places of the voxels along z, y, x.
    """
    flat = np.flatnonzero(region)
    _, ny, nx = region.shape
    rest, x = np.divmod(flat.astype(np.uint32), np.uint32(nx))
    z, y = np.divmod(rest, np.uint32(ny))
    points = np.empty((len(flat), 3), np.float32)
    for column, line, index in zip(points.T, lines[::-1], (x, y, z)):
        column[:] = np.asarray(line, np.float32)[index]
    return flat, points


def within(box: tuple[slice, ...], other: tuple[slice, ...]) -> tuple[slice, ...]:
    """A box of another one's voxels, in the grid of which that is a box."""
    return tuple(slice(o.start + b.start, o.start + b.stop) for b, o in zip(box, other))


def inner(box: tuple[slice, ...], other: tuple[slice, ...]) -> tuple[slice, ...]:
    """What a box has of another one, in the voxels of the other; empty where they are apart."""
    both = [(max(b.start, o.start), min(b.stop, o.stop)) for b, o in zip(box, other)]
    return tuple(slice(low - o.start, max(low, high) - o.start) for (low, high), o in zip(both, other))


def cut_out(region: np.ndarray, box: tuple[slice, ...]) -> tuple[np.ndarray, tuple[slice, ...]]:
    """A region of a box in the smallest box."""
    own = bounds(region)
    return region[own], within(own, box)


def widened(box: tuple[slice, ...], by: int, shape: tuple[int, ...]) -> tuple[slice, ...]:
    return tuple(slice(max(0, b.start - by), min(n, b.stop + by)) for b, n in zip(box, shape))


def finer(coarse: np.ndarray, axis: int, count: int, step: int) -> np.ndarray:
    """Linear interpolation along an axis to so many voxels that were pooled, one coarse voxel being padded in front."""
    made = np.empty([count if a == axis else n for a, n in enumerate(coarse.shape)], coarse.dtype)
    for phase in range(min(step, count)):
        at = (phase + 0.5) / step + 0.5  # index in coarse voxels, the first of which is the padding
        part, some = coarse.dtype.type(at % 1), -(-(count - phase) // step)
        low, high = (coarse[_along(axis, slice(int(at) + k, int(at) + k + some))] for k in (0, 1))
        for a, b, into in zip(low, high, made[_along(axis, slice(phase, None, step))]):  # a plane stays in the cache
            np.multiply(a, 1 - part, out=into)
            into += b * part
    return made


def _along(axis: int, part: slice) -> tuple[slice, ...]:
    return tuple(part if a == axis else slice(None) for a in range(3))


def grown(mask: np.ndarray, times: int) -> np.ndarray:
    """With the six neighbours of each voxel, so many times."""
    for _ in range(times):
        out = mask.copy()
        for axis in range(3):
            here, there = np.moveaxis(out, axis, 0), np.moveaxis(mask, axis, 0)
            here[1:] |= there[:-1]
            here[:-1] |= there[1:]
        mask = out
    return mask
