"""Material coordinates of a hanging breast: half an ellipsoid, bent by maps that keep volume.

Each bend is a shear, or a stretch along one axis that another one undoes, so its determinant is 1 and its inverse is
written down at once.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from phantomsim.generators.procedural.canvas import Number, Numbers
from phantomsim.generators.procedural.shapes import Point

BASE_Y_MM = -56.0  # of the pectoral muscle's surface under the nipple, in the grid
CHEST_RADIUS_MM = 160.0  # of the chest wall's outline in an axial plane; unverified
CREST_MM = -30.0  # where the chest wall is foremost, towards the breastbone; unverified


class Frame(NamedTuple):
    """A woman's breast at rest.

    Attributes:
        a, c, b: half width of the base, distance from base to nipple, half height of the base [mm].
        drift_x_mm, drift_z_mm: how far the nipple lies to the side and up of the base's middle.
        droop: relative fullness of the lower half [1].
    """

    a: jax.Array
    c: jax.Array
    b: jax.Array
    drift_x_mm: jax.Array
    drift_z_mm: jax.Array
    droop: jax.Array


def frame(n: Numbers) -> Frame:
    """From covariates and wobbles; the half ellipsoid has the breast's volume: 2/3 pi a b c."""
    w, half = n["wobble"], 0.5 * n["base_mm"]
    wide = jnp.exp(0.05 + 0.05 * w[0])  # a little wider than high; unverified
    c = n["breast_mL"] * 1000.0 / (2.0 / 3.0 * jnp.pi * half**2)
    return Frame(half * wide, c, half / wide, 5.0 + 3.0 * w[1], -4.0 + 4.0 * w[2], 0.06 + 0.03 * w[3])


def material(p: Point, f: Frame) -> Point:
    """Material coordinates of world points of a hanging breast."""
    x, z = p[0], p[2]
    y = p[1] - BASE_Y_MM + _fall(x)
    bend = (jnp.maximum(y, 0.0) / f.c) ** 2
    x, z = x - f.drift_x_mm * bend, z - f.drift_z_mm * bend
    full = _full(z, f)
    return x * full, jnp.where(y > 0, y / full, y), z


def world(e: Point, f: Frame) -> Point:
    """The way back."""
    full = _full(e[2], f)
    x, y = e[0] / full, jnp.where(e[1] > 0, e[1] * full, e[1])
    bend = (jnp.maximum(y, 0.0) / f.c) ** 2
    x, z = x + f.drift_x_mm * bend, e[2] + f.drift_z_mm * bend
    return x, y + BASE_Y_MM - _fall(x), z


def _fall(x: Number) -> Number:
    """How far the chest wall lies behind its place under the nipple [mm]."""
    return ((x - CREST_MM) ** 2 - CREST_MM**2) / (2.0 * CHEST_RADIUS_MM)


def _full(z: jax.Array, f: Frame) -> jax.Array:
    return 1.0 - f.droop * jnp.tanh(z / f.b)
