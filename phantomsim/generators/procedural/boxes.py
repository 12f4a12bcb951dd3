"""Many small things on one grid, each drawn only in a box around it."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from phantomsim.generators.procedural.canvas import Canvas
from phantomsim.generators.procedural.shapes import Point


class Box(NamedTuple):
    """Part of a grid: its first voxel [z, y, x], and its (static) shape."""

    start: tuple[jax.Array, ...]
    shape: tuple[int, ...]

    def of(self, grid: jax.Array) -> jax.Array:
        """This part of an array of the whole grid."""
        return jax.lax.dynamic_slice(grid, self.start, self.shape)

    def points(self, axes: tuple[jax.Array, ...]) -> Point:
        """Its voxels' (x, y, z) [mm], broadcasting together, from those along z, y and x of the whole grid."""
        at = [jax.lax.dynamic_slice_in_dim(a, s, n) for a, s, n in zip(axes, self.start, self.shape)]
        return at[2][None, None, :], at[1][None, :, None], at[0][:, None, None]


def axes(canvas: Canvas) -> tuple[jax.Array, ...]:
    """Where voxels lie along z, y and x [mm]."""
    return tuple(a.ravel() for a in reversed(canvas.p))


def around(canvas: Canvas, middles_mm: jax.Array, edge_mm: float) -> tuple[jax.Array, tuple[int, ...]]:
    """First voxels [thing, 3] (z, y, x) and the (static) shape of boxes in the grid, about their middles if it allows.

    Args:
        middles_mm: (x, y, z) [thing, 3].
        edge_mm: static; of a box.
    """
    count = math.ceil(edge_mm * canvas.per_cm / 10.0) + 2
    shape = tuple(min(count, n) for n in canvas.shape)
    firsts = jnp.stack([a[0] for a in axes(canvas)])
    most = jnp.array([m - n for m, n in zip(canvas.shape, shape)])
    corners = jnp.round((middles_mm[:, ::-1] - firsts) / canvas.voxel_mm).astype(jnp.int32) - jnp.array(shape) // 2
    return jnp.clip(corners, 0, most), shape


def least(
    canvas: Canvas,
    middles_mm: jax.Array,
    span_mm: tuple[jax.Array, jax.Array],
    edge_mm: float,
    draw: Callable[[jax.Array, Point, Box], jax.Array],
    none: jax.Array,
) -> jax.Array:
    """The least of what things draw, voxel by voxel; a thing is not seen beyond its box.

    One array alone, and only the things that the grid reaches: an array more, or a condition, would be copied for each.

    Args:
        middles_mm: of the boxes (x, y, z), [thing, 3].
        span_mm: lowest and highest z of each thing, [thing] each.
        edge_mm: static; of a box.
        draw: of a thing's number, its box's voxels and its box; an array of the box.
        none: what there is without any of them, [z, y, x].
    """
    corners, shape = around(canvas, middles_mm, edge_mm)
    along = axes(canvas)
    reached = (span_mm[1] > along[0][0]) & (span_mm[0] < along[0][-1])
    order = jnp.argsort(~reached)

    def step(k: jax.Array, now: jax.Array) -> jax.Array:
        thing = order[k]
        box = Box(tuple(corners[thing]), shape)
        drawn = jnp.minimum(box.of(now), draw(thing, box.points(along), box))
        return jax.lax.dynamic_update_slice(now, drawn, box.start)

    return jax.lax.fori_loop(0, reached.sum(), step, none)  # type: ignore[no-any-return]
