"""Hollow organs along curves: a wall, what it holds, and gas where it rises to."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from phantomsim.generators.procedural import boxes
from phantomsim.generators.procedural.canvas import Canvas, Number
from phantomsim.generators.procedural.common.curves import smooth
from phantomsim.generators.procedural.shapes import Point, moved, wave

FAR_MM = 60.0
_HALF, _PER_MM = 32768, 512  # of 16 bits that hold a length, and how finely it is kept


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
    low = jnp.minimum(table[:, 2], table[:, 7]) - 0.5 * reach_mm
    high = jnp.maximum(table[:, 2], table[:, 7]) + 0.5 * reach_mm
    drawn = lambda segment, p, _: _code(_segment(p, table[segment], folds, pitch_mm))  # noqa: E731
    none = jnp.full(canvas.shape, _code(Trail(jnp.float32(FAR_MM), jnp.float32(FAR_MM))))
    return _decode(boxes.least(canvas, 0.5 * (table[:, :3] + table[:, 5:8]), (low, high), reach_mm, drawn, none))


def _code(seen: Trail) -> jax.Array:
    """Both in one whole number, uint32, in the order of the field: the least is of the nearest segment."""
    field, gas = (jnp.clip(jnp.round(mm * _PER_MM) + _HALF, 0, 2 * _HALF - 1).astype(jnp.int32) for mm in seen)
    return (field.astype(jnp.uint32) << 16) | gas.astype(jnp.uint32)


def _decode(code: jax.Array) -> Trail:
    parts = ((part.astype(jnp.int32) - _HALF).astype(jnp.float32) for part in (code >> 16, code & 0xFFFF))
    return Trail(*(part * (1.0 / _PER_MM) for part in parts))


def _segment(p: Point, row: jax.Array, folds: float, pitch_mm: float) -> Trail:
    line, d = row[5:8] - row[:3], moved(p, row[:3])
    t = jnp.clip((d[0] * line[0] + d[1] * line[1] + d[2] * line[2]) / jnp.maximum((line * line).sum(), 1e-6), 0.0, 1.0)
    away = (d[0] - t * line[0]) ** 2 + (d[1] - t * line[1]) ** 2 + (d[2] - t * line[2]) ** 2
    radius = row[3] + t * (row[8] - row[3])
    gas = (row[4] + t * (row[9] - row[4])) * radius
    if folds:
        fold = 0.5 + 0.5 * wave((row[10] + t * (row[11] - row[10])) / pitch_mm + 0.25)
        radius = radius * (1.0 + 0.1 * folds - folds * fold * fold * fold)
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
