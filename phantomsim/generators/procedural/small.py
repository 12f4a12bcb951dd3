"""Small organs: one sample a voxel would not see how thin they are, so several are taken, in a box around each."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp

from phantomsim.generators.procedural.boxes import Box, around, axes
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
    z, y, x = ((a.ravel()[:, None] + steps).ravel() for a in reversed(box.points(axes(canvas))))

    def samples() -> jax.Array:
        return field((x[None, None, :], y[None, :, None], z[:, None, None]))

    if canvas.solve:
        canvas.level(name, samples(), box.of(canvas.of(*room)), volume_mL, finer)

    def shown() -> jax.Array:
        cover = canvas.cover(samples() - canvas.levels[name], finer)
        return jax.lax.dynamic_update_slice(jnp.full(canvas.shape, canvas.voxel_mm), canvas.field(cover), box.start)

    half = 0.5 * edge_mm
    canvas.put(organ, shown, on=room, z_mm=(middle_mm[2] - half, middle_mm[2] + half))
