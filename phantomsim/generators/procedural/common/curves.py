"""Smooth curves through points, and smooth steps along an axis."""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp

from phantomsim.generators.procedural.shapes import Number

_SPREAD_MM = 18.0


def table(rows: Sequence[Sequence[Number]]) -> jax.Array:
    """Numbers, traced or not, as float32 [row, column]."""
    return jnp.stack([jnp.stack([jnp.asarray(v, jnp.float32) for v in row]) for row in rows])


def along(z: jax.Array, knots: Sequence[Number], values: Sequence[Number], spread_mm: float = _SPREAD_MM) -> jax.Array:
    """Values between knots (rising) and constant beyond, straight lines with their corners rounded over +- a spread.

    A sum of ramps, one a knot, each as steep as the slope changes there: few operations, so that it compiles fast.
    """
    at, of = (jnp.stack([jnp.asarray(v, jnp.float32) for v in row]) for row in (knots, values))
    slopes = jnp.concatenate([jnp.zeros(1), (of[1:] - of[:-1]) / (at[1:] - at[:-1]), jnp.zeros(1)])
    u = z[..., None] - at
    ramps = jnp.maximum(u, 0.0) + jnp.maximum(spread_mm - jnp.abs(u), 0.0) ** 2 / (4.0 * spread_mm)
    return of[0] + (ramps * (slopes[1:] - slopes[:-1])).sum(-1)


def smooth(points: jax.Array, per: int) -> jax.Array:
    """Points along a curve through the given ones, `per` for each gap (Catmull and Rom 1974).

    Args:
        points: [k, n]; further columns than x, y, z, such as radii, are carried along.
    Returns:
        [(k - 1) * per + 1, n].
    """
    p = jnp.concatenate([2 * points[:1] - points[1:2], points, 2 * points[-1:] - points[-2:-1]])
    t = (jnp.arange(per, dtype=jnp.float32) / per)[None, :, None]
    a, b, c, d = (p[i : len(points) - 1 + i, None] for i in range(4))
    curve = b + 0.5 * t * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)))
    return jnp.concatenate([curve.reshape(-1, points.shape[1]), points[-1:]])


def tubes(points: jax.Array, per: int) -> jax.Array:
    """Branches, as `trees.branches` takes them, of one tube through points (x, y, z, radius) [mm]."""
    c = smooth(points, per)
    return jnp.concatenate([c[:-1, :3], c[1:, :3], c[:-1, 3:4], c[1:, 3:4]], 1)
