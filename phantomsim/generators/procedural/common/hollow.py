"""Hollow organs along curves: a wall, what it holds, and gas where it rises to."""

from __future__ import annotations

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp

from phantomsim.generators.procedural.canvas import Canvas, Number
from phantomsim.generators.procedural.common.curves import smooth

FAR_MM = 60.0


class Trail(NamedTuple):
    """A tube as seen by a grid.

    Attributes:
        field: distance to its outer surface [mm], negative inside; `FAR_MM` where there is none.
        gas: height under the level of the gas [mm]; negative in gas.
    """

    field: jax.Array
    gas: jax.Array


def rows(points: jax.Array, per: int) -> jax.Array:
    """Segments of a smooth tube.

    Args:
        points: (x, y, z, radius [mm], gas level in radii above the axis), [k, 5]; a level beyond 1 is no gas.
    Returns:
        Start and end as in `points`, then the lengths of the curve up to them [mm], [segment, 12].
    """
    c = smooth(points, per)
    lengths = jnp.concatenate([jnp.zeros(1), jnp.cumsum(jnp.linalg.norm(c[1:, :3] - c[:-1, :3], axis=1))])
    return jnp.concatenate([c[:-1], c[1:], lengths[:-1, None], lengths[1:, None]], 1)


def trail(canvas: Canvas, table: jax.Array, reach_mm: float, folds: float = 0.0, pitch_mm: float = 28.0) -> Trail:
    """Draw segments, each in a small box only.

    Args:
        table: as of `rows`.
        reach_mm: static; edge of the box: longer than any segment with its radii.
        folds: static; how deep folds between pouches reach, in radii.
        pitch_mm: static; length of a pouch.
    """
    count = math.ceil(reach_mm * canvas.per_cm / 10.0) + 2
    box = tuple(min(count, n) for n in canvas.shape)
    axes = tuple(a.ravel() for a in reversed(canvas.p))
    z0, h = axes[0], canvas.voxel_mm

    def draw(seen: Trail, row: jax.Array) -> Trail:
        middle = 0.5 * (row[:3] + row[5:8])[::-1]
        start = []
        for axis, centre, n, m in zip(axes, middle, box, canvas.shape):
            at = jnp.round((centre - axis[0]) / h).astype(jnp.int32) - n // 2
            start.append(jnp.clip(at, 0, m - n))
        z, y, x = (jax.lax.dynamic_slice_in_dim(a, s, n) for a, s, n in zip(axes, start, box))
        new = _segment(x[None, None, :], y[None, :, None], z[:, None, None], row, folds, pitch_mm)
        here = Trail(*(jax.lax.dynamic_slice(a, start, box) for a in seen))
        nearer = new.field < here.field
        both = (jnp.where(nearer, a, b) for a, b in zip(new, here))
        return Trail(*(jax.lax.dynamic_update_slice(a, b, start) for a, b in zip(seen, both)))

    def step(seen: Trail, row: jax.Array) -> tuple[Trail, None]:
        low = jnp.minimum(row[2], row[7]) - 0.5 * reach_mm
        high = jnp.maximum(row[2], row[7]) + 0.5 * reach_mm
        there = (low < z0[-1]) & (high > z0[0])
        return jax.lax.cond(there, draw, lambda seen, row: seen, seen, row), None

    none = Trail(jnp.full(canvas.shape, FAR_MM, jnp.float32), jnp.full(canvas.shape, FAR_MM, jnp.float32))
    return jax.lax.scan(step, none, table)[0]


def _segment(x: jax.Array, y: jax.Array, z: jax.Array, row: jax.Array, folds: float, pitch_mm: float) -> Trail:
    line, d = row[5:8] - row[:3], (x - row[0], y - row[1], z - row[2])
    t = jnp.clip((d[0] * line[0] + d[1] * line[1] + d[2] * line[2]) / jnp.maximum((line * line).sum(), 1e-6), 0.0, 1.0)
    away = (d[0] - t * line[0]) ** 2 + (d[1] - t * line[1]) ** 2 + (d[2] - t * line[2]) ** 2
    radius = row[3] + t * (row[8] - row[3])
    gas = (row[4] + t * (row[9] - row[4])) * radius
    if folds:
        wave = 0.5 + 0.5 * jnp.cos((2 * jnp.pi / pitch_mm) * (row[10] + t * (row[11] - row[10])))
        radius = radius * (1.0 + 0.1 * folds - folds * wave * wave * wave)
    return Trail(jnp.sqrt(away + 1e-6) - radius, gas - (d[1] - t * line[1]))


def fill(
    canvas: Canvas,
    names: tuple[str, str, str],
    seen: Trail,
    wall_mm: Number,
    room: tuple[str, ...],
) -> None:
    """Paint a hollow organ: wall, content and gas by name."""
    wall, content, gas = names
    canvas.put(wall, seen.field, on=room)
    canvas.put(content, seen.field + wall_mm, on=(wall,))
    canvas.put(gas, jnp.maximum(seen.field + wall_mm, seen.gas), on=(content,))
