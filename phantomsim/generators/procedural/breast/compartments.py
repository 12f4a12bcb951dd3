"""Compartments of fat, and the sheets between them: Cooper's ligaments.

A compartment is what lies nearest to one of many points, by a measure of its own, so that walls are curved; as in
Pokrajac 2012 (doi:10.1118/1.3697523), where ligaments are likewise the quadratic boundaries between compartments.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp

from phantomsim.generators.procedural.breast.frame import Frame
from phantomsim.generators.procedural.canvas import Canvas
from phantomsim.generators.procedural.shapes import Point

COUNT = 340  # Bakic 2011 (doi:10.1118/1.3590357) takes some hundreds; unverified
_UNEVEN = 0.18  # SD of the logarithm of a point's measure along each axis


class Compartments(NamedTuple):
    """Where voxels lie among the compartments.

    Attributes:
        near_mm, next_mm: distance from the nearest and the second point, by their measures.
        own, other: their values, uniform in 0 to 1.
    """

    near_mm: jax.Array
    next_mm: jax.Array
    own: jax.Array
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
        rows: `points`, by rising z of `at`.
        at: where they lie in the world (x, y, z) [mm], [COUNT, 3].
        reach_mm: static; half the edge of the box.
    """
    count = math.ceil(2.0 * reach_mm * canvas.per_cm / 10.0) + 1
    box = tuple(min(count, n) for n in canvas.shape)
    x, y, z = (a.ravel() for a in canvas.p)
    e = tuple(jnp.broadcast_to(v, canvas.shape) for v in e)
    far = jnp.full(canvas.shape, 2.0 * reach_mm, jnp.float32)
    none = jnp.full(canvas.shape, 0.5, jnp.float32)

    def step(i: jax.Array, now: Compartments) -> Compartments:
        row, corner = rows[i], jnp.stack([at[i, 2] - z[0], at[i, 1] - y[0], at[i, 0] - x[0]]) / canvas.voxel_mm
        start = [
            jnp.clip(jnp.round(c).astype(jnp.int32) - n // 2, 0, m - n) for c, n, m in zip(corner, box, canvas.shape)
        ]
        here = Compartments(*(jax.lax.dynamic_slice(v, start, box) for v in now))
        q = [(jax.lax.dynamic_slice(v, start, box) - row[j]) * row[3 + j] for j, v in enumerate(e)]
        mine = _nearer(here, jnp.sqrt(q[0] ** 2 + q[1] ** 2 + q[2] ** 2), row[6])
        return Compartments(*(jax.lax.dynamic_update_slice(v, m, start) for v, m in zip(now, mine)))

    # Only the points that reach this slab.
    low, high = jnp.searchsorted(at[:, 2], jnp.stack([z[0] - reach_mm, z[-1] + reach_mm]))
    return jax.lax.fori_loop(low, high, step, Compartments(far, 2.0 * far, none, none))  # type: ignore[no-any-return]


def _nearer(now: Compartments, d: jax.Array, value: jax.Array) -> Compartments:
    first, second = d < now.near_mm, d < now.next_mm
    return Compartments(
        jnp.minimum(now.near_mm, d),
        jnp.where(first, now.near_mm, jnp.minimum(now.next_mm, d)),
        jnp.where(first, value, now.own),
        jnp.where(first, now.own, jnp.where(second, value, now.other)),
    )
