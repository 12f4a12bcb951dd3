"""A lesion's mass effect on one patient: the flow, the anatomy after it, and how far the midline went."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from scipy import ndimage

from phantomsim.errors import PlacementError
from phantomsim.generators.lesions import regions
from phantomsim.generators.lesions.boxes import bounds, pooled
from phantomsim.generators.lesions.displace import displaced
from phantomsim.generators.lesions.flow import Flow, coarse_grid, flow
from phantomsim.generators.lesions.keep import refilled
from phantomsim.generators.lesions.kind_spec import MassEffect
from phantomsim.generators.lesions.room import overlay_of
from phantomsim.grid import Grid
from phantomsim.phantom import Phantom

COARSE_MM = 4.0  # voxels of the flow
MOST_SHARE = 0.85  # of the lesion grows in the flow, which starts from some coarse voxels and so stays one-to-one
DEEP_MM = 25.0  # of the midline's points below the skull


def pushed(
    phantom: Phantom, effect: MassEffect, lesion: Callable[[float], tuple[np.ndarray, np.ndarray]], volume_mL: float
) -> tuple[Phantom, Flow]:
    """The patient with its anatomy pushed aside by a lesion.

    Args:
        lesion: fractions in a box and the box's start, on the phantom's voxels, at a volume [mL].
        volume_mL: of the lesion.
    Raises:
        PlacementError: too little gives way.
    """
    label = np.asarray(phantom.label)
    if not any(t in phantom.tissues for t in effect.moves):
        raise PlacementError(f"the phantom has none of mass_effect.moves: {', '.join(effect.moves)}")
    movable = regions.tissue_table(phantom, effect.moves)
    moves = regions.among(label, movable)
    box = bounds(moves)
    step = max(1, round(COARSE_MM / min(phantom.grid.spacing_mm)))
    grid = coarse_grid(phantom.grid, box, step)

    def grown(volume: float) -> np.ndarray:
        part, start = lesion(volume)
        low = np.array([int(s) - b.start for s, b in zip(start, box)])
        out, first = np.zeros(grid.shape, np.float32), low // step
        part = pooled(np.pad(part, [(lo % step, 0) for lo in low]), (step,) * 3)
        mine = tuple(slice(max(0, -f), max(0, n - f)) for f, n in zip(first, grid.shape))
        part = part[mine]
        out[tuple(slice(max(0, f), max(0, f) + n) for f, n in zip(first, part.shape))] = part
        return out

    yields = regions.among(label[box], regions.tissue_table(phantom, effect.yields))
    steps = (step,) * 3
    free, fluid = pooled(moves[box], steps), pooled(yields, steps)
    plane = np.zeros(grid.shape, bool)
    np.moveaxis(plane, grid.sideways, 0)[_middle(grid)] = True
    found = flow(grid, free, fluid, grown, volume_mL, min(effect.share, MOST_SHARE), plane)
    after = displaced(phantom, found, movable)
    whole, start = lesion(volume_mL)
    yielding = regions.tissue_table(phantom, effect.yields)
    taken = (1 - effect.share) * volume_mL
    return refilled(phantom, after, movable & ~yielding, yielding, overlay_of(whole, start, 0), taken), found


def midline_shift_mm(found: Flow) -> float:
    """The furthest that a deep point of the middle plane went to a side, as at the septum pellucidum [mm].

    The middle plane is that of the moving region's box, across the grid's axis that lies along left and right.
    """
    axis, planes = found.grid.sideways, _middle(found.grid)
    sideways = np.mean([np.take(found.forth_mm[axis], p, axis) for p in planes], axis=0)
    deep = ndimage.distance_transform_edt(np.pad(found.moved, 1), found.grid.spacing_mm)[1:-1, 1:-1, 1:-1] > DEEP_MM
    moved = np.take(deep, planes[0], axis) & np.take(deep, planes[1], axis)
    return float(np.abs(sideways[moved]).max(initial=0.0))


def _middle(grid: Grid) -> list[int]:
    """The two planes of voxels at the middle, or the one twice."""
    at = (grid.shape[grid.sideways] - 1) / 2
    return [math.floor(at), math.ceil(at)]
