"""The lesions' truth on any later grid."""

from __future__ import annotations

import numpy as np

from phantomsim.errors import GridError
from phantomsim.formats.mesh import Mesh
from phantomsim.generators.surface import surface
from phantomsim.grid import Grid
from phantomsim.phantom import Lesion, Phantom


def fraction_on(phantom: Phantom, grid: Grid) -> np.ndarray:
    """Total lesion fraction averaged over the voxels of a grid, whether the lesions are present or not.

    Averages over exact overlaps of voxels, so that the sum x voxel volume is the lesions' volume wherever the grid
    covers them. The mask is where it is at least 0.5.

    Args:
        phantom: with lesions.
        grid: of an image; its axes along the phantom's.
    Returns:
        float32 [z, y, x].
    Raises:
        GridError: the grid is turned against the phantom's.
    """
    if not np.allclose(np.asarray(grid.direction), np.asarray(phantom.grid.direction), atol=1e-4):
        raise GridError(
            "the image's axes are turned against the phantom's; ask for truth on a grid along the phantom's axes"
        )
    total = np.zeros(grid.shape, np.float32)
    for lesion in phantom.lesions:
        fraction = np.asarray(lesion.overlay.fraction)
        box = phantom.grid.crop(lesion.overlay.start, fraction.shape)  # type: ignore[arg-type]
        first = phantom.grid.direction
        weights, ranges = zip(*(_overlap(box, grid, axis, np.asarray(first)) for axis in range(3)))
        part = np.einsum("zyx,Zz,Yy,Xx->ZYX", fraction, *weights, optimize=True)
        total[ranges] += part.astype(np.float32)
    return np.minimum(total, 1.0)


def mask_on(phantom: Phantom, grid: Grid) -> np.ndarray:
    """Where lesions fill at least half of a voxel, bool [z, y, x]."""
    return fraction_on(phantom, grid) >= 0.5


def mesh_of(lesion: Lesion, grid: Grid) -> Mesh:
    """The lesion's closed surface, which holds its volume; no triangles where it is thinner than can be drawn.

    Args:
        grid: the phantom's.
    """
    wide = np.pad(np.asarray(lesion.overlay.fraction, np.float32), 3)
    start = tuple(int(s) - 3 for s in lesion.overlay.start)
    return surface(wide, grid.crop(start, wide.shape))  # type: ignore[arg-type]


def _overlap(box: Grid, grid: Grid, axis: int, direction: np.ndarray) -> tuple[np.ndarray, slice]:
    """Share of each voxel of `grid` that each voxel of `box` fills along an axis, and the voxels that have any."""
    along = direction[:, 2 - axis]
    old, new = box.spacing_mm[axis], grid.spacing_mm[axis]
    shift = float(along @ (np.asarray(box.origin_mm) - np.asarray(grid.origin_mm)))
    old_edges = shift - old / 2 + old * np.arange(box.shape[axis] + 1)
    new_edges = new * (np.arange(grid.shape[axis] + 1) - 0.5)
    low = int(np.clip(np.searchsorted(new_edges, old_edges[0], "right") - 1, 0, grid.shape[axis]))
    high = int(np.clip(np.searchsorted(new_edges, old_edges[-1], "left"), low, grid.shape[axis]))
    lower, upper = new_edges[low:high, None], new_edges[low + 1 : high + 1, None]
    shared = np.minimum(upper, old_edges[1:]) - np.maximum(lower, old_edges[:-1])
    return np.maximum(shared, 0.0) / new, slice(low, high)
