"""Label maps on other grids: by nearest voxel or by signed distance, never by mixing numbers of labels."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from phantomsim.errors import GeneratorError
from phantomsim.grid import Grid

MAX_VOXELS = 2**29  # half a gigabyte of labels; more is a slip of a unit


def isotropic(grid: Grid, voxel_mm: float) -> Grid:
    """A grid of cubes over the same volume, along the same axes and about the same middle.

    Raises:
        GeneratorError: it would hold more than 2^29 voxels.
    """
    shape = tuple(max(1, round(n * d / voxel_mm)) for n, d in zip(grid.shape, grid.spacing_mm))
    if np.prod(shape, dtype=float) > MAX_VOXELS:
        raise GeneratorError(f"voxel_mm = {voxel_mm} would give {shape} voxels; at most {MAX_VOXELS}. Is it in mm?")
    middle = [(n * d / voxel_mm - m) / 2 for n, d, m in zip(grid.shape, grid.spacing_mm, shape)]
    first = [((m + 0.5) * voxel_mm / d - 0.5) for m, d in zip(middle, grid.spacing_mm)]
    return Grid(shape, (voxel_mm,) * 3, tuple(grid.world(first).tolist()), grid.direction)  # type: ignore[arg-type]


def _positions(old: Grid, new: Grid) -> list[np.ndarray]:
    """Fractional indices of the new voxel centres in the old grid, per axis z, y, x (same direction)."""
    start = old.index(new.origin_mm)
    return [s + np.arange(n) * (b / a) for s, n, a, b in zip(start, new.shape, old.spacing_mm, new.spacing_mm)]


def nearest(label: np.ndarray, old: Grid, new: Grid) -> np.ndarray:
    """The label of the voxel whose centre is nearest; the edge repeats outside."""
    index = [np.clip(np.rint(p).astype(int), 0, n - 1) for p, n in zip(_positions(old, new), old.shape)]
    return label[np.ix_(*index)]


def signed_distance(label: np.ndarray, old: Grid, new: Grid, reach_mm: float | None = None) -> np.ndarray:
    """The label whose signed distance, interpolated linearly, is lowest.

    Shape-based interpolation (Raya and Udupa 1990, doi:10.1109/42.52980). Some 40 core-seconds for a head of 256^3.

    Args:
        label: uint8 [z, y, x] on `old`.
        reach_mm: distances beyond are cut; 4 voxels where not given.
    Returns:
        uint8 on `new`.
    """
    reach = reach_mm or 4 * max(*old.spacing_mm, *new.spacing_mm)
    where = [np.clip(p, 0, n - 1) for p, n in zip(_positions(old, new), old.shape)]
    best = np.full(new.shape, np.inf, np.float32)
    out = nearest(label, old, new)
    pad = [int(np.ceil(reach / d)) + 1 for d in old.spacing_mm]
    for value, box in enumerate(ndimage.find_objects(label.astype(np.int32) + 1)):
        if box is None:
            continue
        wide = tuple(slice(max(0, b.start - p), min(n, b.stop + p)) for b, p, n in zip(box, pad, old.shape))
        inside = label[wide] == value
        distance = _distance(inside, old.spacing_mm, reach)
        reached = tuple(_reached(w, s) for w, s in zip(where, wide))
        if any(r.start == r.stop for r in reached):
            continue
        at = [w[r] - s.start for w, r, s in zip(where, reached, wide)]
        here = _linear(distance, at)
        region = best[reached]
        better = here < region
        region[better] = here[better]
        out[reached][better] = value
    return out


def _reached(where: np.ndarray, box: slice) -> slice:
    return slice(int(np.searchsorted(where, box.start)), int(np.searchsorted(where, box.stop - 1, "right")))


def _distance(inside: np.ndarray, spacing_mm: tuple[float, ...], reach: float) -> np.ndarray:
    """Signed distance to the boundary between voxels, negative inside [mm], cut at `reach`."""
    if inside.all():
        return np.full(inside.shape, -reach, np.float32)
    half = 0.5 * min(spacing_mm)
    out = ndimage.distance_transform_edt(~inside, spacing_mm) - half
    into = ndimage.distance_transform_edt(inside, spacing_mm) - half
    return np.clip(np.where(inside, -into, out), -reach, reach).astype(np.float32)


def _linear(values: np.ndarray, at: list[np.ndarray]) -> np.ndarray:
    """Separable linear interpolation."""
    for axis, p in enumerate(at):
        low = np.clip(np.floor(p).astype(int), 0, max(values.shape[axis] - 2, 0))
        t = (p - low).astype(np.float32).reshape([-1 if a == axis else 1 for a in range(3)])
        high = np.minimum(low + 1, values.shape[axis] - 1)
        values = np.take(values, low, axis) * (1 - t) + np.take(values, high, axis) * t
    return values


def linear(values: np.ndarray, old: Grid, new: Grid) -> np.ndarray:
    """A continuous quantity (HU) interpolated linearly, float32 on `new`; the edge repeats outside."""
    points = np.meshgrid(*_positions(old, new), indexing="ij", sparse=False)
    return ndimage.map_coordinates(np.asarray(values, np.float32), points, order=1, mode="nearest")
