"""One row of cells in the plane of one slice, which no ray leaves: `march` and `gather` where there is no z.

There are no z-rows to read as vectors, so the voxels (or columns) that a line (or voxel) touches are read as one, with
the volumes side by side, and are kept apart until the end. Some of a vector's weights are zero; that is still far
quicker than reading number by number.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from phantomsim.scanners.ct.joseph.gather import Gather, Tables, first_column
from phantomsim.scanners.ct.joseph.lines import Crossings
from phantomsim.scanners.ct.joseph.march import LEAST, Form, Room, first_voxel, footprint, path_mm, share

SLABS = 16  # of a voxel-driven step: their sums stay in the cache


def _wide(taps: int, count: int) -> int:
    """How many neighbours are read at once."""
    return max(taps, -(-LEAST // count))


def _read(flat: jax.Array, place: jax.Array, size: int) -> jax.Array:
    """`size` numbers in a row from each place [..] -> [.., size]."""
    numbers = jax.lax.GatherDimensionNumbers((place.ndim,), (), (0,))
    return jax.lax.gather(flat, place[..., None], numbers, (size,), mode="promise_in_bounds")


def room(form: Form) -> Room:
    """What `march` wants around a slice."""
    return Room(0, (form.taps, form.taps + _wide(form.taps, 1)))


@partial(jax.jit, static_argnames=("form", "width"))
def march(volume: jax.Array, lines: Crossings, dz_mm: jax.Array, form: Form, width: int) -> jax.Array:
    """Integrals along lines [chunk, line] through one slice [slab, across, 1, K], with `room` -> [line, 1, K]."""
    slabs, _, _, count = volume.shape
    wide = _wide(form.taps, count)
    tap = (jnp.arange(wide * count) // count).astype(jnp.float32)  # which neighbour a number of a vector is of
    padded = volume.reshape(slabs, -1)

    def chunk(_: None, part: Crossings) -> tuple[None, jax.Array]:
        def slab(total: jax.Array, one: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, None]:
            middle, half = footprint(part, one[1], form)
            first = jnp.clip(first_voxel(middle, half, form), -form.taps, width)
            weight = share(middle[:, None], half[:, None], first[:, None] + tap, form)
            place = (first.astype(jnp.int32) + form.taps) * count
            return total + weight * _read(one[0], place, wide * count), None

        zero = jnp.zeros((form.chunk, wide * count), jnp.float32)
        total = jax.lax.scan(slab, zero, (padded, jnp.arange(slabs, dtype=jnp.float32)))[0]
        return None, total.reshape(-1, wide, count).sum(1) * path_mm(part, dz_mm, form)

    return jax.lax.scan(chunk, None, lines)[1].reshape(-1, 1, count)


@partial(jax.jit, static_argnames=("gather", "shape"))
def spread(
    data: jax.Array, tables: Tables, dz_mm: jax.Array, gather: Gather, shape: tuple[int, int, int, int]
) -> jax.Array:
    """Transpose of `march`: [view, column, 1, K], all views -> [slab, across, 1, K]; see `gather.spread`."""
    slabs, width, _, count = shape
    wide = _wide(gather.taps, count)
    lines, inverse = jax.tree.map(lambda a: jnp.asarray(a).reshape(-1, *a.shape[2:]), (tables.lines, tables.inverse))
    path = path_mm(jax.tree.map(lambda a: a.reshape(-1), lines), dz_mm, gather.march).reshape(*lines.middle.shape, 1)
    room = ((0, 0), (gather.taps, gather.taps + wide), (0, 0))
    sent = jnp.pad(data[inverse.index, :, 0] * path, room).reshape(len(path), -1)
    used = lines._fields[: 4 if gather.march.cell else 2]
    beside = {name: _beside(getattr(lines, name), room[1], count) for name in used}
    voxel = jnp.arange(width, dtype=jnp.float32)

    def block(_: None, start: jax.Array) -> tuple[None, jax.Array]:
        slab = start + jnp.arange(SLABS, dtype=jnp.float32)[:, None]

        def view(total: jax.Array, part: tuple[jax.Array, dict[str, jax.Array], Any]) -> tuple[jax.Array, None]:
            values, fields, way = part
            first = jnp.clip(first_column(slab, voxel, way, gather), -gather.taps, len(values) // count - sum(room[1]))
            place = (first.astype(jnp.int32) + gather.taps) * count
            near = {name: _read(field, place, wide * count) for name, field in fields.items()}
            line = Crossings(**{name: near.get(name, jnp.float32(0)) for name in Crossings._fields})
            middle, half = footprint(line, slab[..., None], gather.march)
            weight = share(middle, half, voxel[:, None], gather.march)
            return total + weight * _read(values, place, wide * count), None

        zero = jnp.zeros((SLABS, width, wide * count), jnp.float32)
        total = jax.lax.scan(view, zero, (sent, beside, inverse))[0]
        return None, total.reshape(SLABS, width, wide, count).sum(2)

    starts = jnp.arange(0, slabs, SLABS, dtype=jnp.float32)
    return jax.lax.scan(block, None, starts)[1].reshape(-1, width, 1, count)[:slabs]


def _beside(field: jax.Array, room: tuple[int, int], count: int) -> jax.Array:
    """What belongs to columns, once for each volume, padded as the data are [view, column] -> [view, column x K]."""
    return jnp.repeat(jnp.pad(field, ((0, 0), room), mode="edge"), count, axis=1)
