"""Shapes as signed level functions: negative inside, about the distance to the surface in millimetres.

A point is a triple of arrays (x, y, z) [mm] that broadcast together; grids pass [1, 1, X], [1, Y, 1] and [Z, 1, 1], so
that what depends on one axis costs next to nothing. First-order distances are f / |grad f| (Taubin 1994,
doi:10.1145/195826.195831): exact at the surface, good within some millimetres, of the right sign everywhere.
"""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp

Point = tuple[jax.Array, jax.Array, jax.Array]
Number = jax.Array | float
EPS = 1e-6


def moved(p: Point, centre: Sequence[Number] | jax.Array) -> Point:
    """The point seen from a centre."""
    return p[0] - centre[0], p[1] - centre[1], p[2] - centre[2]


def turned(p: Point, angle_rad: Number, axes: tuple[int, int]) -> Point:
    """The point turned about the axis that `axes` (0 x, 1 y, 2 z) leaves out."""
    return turned_by(p, jnp.cos(angle_rad), jnp.sin(angle_rad), axes)


def turned_by(p: Point, c: Number, s: Number, axes: tuple[int, int]) -> Point:
    """As `turned`, by the angle of a cosine and a sine."""
    out = list(p)
    a, b = p[axes[0]], p[axes[1]]
    out[axes[0]], out[axes[1]] = c * a + s * b, c * b - s * a
    return out[0], out[1], out[2]


def ellipsoid(p: Point, centre: Sequence[Number], radii: Sequence[Number]) -> jax.Array:
    """Ellipsoid along the axes."""
    q = [d / r for d, r in zip(moved(p, centre), radii)]
    k0 = jnp.sqrt(sum(v * v for v in q) + EPS)
    k1 = jnp.sqrt(sum((v / r) ** 2 for v, r in zip(q, radii)) + EPS * EPS)
    return k0 * (k0 - 1.0) / k1


def superellipse(x: jax.Array, y: jax.Array, a: Number, b: Number, n: Number) -> jax.Array:
    """Cylinder along the third axis with |x / a|^n + |y / b|^n = 1 (Lame curve; superquadrics: Barr 1981)."""
    u, v = jnp.abs(x / a) + EPS, jnp.abs(y / b) + EPS
    if isinstance(n, float) and n == 2.0:  # an ellipse needs no powers
        r = jnp.sqrt(u * u + v * v)
        return (r - 1.0) * r / jnp.sqrt((u / a) ** 2 + (v / b) ** 2)
    un, vn = jnp.exp(n * jnp.log(u)), jnp.exp(n * jnp.log(v))
    r = jnp.exp(jnp.log(un + vn) / n)
    slope = r / (un + vn) * jnp.sqrt((un / u / a) ** 2 + (vn / v / b) ** 2)
    return (r - 1.0) / slope


def capsule(
    p: Point, start: Sequence[Number], end: Sequence[Number], r0: Number, r1: Number | None = None
) -> jax.Array:
    """Tube with round ends; its radius goes from r0 to r1."""
    line = [e - s for s, e in zip(start, end)]
    d = moved(p, start)
    t = jnp.clip(sum(a * b for a, b in zip(d, line)) / sum(v * v for v in line), 0.0, 1.0)
    away = sum((a - t * b) ** 2 for a, b in zip(d, line))
    return jnp.sqrt(away + EPS) - (r0 if r1 is None else r0 + t * (r1 - r0))


def tubes(p: Point, tubes: Sequence[tuple[Sequence[Number], Sequence[Number], Number, Number]]) -> jax.Array:
    """Inside any of several capsules (start, end, r0, r1); one compiled body for all, drawn in turn."""
    table = jnp.stack([jnp.stack([jnp.asarray(v, jnp.float32) for v in (*a, *b, r, s)]) for a, b, r, s in tubes])

    def step(field: jax.Array, row: jax.Array) -> tuple[jax.Array, None]:
        return jnp.minimum(field, capsule(p, tuple(row[:3]), tuple(row[3:6]), row[6], row[7])), None

    shape = jnp.broadcast_shapes(*(a.shape for a in p))
    return jax.lax.scan(step, jnp.full(shape, jnp.inf, jnp.float32), table)[0]


