"""Where the breast is glandular: lobes with septa between them, fat lobules among them, a power law of detail.

The field is a depth within an envelope (the breast less its subcutaneous and its retromammary fat; it reaches the skin
at the nipple only), to which is added noise with a power-law spectrum and the septa of the lobes, and from which round
lobules of fat are taken. The level at which it holds the gland's volume is solved: a fatty breast keeps strands around
the nipple and between the compartments, a dense one is filled.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from phantomsim.generators.procedural import shapes
from phantomsim.generators.procedural.breast import compartments
from phantomsim.generators.procedural.breast.compartments import Compartments
from phantomsim.generators.procedural.breast.frame import Frame
from phantomsim.generators.procedural.canvas import Numbers
from phantomsim.generators.procedural.shapes import Point

# Shares of the mean radius (a b c)^(1/3), about 66 mm; all unverified, chosen by eye beside VICTRE's phantoms.
_SUBCUTANEOUS, _RETROMAMMARY, _NOISE, _SEPTUM = 0.125, 0.09, 0.10, 0.05
_SEPTUM_MM = 2.5  # half width of a septum
_BARE = 0.35  # share of compartments without a lobule of fat
WAVES, _AT_ONCE = 96, 8
POWER = 3.4  # of the field; where it is cut at a level, what is painted falls less steeply (see laws)
LONGEST_MM, SHORTEST_MM = 70.0, 2.5


def waves(key: jax.Array) -> jax.Array:
    """Plane waves (x, y, z [turns/mm], phase [turns], amplitude), [WAVES, 5]: spectrum 1 / f^POWER, unit variance.

    Directions and logarithms of frequency are even: equal amplitudes would be (1 / f) df in shells of 4 pi f^2 df.
    """
    way, size, phase = jax.random.split(key, 3)
    v = jax.random.normal(way, (WAVES, 3))
    v = v / jnp.linalg.norm(v, axis=1, keepdims=True)
    even = (jnp.arange(WAVES) + jax.random.uniform(size, (WAVES,))) / WAVES
    k = 1.0 / LONGEST_MM * (LONGEST_MM / SHORTEST_MM) ** even
    amplitude = k ** (0.5 * (3.0 - POWER))
    amplitude = amplitude * jnp.sqrt(2.0 / (amplitude**2).sum())
    return jnp.stack([*(v.T * k), jax.random.uniform(phase, (WAVES,)), amplitude], 1)


def envelope(e: Point, f: Frame, n: Numbers) -> jax.Array:
    """Field of where gland may be; thicker fat on the inner and lower side: most gland is in the upper outer part."""
    size, w = _size(f), n["wobble"]
    away = (e[0] ** 2 + (e[1] - f.c) ** 2 + e[2] ** 2) / (0.4 * f.c) ** 2
    fat = _SUBCUTANEOUS * size * jnp.exp(0.2 * w[4]) * (1.0 - 0.2 * e[0] / f.a - 0.2 * e[2] / f.b)
    under_skin = shapes.ellipsoid(e, (0.0, 0.0, 0.0), (f.a, f.c, f.b)) + fat * (1.0 - jnp.exp(-away))
    return _both(under_skin, retromammary_mm(f, n) - e[1], 6.0)


def retromammary_mm(f: Frame, n: Numbers) -> jax.Array:
    """Thickness of the fat between gland and pectoral muscle."""
    return _RETROMAMMARY * _size(f) * jnp.exp(0.2 * n["wobble"][5])


def _size(f: Frame) -> jax.Array:
    return (f.a * f.b * f.c) ** (1.0 / 3.0)


def gland(e: Point, f: Frame, n: Numbers, inside: jax.Array, cells: Compartments) -> jax.Array:
    """Field of the gland; `inside` is the envelope."""
    size = _size(f)
    detail = _NOISE * size * _sum(e, n["waves"])
    septum = _SEPTUM * size * jnp.exp(-((_gap(e, f, n["lobes"]) / _SEPTUM_MM) ** 2))
    filled = (cells.own - _BARE) / (1.0 - _BARE)
    radius = compartments.size_mm(f) * jnp.where(filled > 0, 0.15 + 0.45 * filled, -0.4)
    return _both(inside + detail + septum, radius - cells.near_mm, 3.0)


def _sum(e: Point, rows: jax.Array) -> jax.Array:
    """Sum of plane waves; several at once, so that voxels are read less often."""

    def step(total: jax.Array, some: jax.Array) -> tuple[jax.Array, None]:
        for r in some:
            total = total + r[4] * shapes.wave(e[0] * r[0] + e[1] * r[1] + e[2] * r[2] + r[3])
        return total, None

    shape = jnp.broadcast_shapes(*(v.shape for v in e))
    return jax.lax.scan(step, jnp.zeros(shape, jnp.float32), rows.reshape(-1, _AT_ONCE, 5))[0]


def _gap(e: Point, f: Frame, ends: jax.Array) -> jax.Array:
    """About the distance from the surface between two lobes [mm]; lobes are cones from the nipple."""
    nipple = jnp.stack([0.0 * f.c, f.c, 0.0 * f.c])
    axes = (ends - nipple) / jnp.linalg.norm(ends - nipple, axis=1, keepdims=True)
    d = (e[0], e[1] - f.c, e[2])

    def step(best: tuple[jax.Array, jax.Array], axis: jax.Array) -> tuple[tuple[jax.Array, jax.Array], None]:
        along = d[0] * axis[0] + d[1] * axis[1] + d[2] * axis[2]
        return (jnp.maximum(best[0], along), jnp.maximum(best[1], jnp.minimum(best[0], along))), None

    low = jnp.full(jnp.broadcast_shapes(*(v.shape for v in e)), -1e3, jnp.float32)
    first, second = jax.lax.scan(step, (low, low), axes)[0]
    return (first - second) / 0.45  # two neighbours' axes differ by about as much


def _both(f: jax.Array, g: jax.Array, width_mm: float) -> jax.Array:
    """Inside both, the edge rounded."""
    return -shapes.smooth_union(-f, -g, width_mm)
