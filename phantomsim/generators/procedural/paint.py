"""Painting organs in order, each as large as asked.

An organ is a level function and the tissue it may take. Its level is solved by bisection so that the organ gets its
volume whatever its neighbours leave it: organs touch and mould each other but never overlap. Levels are solved once on
a coarse grid of the whole region (`plan`); then the same patient can be painted on any grid (`paint`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import jax
import jax.numpy as jnp

from phantomsim.generators.procedural.shapes import Point

Numbers = dict[str, jax.Array]
REACH_MM = 60.0  # how far a level may lie from the drawn surface
_STEPS = 24  # of bisection: 60 mm / 2^23 is far below a voxel


class Painter:
    """Labels of a grid while they are painted.

    Attributes:
        label: uint8 [z, y, x].
        levels: solved or given levels by organ [mm].
        volumes_mL: what each organ got, by organ; in the plan.
    """

    def __init__(self, p: Point, tissues: Sequence[str], voxel_mL: jax.Array, levels: Numbers | None) -> None:
        self.p = p
        self.tissues = tuple(tissues)
        self.voxel_mL = voxel_mL
        self.solve = levels is None
        self.levels: Numbers = dict(levels or {})
        self.volumes_mL: Numbers = {}
        shape = jnp.broadcast_shapes(*(a.shape for a in p))
        self.label = jnp.zeros(shape, jnp.uint8)

    def index(self, tissue: str) -> int:
        """Index of a tissue."""
        return self.tissues.index(tissue)

    def of(self, *tissues: str) -> jax.Array:
        """Where any of these tissues is now."""
        out = self.label == self.index(tissues[0])
        for name in tissues[1:]:
            out = out | (self.label == self.index(name))
        return out

    def put(self, tissue: str, inside: jax.Array) -> None:
        """Paint. The barrier keeps the compiler from drawing all earlier organs again inside each later one."""
        self.label = jax.lax.optimization_barrier(jnp.where(inside, jnp.uint8(self.index(tissue)), self.label))

    def level(self, name: str, field: jax.Array, allowed: jax.Array, volume_mL: jax.Array) -> jax.Array:
        """The level below which the field holds a volume of what is allowed; solved, or as planned."""
        if self.solve:
            (field,) = keep(field)
            field = jnp.where(allowed, field, jnp.inf)
            self.levels[name] = _bisect(field, volume_mL / self.voxel_mL)
            self.volumes_mL[name] = (field < self.levels[name]).sum() * self.voxel_mL
        return self.levels[name]

    def organ(self, tissue: str, name: str, field: jax.Array, allowed: jax.Array, volume_mL: jax.Array) -> jax.Array:
        """Paint an organ of a given volume; returns its field, negative inside."""
        field = field - self.level(name, field, allowed, volume_mL)
        self.put(tissue, allowed & (field < 0))
        return field


def _bisect(field: jax.Array, voxels: jax.Array) -> jax.Array:
    def step(_: int, bounds: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        low, high = bounds
        middle = (low + high) / 2
        less = (field < middle).sum() < voxels
        return jnp.where(less, middle, low), jnp.where(less, high, middle)

    low, high = jax.lax.fori_loop(0, _STEPS, step, (jnp.float32(-REACH_MM), jnp.float32(REACH_MM)))
    return (low + high) / 2


def keep(*fields: jax.Array) -> tuple[jax.Array, ...]:
    """The fields, computed once: the compiler may not draw them again inside each use (a third of its time here)."""
    return jax.lax.optimization_barrier(fields)


Draw = Callable[[Painter, Numbers], None]


def _axes(shape: tuple[int, int, int], spacing_mm: jax.Array, centre_mm: jax.Array) -> Point:
    z, y, x = ((jnp.arange(n, dtype=jnp.float32) - (n - 1) / 2) * spacing_mm for n in shape)
    return x[None, None, :] + centre_mm[0], y[None, :, None] + centre_mm[1], z[:, None, None] + centre_mm[2]


# The grid is coarse: time to compile counts here, not time to run.
@partial(
    jax.jit,
    compiler_options={"xla_cpu_use_fusion_emitters": False},
    static_argnames=("draw", "tissues", "shape"),
)
def plan(
    draw: Draw,
    tissues: tuple[str, ...],
    shape: tuple[int, int, int],
    spacing_mm: jax.Array,
    centre_mm: jax.Array,
    numbers: Numbers,
) -> tuple[Numbers, Numbers]:
    """Levels [mm] and volumes [mL] of all organs, from a coarse grid of the whole region."""
    painter = Painter(_axes(shape, spacing_mm, centre_mm), tissues, spacing_mm**3 / 1000.0, None)
    draw(painter, numbers)
    return painter.levels, painter.volumes_mL


@partial(jax.jit, static_argnames=("draw", "tissues", "shape"))
def paint(
    draw: Draw,
    tissues: tuple[str, ...],
    shape: tuple[int, int, int],
    spacing_mm: jax.Array,
    centre_mm: jax.Array,
    numbers: Numbers,
    levels: Numbers,
) -> jax.Array:
    """Labels on a grid, uint8 [z, y, x]."""
    painter = Painter(_axes(shape, spacing_mm, centre_mm), tissues, spacing_mm**3 / 1000.0, levels)
    draw(painter, numbers)
    return painter.label
