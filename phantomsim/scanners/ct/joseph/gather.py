"""The transpose of `march`, found from the voxels' side, so that nothing is scattered.

First along z: what the rows of a column send to each voxel of its z-row at the height of a group's middle. Then
across: each voxel of a slab asks which columns of a view touch it (the map from columns to places is monotone and known
in closed form) and takes their z-rows with the very weights that `march` used.
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from phantomsim.scanners.ct.geometry import Geometry
from phantomsim.scanners.ct.joseph.lines import Box, Crossings, Fan, crossings
from phantomsim.scanners.ct.joseph.march import Form, footprint, lanes, path_mm, running_sum, share, z_range

WORK = 2**20  # numbers of a chunk of views: what they send stays in the cache
MARGIN = 2e-3  # of a column: rounding in float32 must not lose one at its very edge


class Gather(NamedTuple):
    """Static sizes of one axis' transpose.

    Attributes:
        march: sizes of the forward projector.
        views: of a chunk.
        window: z-rows that a chunk writes.
        taps: columns that a voxel can touch in one view, at most.
        rows: rows that a voxel can touch (point rays).
        detector: how a place turns into a column: "flat", "curved" or "parallel".
    """

    march: Form
    views: int
    window: int
    taps: int
    rows: int
    detector: str


class Inverse(NamedTuple):
    """From places in a slab to columns; each [chunk, view].

    Attributes:
        index: of the view.
        origin: slab and voxel of the source (of the detector's middle, if parallel) [.., 2].
        matrix: from voxels to multiples of (to the detector, along it) [.., 2, 2].
        scale, bend: column = scale * angle + bend for curved detectors, with `scale` 1 otherwise.
        arc: along the arc per radian, in columns: what `matrix` gives is divided by it for the angle.
    """

    index: np.ndarray  # type: ignore[assignment]
    origin: np.ndarray
    matrix: np.ndarray
    bend: np.ndarray
    arc: np.ndarray


class Tables(NamedTuple):
    """Columns of the views that one axis serves.

    Attributes:
        lines: float32 [chunk, view, column]; those of the other axis have no path.
        inverse: see `Inverse`.
        first: first z-row of each chunk's window [chunk].
        taps: pairs of columns to look at, per chunk and group of slabs [group, chunk].
    """

    lines: Crossings
    inverse: Inverse
    first: np.ndarray
    taps: np.ndarray


IDLE = Crossings(-1e6, 0.0, 0.5, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0)  # type: ignore[arg-type]


def tables(
    rays: Fan, geometry: Geometry, box: Box, axis: int, chosen: np.ndarray, form: Form, count: int
) -> tuple[Tables, Gather]:
    """From which columns are stepped through this axis' slabs [view, column]; see `Tables`, `Gather`."""
    (views,) = np.nonzero(chosen.any(-1))
    mine = chosen[views]
    where = np.nonzero(chosen)
    found = crossings(rays, geometry, box, axis, where, form.cell)
    whole = int(box.count[2])
    size = int(np.clip(WORK // (geometry.columns * count * whole), 1, min(16, max(1, len(views)))))
    pad = -len(views) % size
    low, high = z_range(found, geometry.rows, form.cell, int(box.count[axis]))
    lines = Crossings(*(_fill(field, mine, idle, size) for field, idle in zip(found, IDLE)))
    low, high = _fill(low, mine, np.inf, size), _fill(high, mine, -np.inf, size)
    begin = np.clip(np.floor(low.min((1, 2))) - 1, 0, whole - 1)
    end = np.clip(np.ceil(high.max((1, 2))) + 2, 1, whole)
    window = min(whole, -(-int(np.max(end - begin)) // 8) * 8)
    first = np.minimum(begin, whole - window).astype(np.int32)
    need = _taps(lines, form, int(box.count[axis]), int(box.count[1 - axis]))
    near = _nearest(geometry, box)
    pitch = np.min(rays.spread + rays.widen * near) / box.pitch[2]
    inverse = _inverse(geometry, box, axis, np.pad(views, (0, pad), mode="edge").reshape(-1, size))
    kind = "parallel" if geometry.beam == "parallel" else geometry.detector
    gather = Gather(form, size, window, 2 * int(need.max()), int(2 / pitch + 1e-3) + 1, kind)
    return Tables(Crossings(*(f.astype(np.float32) for f in lines)), inverse, first, need.T.copy()), gather


def _fill(values: Any, mine: np.ndarray, idle: Any, size: int) -> np.ndarray:
    """Values of the chosen columns among all, in chunks of views [chunk, view, column]."""
    full = np.full((len(mine) + -len(mine) % size, mine.shape[1]), idle)
    full[: len(mine)][mine] = values
    return full.reshape(-1, size, mine.shape[1])


def _nearest(geometry: Geometry, box: Box) -> float:
    """Shortest way from a focal spot to the volume, seen from above [mm]; 0 for parallel rays."""
    if geometry.beam == "parallel":
        return 0.0
    low = (box.first - 0.5 * box.pitch)[:2]
    high = low + (box.count * box.pitch)[:2]
    gap = np.maximum(np.maximum(low - geometry.source_mm[:, :2], geometry.source_mm[:, :2] - high), 0)
    return max(float(np.linalg.norm(gap, axis=-1).min()), 1e-3 * float(np.max(high - low)))


def _taps(lines: Crossings, form: Form, slabs: int, across: int) -> np.ndarray:
    """Pairs of columns that a voxel can touch [chunk, group]; 0 where no line meets the volume."""
    used = lines.stride_mm > 0
    reach, both = (1.0, used[..., 1:] & used[..., :-1]) if form.group else (1.0, used)
    groups = -(-slabs // form.group)
    need = np.zeros((len(used), groups), np.int32)
    for group in range(groups):
        ends = [lines.middle + lines.middle_step * i for i in (group * form.group, (group + 1) * form.group - 1)]
        wide = max(1.0, form.taps / 2)
        inside = used & (np.minimum(*ends) < across + wide) & (np.maximum(*ends) > -1 - wide)
        near = both & (inside[..., 1:] | inside[..., :-1])
        gap = np.minimum(*(np.abs(np.diff(end, axis=-1)) for end in ends))
        dense = np.where(near, 1 / np.maximum(gap, 1e-6), 0).max((1, 2))
        columns = 2 * reach * dense + 2 if not form.cell else dense + 3
        columns = np.minimum(np.floor(columns + 4 * MARGIN), lines.middle.shape[-1])
        need[:, group] = np.where(inside.any((1, 2)), -(-columns // 2), 0)
    return need


def _inverse(geometry: Geometry, box: Box, axis: int, views: np.ndarray) -> Inverse:
    order = [axis, 1 - axis]
    ahead = geometry.source_mm if geometry.beam == "parallel" else geometry.centre_mm - geometry.source_mm
    origin = geometry.centre_mm if geometry.beam == "parallel" else geometry.source_mm
    frame = np.stack([ahead[:, order], geometry.along_mm[:, order]], -1)
    matrix = np.linalg.inv(frame) * box.pitch[order]
    arc = np.linalg.norm(ahead, axis=-1) / np.linalg.norm(geometry.along_mm, axis=-1)
    bend = np.full(len(arc), (geometry.columns - 1) / 2 + geometry.column_offset)
    start = (origin[:, order] - box.first[order]) / box.pitch[order]
    single = (field.astype(np.float32)[views] for field in (start, matrix, bend, arc))
    return Inverse(views.astype(np.int32), *single)


def column(slab: jax.Array, place: jax.Array, inverse: Inverse, detector: str) -> jax.Array:
    """The (fractional) column of a view that sees a place in a slab."""
    away = (slab - inverse.origin[0], place - inverse.origin[1])
    ahead, along = (row[0] * away[0] + row[1] * away[1] for row in inverse.matrix)
    if detector == "parallel":
        return along + inverse.bend
    if detector == "flat":
        return along / jnp.maximum(ahead, 1e-9) + inverse.bend
    return jnp.arctan2(along / inverse.arc, ahead) * inverse.arc + inverse.bend


@partial(jax.jit, static_argnames=("gather", "shape"))
def spread(
    data: jax.Array, tables: Tables, dz_mm: jax.Array, gather: Gather, shape: tuple[int, int, int, int]
) -> jax.Array:
    """Transpose of `march.march` for one axis.

    Args:
        data: [view, column, row, K], all views.
        tables, gather: of `tables`.
        dz_mm: voxel pitch along z.
        shape: of the volume: slabs, across, z, K.
    Returns:
        [slab, across, z, K].
    """
    slabs, width, height, count = shape
    form = gather.march
    group, chunks = form.group, len(tables.first)
    depth = gather.window + form.cell
    deep = lanes(depth, count)
    path = path_mm(jax.tree.map(lambda a: a.reshape(-1), tables.lines), dz_mm, form)
    path = path.reshape(chunks, gather.views, -1, form.rows, 1)
    sent = data[tables.inverse.index] * path
    sent = running_sum(sent) if form.cell else jnp.pad(sent, ((0, 0),) * 3 + ((1, 1), (0, 0)))

    def slabs_of(_: None, block: tuple[jax.Array, jax.Array]) -> tuple[None, jax.Array]:
        start, need = block
        index = start + jnp.arange(group, dtype=jnp.float32)

        def chunk(total: jax.Array, part: tuple) -> tuple[jax.Array, None]:
            values, lines, inverse, first, pairs = part

            def work(total: jax.Array) -> jax.Array:
                stacks = _stacks(values, lines, start + (group - 1) / 2, first, gather, deep)
                low, shares = jax.vmap(lambda one, way: _shares(one, way, index, width, gather))(lines, inverse)
                part = _gather(stacks, low, shares, pairs, (group, width, deep * count))
                part = part.reshape(group, width, deep, count)[:, :, :depth]
                part = jnp.diff(part, axis=-2) if form.cell else part
                before = jax.lax.dynamic_slice_in_dim(total, first, gather.window, -2)
                return jax.lax.dynamic_update_slice_in_dim(total, before + part, first, -2)

            return jax.lax.cond(pairs > 0, work, lambda total: total, total), None

        zero = jnp.zeros((group, width, height, count), jnp.float32)
        return None, jax.lax.scan(chunk, zero, (sent, tables.lines, tables.inverse, tables.first, need))[0]

    starts = jnp.arange(len(tables.taps), dtype=jnp.float32) * group
    total = jax.lax.scan(slabs_of, None, (starts, jnp.asarray(tables.taps)))[1]
    return total.reshape(-1, width, height, count)[:slabs]


def _gather(stacks: jax.Array, low: jax.Array, shares: jax.Array, pairs: jax.Array, shape: tuple) -> jax.Array:
    """Sum over views and the columns that touch each voxel: [view, column, z x K] -> [slab, across, z x K]."""

    def view(total: jax.Array, part: tuple[jax.Array, jax.Array, jax.Array]) -> tuple[jax.Array, None]:
        rows, first, share = part

        def pair(i: jax.Array, total: jax.Array) -> jax.Array:
            for m in (0, 1):
                total += share[2 * i + m][..., None] * rows.at[first + 2 * i + m].get(mode="promise_in_bounds")
            return total

        return jax.lax.fori_loop(0, pairs, pair, total), None

    return jax.lax.scan(view, jnp.zeros(shape, jnp.float32), (stacks, low, shares))[0]


def _shares(
    lines: Crossings, inverse: Inverse, index: jax.Array, width: int, gather: Gather
) -> tuple[jax.Array, jax.Array]:
    """First column (`taps` is added for padding) and weights [tap, slab, across] of one view."""
    form, columns = gather.march, len(lines.middle)
    slab, voxel = index[:, None], jnp.arange(width, dtype=jnp.float32)
    first = jnp.clip(first_column(slab, voxel, inverse, gather), -gather.taps, columns).astype(jnp.int32)

    def weight(tap: jax.Array) -> jax.Array:
        which = jnp.clip(first + tap, 0, columns - 1)
        here = Crossings(
            *(jnp.asarray(field).at[which].get(mode="promise_in_bounds") for field in lines[:4]),  # type: ignore[arg-type]
            *[lines.z] * 5,
        )
        middle, half = footprint(here, slab, form)
        return share(middle, half, voxel, form)

    return first + gather.taps, jax.lax.map(weight, jnp.arange(gather.taps))


def first_column(slab: jax.Array, voxel: jax.Array, inverse: Inverse, gather: Gather) -> jax.Array:
    """The lowest column that can touch a voxel."""
    reach, half = (0.5, 0.5) if gather.march.cell else (1.0, 0.0)
    ends = [column(slab, voxel + side * reach, inverse, gather.detector) for side in (-1, 1)]
    return jnp.ceil(jnp.minimum(*ends) - half - MARGIN)


def _stacks(
    values: jax.Array, lines: Crossings, middle: jax.Array, first: jax.Array, gather: Gather, deep: int
) -> jax.Array:
    """What columns send to each z (or edge) of their window [view, column, z x K], columns padded by `taps`."""
    views, columns, _, count = values.shape
    z = (lines.z + lines.z_step * middle)[..., None]
    pitch = jnp.maximum(lines.pitch + lines.pitch_step * middle, 1e-6)[..., None]
    height = jnp.arange(deep, dtype=jnp.float32) + first.astype(jnp.float32)
    if gather.march.cell:
        out = _between(values, (height - 0.5 - z) / pitch)
    else:
        out = _tents(values, z, pitch, height, gather.rows)
    out = out.reshape(views, columns, deep * count)
    return jnp.pad(out, ((0, 0), (gather.taps, 2 * gather.taps), (0, 0)))


def _between(values: jax.Array, place: jax.Array) -> jax.Array:
    """Running sums of rows [view, column, row, K] read at places in rows [view, column, z]."""
    rows = values.shape[-2] - 1
    inside = jnp.clip(place, 0, rows)
    low = jnp.minimum(inside.astype(jnp.int32), rows - 1)
    one, two = (_read(values, low + i) for i in (0, 1))
    return one + (inside - low)[..., None] * (two - one)


def _tents(values: jax.Array, z: jax.Array, pitch: jax.Array, height: jax.Array, taps: int) -> jax.Array:
    """Rows (padded by one) within one voxel of each height, weighted linearly."""
    rows = values.shape[-2] - 2
    low = jnp.ceil((height - 1 - z) / pitch - 1e-4)
    out = jnp.float32(0)
    for tap in range(taps):
        row = low + tap
        share = jnp.maximum(0, 1 - jnp.abs(z + pitch * row - height))
        index = (jnp.clip(row, -1, rows) + 1).astype(jnp.int32)
        out = out + share[..., None] * _read(values, index)
    return out


def _read(values: jax.Array, place: jax.Array) -> jax.Array:
    """[view, column, row, K] at [view, column, z] -> [view, column, z, K]."""
    views, columns, rows, count = values.shape
    start = jnp.arange(views * columns, dtype=jnp.int32).reshape(views, columns, 1) * rows
    return values.reshape(-1, count).at[start + place].get(mode="promise_in_bounds")
