"""Turns and mirror images of a scan that are again views of the same scan.

A full circle about the middle of a square of voxels looks the same after a quarter turn, and most circles also in a
mirror. Then one line through all the turned copies of a volume gives the integrals of up to eight lines: where it runs
is worked out once, and copies side by side are read as vectors.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from scipy.spatial import cKDTree

from phantomsim.scanners.ct.geometry import Geometry
from phantomsim.scanners.ct.joseph.lines import Box, fan

TURNS = tuple((mirror, quarter) for mirror in (False, True) for quarter in range(4))
CLOSE = 1e-6  # two views are one if all of their points are this close [mm]
TIE = 1e-9  # lines at 45 degrees are stepped through slabs of x
MOST_BYTES = 2**31  # of all turned copies
ENOUGH = 8  # volumes that fill vectors
GROWTH = 1.5  # most that a volume may grow when it is made square


class Symmetry(NamedTuple):
    """Views that stand for all.

    Attributes:
        views: of the geometry that stand for all [rep].
        mine: which of their columns are stepped through slabs of x [rep, column].
        target: (view, column), flat, of a column seen by a turned copy [rep, column, turn].
        share: 1 where the (view, column) is taken from here, 0 elsewhere [rep, column, turn].
        place: (rep, column, turn), flat, from which each (view, column) is taken [view x column].
    """

    views: np.ndarray
    mine: np.ndarray
    target: np.ndarray
    share: np.ndarray
    place: np.ndarray


class Square(NamedTuple):
    """How a volume is made square about the axis: turns (mirror, quarters) in use, and voxels to add (y, x)."""

    turns: tuple[tuple[bool, int], ...]
    room: tuple[tuple[int, int], tuple[int, int]]


def find(geometry: Geometry, box: Box, count: int = 1) -> tuple[Symmetry, Square, Box] | None:
    """The symmetry of upright views about a box, with the box made square; None where there is too little of it.

    Args:
        geometry: of the views.
        box: of the voxels.
        count: volumes that will be turned together; no more turns are used than fit into `MOST_BYTES`, and none if
            there are as many volumes as fill vectors by themselves.
    """
    found = _square(box)
    if found is None or count >= ENOUGH:
        return None
    room, square = found
    most = int(MOST_BYTES // (4 * count * np.prod(square.count.astype(float))))
    if most < 4:
        return None
    images = {turn: _image(geometry, *turn) for turn in (TURNS if most >= 8 else TURNS[:4])}
    valid = {turn: image for turn, image in images.items() if image is not None}
    if (False, 1) not in valid:
        return None
    symmetry = _representatives(geometry, valid)
    return None if symmetry is None else (symmetry, Square(tuple(valid), room), square)


def _square(box: Box) -> tuple[tuple[tuple[int, int], tuple[int, int]], Box] | None:
    """Voxels to add on each side (y, x), and the box then; None if the axis is on no symmetric place of the lattice."""
    if not np.isclose(box.pitch[0], box.pitch[1], rtol=1e-9):
        return None
    low = box.first[:2] / box.pitch[:2]
    high = low + box.count[:2] - 1
    twice = np.rint(2 * low)
    if np.max(np.abs(2 * low - twice)) > 1e-6 or (twice[0] - twice[1]) % 2:
        return None
    reach = float(np.max(np.abs([low, high])))
    before, after = (np.rint(reach + low).astype(int), np.rint(reach - high).astype(int))
    count = round(2 * reach) + 1
    if count**2 > GROWTH * box.count[0] * box.count[1]:
        return None
    room = ((int(before[1]), int(after[1])), (int(before[0]), int(after[0])))
    first = np.array([-reach * box.pitch[0], -reach * box.pitch[1], box.first[2]])
    return room, Box(np.array([count, count, box.count[2]]), box.pitch, first)


def _matrix(mirror: bool, quarters: int) -> np.ndarray:
    """In the plane: x -> -x if `mirror`, then quarter turns from +x to +y, in space [3, 3]."""
    turn = np.linalg.matrix_power(np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]), quarters)
    return turn @ np.diag([-1.0 if mirror else 1.0, 1.0, 1.0])


def _image(geometry: Geometry, mirror: bool, quarters: int) -> tuple[np.ndarray, bool] | None:
    """The view that each view turns into, and whether its columns run backwards; None if some view has none."""
    matrix = _matrix(mirror, quarters)
    pivot = geometry.source_mm if geometry.pivot_mm is None else geometry.pivot_mm
    if mirror and geometry.column_offset:
        return None
    sign = -1.0 if mirror else 1.0  # a mirror turns the sense of rotation
    columns = max(1.0, geometry.columns / 2)  # an error of the pitch adds up towards the edge
    views = [geometry.source_mm, geometry.centre_mm, geometry.along_mm * columns, geometry.up_mm, pivot]
    turned = [view @ matrix.T for view in views]
    turned[2] = sign * turned[2]
    tree = cKDTree(np.concatenate(views, -1))
    apart, index = tree.query(np.concatenate(turned, -1))
    return (index, mirror) if np.max(apart) < CLOSE else None


def _representatives(geometry: Geometry, valid: dict[tuple[bool, int], tuple[np.ndarray, bool]]) -> Symmetry | None:
    """Views that stand for those which they turn into without leaving slabs of x."""
    keep = [image for (_, quarters), (image, _) in valid.items() if quarters % 2 == 0]
    views = np.unique(np.min(keep, 0))
    level = np.abs(fan(geometry.subset(views)).direction[1])
    mine = level[..., 0] >= (1 - TIE) * level[..., 1]
    column = np.arange(geometry.columns)
    target = np.stack(
        [
            image[views][:, None] * geometry.columns + (column[::-1] if backwards else column)
            for image, backwards in valid.values()
        ],
        -1,
    )
    used = np.broadcast_to(mine[..., None], target.shape)
    times = np.bincount(target[used], minlength=geometry.views * geometry.columns)
    if not times.all():
        return None
    place = np.empty(times.size, np.int64)
    place[target[used]] = np.nonzero(used.reshape(-1))[0]
    taken = np.zeros(target.size, np.float32)
    taken[place] = 1  # each line counts once, though some have two images of equal right
    return Symmetry(views, mine, target.astype(np.int32), taken.reshape(target.shape), place)


def sources(square: Square, box: Box, after: int, sides: tuple[int, int]) -> np.ndarray:
    """Where turned copies of a volume have their z-rows: y + y's * x, or one more than any for zeros.

    Args:
        square: of the volume.
        box: the volume, not yet square.
        after, sides: rows of zeros after the last x, and on both sides of y, of all copies.
    Returns:
        int32 [x, y, turn].
    """
    count = int(box.count[0] * box.count[1])
    place = np.arange(count).reshape(int(box.count[0]), int(box.count[1]))
    whole = np.pad(place, square.room[::-1], constant_values=count)
    turned = np.stack([_turn(whole, *turn) for turn in square.turns], -1)
    return np.pad(turned, ((0, after), sides, (0, 0)), constant_values=count).astype(np.int32)


def _turn(place: np.ndarray, mirror: bool, quarters: int) -> np.ndarray:
    """A plane [x, y] as seen by rays that were turned: value at p = value at matrix @ p."""
    seen = np.rot90(place, -quarters)
    return seen[::-1] if mirror else seen


def copies(rows: jax.Array, source: jax.Array) -> jax.Array:
    """Turned copies side by side: z-rows [x, y, z, K] at `sources` -> [x, y, z, K x turn]."""
    wide, high, depth, count = rows.shape
    flat = jnp.pad(rows.reshape(wide * high, depth * count), ((0, 1), (0, 0)))
    turned = flat.at[source].get(mode="promise_in_bounds").reshape(*source.shape, depth, count)
    return turned.transpose(0, 1, 3, 4, 2).reshape(*source.shape[:2], depth, -1)


def merge(volume: jax.Array, square: Square) -> jax.Array:
    """The transpose of `copies`: [x, y, z, K x turn] -> [K, z, y, x]."""
    parts = volume.reshape(*volume.shape[:3], -1, len(square.turns))
    total = jnp.zeros(parts.shape[:-1], volume.dtype)
    for i, (mirror, quarters) in enumerate(square.turns):
        seen = parts[..., i]
        total += jnp.rot90(seen[::-1] if mirror else seen, quarters)
    (low_y, high_y), (low_x, high_x) = square.room
    wide, high = total.shape[:2]
    return total[low_x : wide - high_x, low_y : high - high_y].transpose(3, 2, 1, 0)
