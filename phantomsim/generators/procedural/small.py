"""Small organs: one sample a voxel would not see how thin they are, so several are taken, in a box around each."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp

from phantomsim.generators.procedural.boxes import Box, around
from phantomsim.generators.procedural.canvas import Canvas, Number
from phantomsim.generators.procedural.shapes import Point

SAMPLE_MM = 2.0  # samples lie no further apart


def organ(
    canvas: Canvas,
    organ: str,
    name: str,
    field: Callable[[Point], jax.Array],
    middle_mm: jax.Array,
    edge_mm: float,
    room: Sequence[str],
    volume_mL: Number,
) -> None:
    """Paint an organ of a given volume on what it may take; it is not seen beyond its box.

    Args:
        name: of its level.
        field: [mm] of points (x, y, z) [mm], negative inside.
        middle_mm: of the box (x, y, z) [3].
        edge_mm: static; of the box.
    """
    corners, shape = around(canvas, middle_mm[None], edge_mm)
    box = Box(tuple(corners[0]), shape)
    finer = math.ceil(10.0 / (canvas.per_cm * SAMPLE_MM))
    steps = ((jnp.arange(finer) + 0.5) / finer - 0.5) * canvas.voxel_mm
    axes = [(a.ravel()[:, None] + steps).ravel() for a in reversed(box.points(_axes(canvas)))]
    samples = field((axes[2][None, None, :], axes[1][None, :, None], axes[0][:, None, None]))
    free = box.of(canvas.of(*room)) if canvas.solve else jnp.ones(shape)
    level = canvas.level(name, samples, free, volume_mL, finer)

    def shown() -> jax.Array:
        outside = jnp.full(canvas.shape, canvas.voxel_mm)
        return jax.lax.dynamic_update_slice(outside, canvas.field(canvas.cover(samples - level, finer)), box.start)

    half = 0.5 * edge_mm
    canvas.put(organ, shown, on=room, z_mm=(middle_mm[2] - half, middle_mm[2] + half))


def _axes(canvas: Canvas) -> tuple[jax.Array, ...]:
    return tuple(a.ravel() for a in reversed(canvas.p))
