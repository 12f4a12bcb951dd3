"""From a way of drawing to painted grids: levels on a coarse grid first, then any grid, slab by slab."""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from phantomsim import compiled
from phantomsim.generators.procedural.canvas import Canvas, Draw, Number, Numbers
from phantomsim.generators.procedural.painted import Painted
from phantomsim.generators.procedural.shapes import Point

SLAB = 16  # most rows painted at once on a CPU: a slab of 256 x 256 stays in its caches
_compiled: set[tuple[Draw, Any]] = set()


def axes(shape: tuple[int, int, int], spacing_mm: Number, first_mm: jax.Array) -> Point:
    """Voxel centres (x, y, z) [mm] that broadcast together, from the centre (x, y, z) of voxel [0, 0, 0]."""
    z, y, x = (jnp.arange(n, dtype=jnp.float32) * spacing_mm for n in shape)
    return x[None, None, :] + first_mm[0], y[None, :, None] + first_mm[1], z[:, None, None] + first_mm[2]


def first_mm(shape: tuple[int, int, int], spacing_mm: float, centre_mm: tuple[float, float, float]) -> np.ndarray:
    """Centre (x, y, z) of voxel [0, 0, 0] [mm], float32."""
    return np.array([c - 0.5 * (n - 1) * spacing_mm for c, n in zip(centre_mm, shape[::-1])], np.float32)


# The grid is coarse: more than the first level of optimisation takes longer to compile and gains nothing.
@partial(
    jax.jit,
    compiler_options={"xla_backend_optimization_level": 1},
    static_argnames=("draw", "organs", "shape", "per_cm"),
)
def plan(
    draw: Draw,
    organs: tuple[str, ...],
    shape: tuple[int, int, int],
    per_cm: int,
    voxel_mm: Number,
    first: jax.Array,
    numbers: Numbers,
) -> tuple[Numbers, Numbers, Painted]:
    """Levels [mm] and volumes [mL] of all organs, from a coarse grid of the whole region, and what is painted there."""
    canvas = Canvas(axes(shape, voxel_mm, first), organs, voxel_mm, per_cm, None)
    draw(canvas, numbers)
    return canvas.levels, canvas.volumes_mL, canvas.now


@partial(jax.jit, static_argnames=("draw", "organs", "shape", "per_cm"))
def paint_slab(
    draw: Draw,
    organs: tuple[str, ...],
    shape: tuple[int, int, int],
    per_cm: int,
    voxel_mm: Number,
    first: jax.Array,
    numbers: Numbers,
    levels: Numbers,
) -> Painted:
    """Organs on one grid, whole; a map over patients of this is what a GPU runs."""
    canvas = Canvas(axes(shape, voxel_mm, first), organs, voxel_mm, per_cm, levels)
    draw(canvas, numbers)
    return canvas.now


def voxels_per_cm(voxel_mm: float) -> int:
    """A bound on the voxels in 10 mm; the same for voxels of nearly one size, which then share compiled code."""
    return math.ceil(10.0 / voxel_mm)


@contextlib.contextmanager
def compiling(
    draw: Draw,
    organs: tuple[str, ...],
    shape: tuple[int, int, int],
    voxel_mm: float,
    numbers: Numbers,
    levels: Callable[[], Any],
) -> Iterator[None]:
    """Compile what `paint` needs beside what is done meanwhile; nothing where it has been compiled.

    Args:
        levels: gives their shapes; they are not yet known.
    """
    frame = _slab_of(shape, voxel_mm)
    if (draw, frame) in _compiled:
        yield
        return
    anywhere = (jnp.float32(voxel_mm), jnp.zeros(3, jnp.float32))
    lowered = paint_slab.lower(draw, organs, *frame, *anywhere, numbers, levels())
    with ThreadPoolExecutor(1) as beside:
        done = beside.submit(_compile, lowered, f"slab {draw.__module__} {frame}")
        yield
        done.result()
    _compiled.add((draw, frame))


def _compile(lowered: jax.stages.Lowered, what: str) -> None:
    with compiled.turn(what):
        lowered.compile()


def _slab_of(shape: tuple[int, int, int], voxel_mm: float) -> tuple[tuple[int, int, int], int]:
    """Shape of a slab and the bound on its voxels in 10 mm."""
    pairs = math.ceil(shape[0] / (2 * SLAB))  # an even number of slabs: two cores end together
    return (math.ceil(shape[0] / (2 * pairs)), *shape[1:]), voxels_per_cm(voxel_mm)


def paint(
    draw: Draw,
    organs: tuple[str, ...],
    shape: tuple[int, int, int],
    voxel_mm: float,
    first: np.ndarray,
    numbers: Numbers,
    levels: Numbers,
) -> Painted:
    """Organs on a grid, numpy arrays, painted in slabs by all cores.

    Args:
        first: centre (x, y, z) of voxel [0, 0, 0] [mm].
    """
    (rows, *_), _ = frame = _slab_of(shape, voxel_mm)
    starts = range(0, shape[0], rows)
    whole = Painted(np.empty(shape, np.uint8), np.empty(shape, np.uint8), np.empty(shape, np.float32))  # type: ignore[arg-type]

    def one(start: int) -> None:
        corner = first + np.array([0.0, 0.0, start * voxel_mm], np.float32)
        slab = paint_slab(draw, organs, *frame, jnp.float32(voxel_mm), jnp.asarray(corner), numbers, levels)
        for into, part in zip(whole, slab):
            into[start : start + rows] = np.asarray(part)[: shape[0] - start]  # type: ignore[index]

    todo = list(starts)
    if (draw, frame) not in _compiled:
        one(todo.pop(0))
        _compiled.add((draw, frame))
    with ThreadPoolExecutor(max(1, os.cpu_count() or 1)) as pool:
        list(pool.map(one, todo))
    return whole
