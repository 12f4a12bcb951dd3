"""Lesions that take their form from the spaces of fluid: cisterns and sulci, the ventricles."""

from __future__ import annotations

import contextlib

import numpy as np

from phantomsim.errors import TissueError
from phantomsim.generators.lesions.boxes import chosen, inner
from phantomsim.generators.lesions.conform import Field, Space, around, field_of
from phantomsim.generators.lesions.regions import mask
from phantomsim.generators.lesions.star import Star
from phantomsim.generators.lesions.voxels import ball_radius_mm
from phantomsim.grid import Grid

FADES = 4.0  # voxels: further than what `Field.holding` looks at beyond the size that holds a volume


def cistern(space: Space, at: np.ndarray, fill: tuple[str, ...], star: Star, volume_mL: float) -> Field:
    """Fluid outside the ventricles, by distance from a point in the form of a star.

    Args:
        volume_mL: that it should hold; no larger lesion is looked for.
    """
    phantom = space.phantom
    grid, (short, long) = phantom.grid, star.extent
    reach_mm, enough = 1.3 * ball_radius_mm(volume_mL), False
    while not enough:  # a ball that holds the volume, in the star that holds the ball, in the ball that holds the star
        reach_mm *= 1.25
        far_mm = (reach_mm / short + FADES * min(grid.spacing_mm)) * long
        box = around(space, at, far_mm)[1]
        region, square = _fluid(space, fill, box), _square(at, box, grid)
        held = np.count_nonzero(region & (square < reach_mm**2)) * grid.voxel_mL
        enough = bool(held > volume_mL) or box == space.inside()[1]
    lines = [(np.arange(b.start, b.stop) - c) * d for b, c, d in zip(box, at, grid.spacing_mm)]
    flat, points = chosen(region & (square < far_mm**2) if held > volume_mL else region, lines)
    value = np.full(region.shape, np.inf, np.float32)
    value.ravel()[flat] = star.size(points)
    return field_of(space, value, box)


def _fluid(space: Space, fill: tuple[str, ...], box: tuple[slice, ...]) -> np.ndarray:
    """Voxels of a box inside the skull that have some tissues, but for the ventricles."""
    depth, whole = space.depth()
    cut = tuple(slice(b.start - w.start, b.stop - w.start) for b, w in zip(box, whole))
    region = mask(space.phantom, fill, box) & (depth.within(cut) > -max(space.phantom.grid.spacing_mm))
    with contextlib.suppress(TissueError):  # a phantom without ventricles has nothing to leave out
        found, where = space.ventricles()
        region[inner(where, box)] &= ~found[inner(box, where)]
    return region


def _square(at: np.ndarray, box: tuple[slice, ...], grid: Grid) -> np.ndarray:
    """Squared distance of the voxels of a box from one [mm^2], float32."""
    offset = [(np.arange(b.start, b.stop) - c) * d for b, c, d in zip(box, at, grid.spacing_mm)]
    z, y, x = np.ix_(*(o.astype(np.float32) ** 2 for o in offset))
    return z + y + x


def ventricle(space: Space, tilt: tuple[float, float]) -> Field:
    """The ventricles from their posterior end: height above it, along a direction that is tilted a little.

    Args:
        tilt: sines of the angles towards z and x.
    """
    found, box = space.ventricles()
    grid = space.phantom.grid
    z, y, x = np.ix_(*((np.arange(b.start, b.stop)) * d for b, d in zip(box, grid.spacing_mm)))
    direction = np.asarray(grid.direction)
    points = [np.broadcast_to(a, found.shape) for a in (x, y, z)]
    world = [sum(direction[i, k] * points[k] for k in range(3)) for i in range(3)]  # RAS+, but for the origin
    height = world[1] + tilt[0] * world[2] + tilt[1] * world[0]
    height = height - height[found].min()
    return field_of(space, np.where(found, height, np.inf), box)
