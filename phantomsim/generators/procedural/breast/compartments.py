"""Compartments of fat, and the sheets between them: Cooper's ligaments.

A compartment is what lies nearest to one of many points, by a measure of its own, so that walls are curved; as in
Pokrajac 2012 (doi:10.1118/1.3697523), where ligaments are likewise the quadratic boundaries between compartments.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from phantomsim.generators.procedural import boxes
from phantomsim.generators.procedural.breast.frame import Frame
from phantomsim.generators.procedural.canvas import Canvas, keep
from phantomsim.generators.procedural.shapes import Point

COUNT = 340  # Bakic 2011 (doi:10.1118/1.3590357) takes some hundreds; unverified
_UNEVEN = 0.18  # SD of the logarithm of a point's measure along each axis
_STEPS_PER_MM, _VALUES = 1024, 256  # how finely distances and values are kept


class Compartments(NamedTuple):
    """Where voxels lie among the compartments.

    Attributes:
        near_mm, own: distance from the nearest point, by its measure, and its value, uniform in 0 to 1.
        next_mm, other: the same of the second.
    """

    near_mm: jax.Array
    own: jax.Array
    next_mm: jax.Array
    other: jax.Array


def points(key: jax.Array, f: Frame) -> jax.Array:
    """Even points in a breast: material (x, y, z), measure along x, y, z [1], value [1]; [COUNT, 7]."""
    even, measure, value = jax.random.split(key, 3)
    # Additive recurrence by the plastic number's fourth-degree kin (Roberts 2018): even, yet without a lattice.
    g = 1.2207440846057596
    u = (jnp.arange(COUNT)[:, None] * jnp.array([1 / g, 1 / g**2, 1 / g**3]) + jax.random.uniform(even, (3,))) % 1.0
    r, up, turn = u[:, 0] ** (1 / 3), u[:, 1], 2.0 * jnp.pi * u[:, 2]
    flat = jnp.sqrt(1.0 - up * up)
    e = [f.a * r * flat * jnp.cos(turn), f.c * r * up, f.b * r * flat * jnp.sin(turn)]
    uneven = jnp.exp(_UNEVEN * jax.random.normal(measure, (COUNT, 3)))
    return jnp.concatenate([jnp.stack(e, 1), uneven, jax.random.uniform(value, (COUNT, 1))], 1)


def size_mm(f: Frame) -> jax.Array:
    """Edge of a cube as large as the mean compartment."""
    return (2.0 / 3.0 * jnp.pi * f.a * f.b * f.c / COUNT) ** (1.0 / 3.0)


def compartments(canvas: Canvas, e: Point, rows: jax.Array, at: jax.Array, reach_mm: float) -> Compartments:
    """Distances of all voxels; each point looks in a box around its place only.

    Args:
        e: material coordinates, [z, y, x] each.
        rows: `points`.
        at: where they lie in the world (x, y, z) [mm], [COUNT, 3].
        reach_mm: static; half the edge of the box.
    """
    wide = [jnp.broadcast_to(v, canvas.shape) for v in e]
    span = (at[:, 2] - reach_mm, at[:, 2] + reach_mm)
    far = jnp.full(canvas.shape, _code(jnp.float32(2.0 * reach_mm), jnp.float32(0.5)))

    def least(above: jax.Array | None) -> jax.Array:
        """The least code of any point, or the least above another."""

        def code(i: jax.Array, _: Point, box: boxes.Box) -> jax.Array:
            q = [(box.of(v) - rows[i, j]) * rows[i, 3 + j] for j, v in enumerate(wide)]
            mine = _code(jnp.sqrt(q[0] ** 2 + q[1] ** 2 + q[2] ** 2), rows[i, 6])
            return mine if above is None else jnp.where(mine > box.of(above), mine, far[0, 0, 0])

        return boxes.least(canvas, at, span, 2.0 * reach_mm, code, far)

    (near,) = keep(least(None))
    following = least(near)
    return Compartments(*_decode(near), *_decode(following))


def _code(distance_mm: jax.Array, value: jax.Array) -> jax.Array:
    """Distance and value in one whole number, int32, in the order of distances."""
    return (distance_mm * _STEPS_PER_MM).astype(jnp.int32) * _VALUES + (value * (_VALUES - 1)).astype(jnp.int32)


def _decode(code: jax.Array) -> tuple[jax.Array, jax.Array]:
    return (code // _VALUES).astype(jnp.float32) / _STEPS_PER_MM, (code % _VALUES).astype(jnp.float32) / (_VALUES - 1)