def chain(p: Point, points: Sequence[Sequence[Number]], radii: Sequence[Number]) -> jax.Array:
    """A tube through several points."""
    return tubes(p, [(a, b, r, s) for a, b, r, s in zip(points, points[1:], radii, radii[1:])])


def union(*fields: jax.Array) -> jax.Array:
    """Inside any."""
    out = fields[0]
    for f in fields[1:]:
        out = jnp.minimum(out, f)
    return out


def smooth_union(f: jax.Array, g: jax.Array, width_mm: jax.Array | float) -> jax.Array:
    """Inside either, the seam rounded over a width (polynomial blend)."""
    h = jnp.maximum(width_mm - jnp.abs(f - g), 0.0)
    return jnp.minimum(f, g) - h * h / (4.0 * width_mm)


def waves(p: Point, vectors: jax.Array, phases: jax.Array) -> jax.Array:
    """Gaussian-like random field of unit variance: a sum of plane waves.

    Args:
        vectors: wave vectors (x, y, z) [rad/mm], [K, 3].
        phases: [K] [rad].
    """

    def step(total: jax.Array, row: jax.Array) -> tuple[jax.Array, None]:
        return total + wave(p[0] * row[0] + p[1] * row[1] + p[2] * row[2] + row[3]), None

    shape = jnp.broadcast_shapes(*(a.shape for a in p))
    rows = jnp.concatenate([vectors, phases[:, None]], axis=1) / (2.0 * jnp.pi) + jnp.array([0.0, 0.0, 0.0, 0.25])
    return jax.lax.scan(step, jnp.zeros(shape, jnp.float32), rows)[0] * jnp.sqrt(2.0 / len(vectors))


def wave(turns: jax.Array) -> jax.Array:
    """sin(2 pi turns) to 0.0011, by parabolas: the exact one takes 20 times as long."""
    t = turns - jnp.round(turns)
    half = 8.0 * t * (1.0 - 2.0 * jnp.abs(t))
    return half * (0.775 + 0.225 * jnp.abs(half))


def sine(angle_rad: jax.Array) -> jax.Array:
    """The sine to 0.0011: enough for what ripples a surface by millimetres."""
    return wave(angle_rad * (0.5 / jnp.pi))


def arctan2(y: jax.Array, x: jax.Array) -> jax.Array:
    """The angle [rad] to 0.00001, by the polynomial 4.4.49 of Abramowitz and Stegun (1964)."""
    a, b = jnp.abs(y), jnp.abs(x)
    t = jnp.minimum(a, b) / jnp.maximum(jnp.maximum(a, b), EPS)
    s = t * t
    turn = t * (0.9998660 + s * (-0.3302995 + s * (0.1801410 + s * (-0.0851330 + s * 0.0208351))))
    turn = jnp.where(a > b, 0.5 * jnp.pi - turn, turn)
    return jnp.copysign(jnp.where(x < 0, jnp.pi - turn, turn), y)


def smooth_cut(f: jax.Array, g: jax.Array, width_mm: float) -> jax.Array:
    """Inside both, the edge rounded over a width."""
    return -smooth_union(-f, -g, width_mm)


def oval(x: jax.Array, y: jax.Array, a: Number, b: Number) -> jax.Array:
    """Cylinder with |x / a|^2.5 + |y / b|^2.5 = 1: `superellipse` at a tenth of the time; its area is 1.0762 pi a b."""
    u, v = jnp.abs(x / a) + EPS, jnp.abs(y / b) + EPS
    u15, v15 = u * jnp.sqrt(u), v * jnp.sqrt(v)
    s = u15 * u + v15 * v
    r = s**0.4
    return (r - 1.0) * s / (r * jnp.sqrt((u15 / a) ** 2 + (v15 / b) ** 2))


def brick(dx: jax.Array, dy: jax.Array, round_mm: Number = 0.0) -> jax.Array:
    """Inside both of two slabs (signed distances dx, dy), its edge rounded outside."""
    a, b = dx + round_mm, dy + round_mm
    outside = jnp.sqrt(jnp.maximum(a, 0.0) ** 2 + jnp.maximum(b, 0.0) ** 2 + EPS)
    return outside + jnp.minimum(jnp.maximum(a, b), 0.0) - round_mm
