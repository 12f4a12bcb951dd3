"""Material coordinates of a breast between two plates, above and below.

In the plane of the plates points move away from the base's middle; across it they move together by as much as keeps
volume. Let h(r) be half the height of the ellipsoid at a distance r, and H(s) that of the flat breast, whose rim is
rounded. A point goes from r to the s that has as much volume within it, int H s ds = int h r dr, and from z to z H / h.
The map's determinant is 1 everywhere, whatever the two outlines.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from phantomsim.generators.procedural.breast.frame import Frame
from phantomsim.generators.procedural.canvas import Number
from phantomsim.generators.procedural.shapes import EPS, Point

BASE_Y_MM = -85.0  # of the pectoral muscle's surface, in the grid
RIM = 0.9  # width of the rounded rim over half the thickness; unverified
ROUND = 0.6  # how much of its outline's shape the breast keeps: 0 a half disc, 1 all; unverified
_NODES = 256  # of the table that inverts the radial map


class Plates(NamedTuple):
    """A compressed breast.

    Attributes:
        half_mm: half the distance of the plates.
        flat_mm, rim_mm: radius of the flat part and width of the rim, in the plane where the outline is a circle.
        stretch: x over that plane's x, and that plane's y over y.
        drift_mm: how far the nipple lies to the side.
        total: the volume within the outline, over 2 pi [mm3].
    """

    half_mm: jax.Array
    flat_mm: jax.Array
    rim_mm: jax.Array
    stretch: jax.Array
    drift_mm: jax.Array
    total: jax.Array


def plates(f: Frame, thickness_mm: Number) -> Plates:
    """The outline that holds the breast's volume: 4 pi H (flat^2 / 2 + pi / 4 flat rim + rim^2 / 3) = 4/3 pi a b c."""
    total = f.a * f.b * f.c / 3.0
    most = 1.2 * (total * 3.0 / RIM**2) ** (1.0 / 3.0)  # a thicker one would have no flat part
    half = jnp.minimum(0.5 * thickness_mm, most)
    rim = RIM * half
    flat = -0.25 * jnp.pi * rim + jnp.sqrt((0.25 * jnp.pi * rim) ** 2 + 2.0 * (total / half - rim**2 / 3.0))
    return Plates(half, flat, rim, (f.a / f.c) ** (0.5 * ROUND), 1.5 * f.drift_x_mm, total)


def material(p: Point, f: Frame, k: Plates) -> Point:
    """Material coordinates of world points of a compressed breast; behind the base only x and z change."""
    y, (u, v, s) = p[1] - BASE_Y_MM, _disc(p, k)
    inside = jnp.clip(_within(s, k) / k.total, 0.0, 1.0 - 1e-5)
    low = (1.0 - inside) ** (1.0 / 3.0)  # h / b
    r = jnp.sqrt(1.0 - low * low) + jnp.maximum(s / (k.flat_mm + k.rim_mm) - 1.0, 0.0)
    z = p[2] * f.b * low / jnp.maximum(_half(s, k), 1e-3 * k.half_mm)
    return f.a * r * u / s, jnp.where(y > 0, f.c * r * v / s, y), z


def world(e: Point, f: Frame, k: Plates) -> Point:
    """The way back."""
    u, v = e[0] / f.a, jnp.maximum(e[1], 0.0) / f.c
    r = jnp.sqrt(u * u + v * v + EPS)
    low = jnp.sqrt(jnp.maximum(1.0 - r * r, 1e-4))
    nodes = jnp.linspace(0.0, 1.0, _NODES) * (k.flat_mm + k.rim_mm)
    s = jnp.interp(1.0 - low**3, _within(nodes, k) / k.total, nodes)
    x, y = u / r * s * k.stretch, v / r * s / k.stretch
    x = x + k.drift_mm * (y * k.stretch / (k.flat_mm + k.rim_mm)) ** 2
    return x, jnp.where(e[1] > 0, y, e[1]) + BASE_Y_MM, e[2] * _half(s, k) / (f.b * low)


def outline(p: Point, k: Plates) -> jax.Array:
    """Level function of the compressed breast, and of what the plates hold of the chest wall behind it."""
    beyond = jnp.maximum(_disc(p, k)[2] - k.flat_mm, 0.0) / RIM
    return jnp.sqrt(beyond * beyond + p[2] * p[2] + EPS) - k.half_mm


def _disc(p: Point, k: Plates) -> tuple[jax.Array, jax.Array, jax.Array]:
    """The plane where the outline is a circle: x, y and radius [mm]; sheared so that the nipple is in the middle."""
    v = jnp.maximum(p[1] - BASE_Y_MM, 0.0) * k.stretch
    u = (p[0] - k.drift_mm * (v / (k.flat_mm + k.rim_mm)) ** 2) / k.stretch
    return u, v, jnp.sqrt(u * u + v * v + EPS)


def _half(s: jax.Array, k: Plates) -> jax.Array:
    """Half the thickness at a radius s [mm]."""
    t = jnp.clip((s - k.flat_mm) / k.rim_mm, 0.0, 1.0)
    return k.half_mm * jnp.sqrt(1.0 - t * t)


def _within(s: jax.Array, k: Plates) -> jax.Array:
    """The integral of that, times s ds, from the middle [mm3]."""
    flat = jnp.minimum(s, k.flat_mm)
    t = jnp.clip((s - k.flat_mm) / k.rim_mm, 0.0, 1.0)
    low = jnp.sqrt(jnp.maximum(1.0 - t * t, 0.0))
    rim = k.flat_mm * k.rim_mm / 2.0 * (jnp.arcsin(t) + t * low) + k.rim_mm**2 / 3.0 * (1.0 - low**3)
    return k.half_mm * (flat * flat / 2.0 + rim)
