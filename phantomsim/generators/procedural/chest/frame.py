"""The chest's frame: how wide, deep and long the rib cage is, where its vertebrae lie, and where the diaphragm domes.

x to the patient's right, y to the front, z up [mm]; z is 0 at the middle of T7, x in the median plane, y at the middle
of the rib cage at that height. Lengths below are those of a person of 1.70 m with lungs of 5 L at full inspiration, as
read from cross-sectional anatomy (Standring, Gray's Anatomy, 41st ed., chapters 53-57), and unverified beyond that.
The cage follows the lungs' volume: what breadth and depth do not explain, the height of the diaphragm does.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from phantomsim.generators.procedural.canvas import Numbers
from phantomsim.generators.procedural.shapes import Number, Point, superellipse

HALF_WIDTH_MM, HALF_DEPTH_MM = 127.0, 88.0  # inside, at the widest
APEX_MM, WIDEST_MM = 138.0, -60.0  # heights
CAVITY_mL = 4500.0  # lungs and half of the heart in a frame of scale 1
PITCH_MM, GROWTH_MM = 24.75, 0.46  # of vertebrae at T7, and half of its change from each to the next
KYPHOSIS_MM = 202.0  # from T4 to T12, over which the kyphosis is measured
HEART_PART = 0.5  # of the heart that takes room from the lungs
BROAD = 0.42  # exponent with which breadth follows volume; depth likewise, the rest is the diaphragm's


class Frame(NamedTuple):
    """Scales and heights of one patient, scalars.

    Attributes:
        k: of breadth and depth.
        s: of height.
        drop_mm: how much lower than usual the diaphragm and the heart stand.
        bend_per_mm: the spine's front is at y = front + bend z^2.
        wobble: the patient's normal numbers.
    """

    k: jax.Array
    s: jax.Array
    drop_mm: jax.Array
    bend_per_mm: jax.Array
    wobble: jax.Array

    def at(self, x: Number, y: Number, z: Number) -> tuple[jax.Array, jax.Array, jax.Array]:
        """A place of the frame of scale 1, in this patient."""
        return x * self.k, y * self.k, z * self.s


def frame(n: Numbers) -> Frame:
    """The frame of a patient."""
    s = (n["height_mm"] / 1700.0) ** 0.8
    volume = (n["lung_mL"] + HEART_PART * heart_mL(n)) / (CAVITY_mL * s)
    broad = jnp.clip(volume, 0.35, 2.0) ** BROAD
    bend = jnp.deg2rad(n["kyphosis_deg"]) / (2.0 * KYPHOSIS_MM * s)
    return Frame(broad, s, 200.0 * s * (volume / broad**2 - 1.0), bend, n["wobble"])


def heart_mL(n: Numbers) -> jax.Array:
    """Blood of the four chambers and the left ventricle's wall."""
    return n["lv_mL"] + n["lv_mass_g"] / 1.05 + n["rv_mL"] + n["la_mL"] + n["ra_mL"]


def spine_front_mm(f: Frame, z: Number) -> jax.Array:
    """y of the front of the vertebral bodies."""
    return -44.0 * f.k + f.bend_per_mm * z * z


def back_mm(f: Frame, z: Number) -> jax.Array:
    """y of the deepest place of the cavity beside the spine."""
    return spine_front_mm(f, z) - 38.0 * f.k


def _taper(f: Frame, z: Number, rise: float, root: float) -> jax.Array:
    """From 0 at the apex to 1 where the cage is widest."""
    t = jnp.clip((APEX_MM - z / f.s) / (APEX_MM - WIDEST_MM), 0.004, None)
    below = jnp.maximum(t - 1.05, 0.0)
    return (1.0 - jnp.maximum(1.0 - t, 0.0) ** rise) ** root - 0.35 * below * below


def half_width_mm(f: Frame, z: Number) -> jax.Array:
    return (HALF_WIDTH_MM + 3.0 * f.wobble[0]) * f.k * _taper(f, z, 2.2, 0.55)


def half_depth_mm(f: Frame, z: Number) -> jax.Array:
    return (HALF_DEPTH_MM - 3.0 * f.wobble[0]) * f.k * _taper(f, z, 2.0, 0.6)


def middle_mm(f: Frame, z: Number) -> jax.Array:
    """y of the middle of the cage."""
    return back_mm(f, z) + half_depth_mm(f, z)


def front_mm(f: Frame, z: Number) -> jax.Array:
    """y of the inside of the breastbone."""
    return back_mm(f, z) + 2.0 * half_depth_mm(f, z)


def cage(f: Frame, p: Point) -> jax.Array:
    """Field [mm] of the inside of the ribs."""
    x, y, z = p
    away = y - middle_mm(f, z)
    exponent = jnp.where(away > 0, 2.15, 2.7)  # flat behind, round in front
    flat = superellipse(x, away, half_width_mm(f, z), half_depth_mm(f, z), exponent)
    slope = (half_width_mm(f, z - 2.0) - half_width_mm(f, z + 2.0)) / 4.0
    return flat / jnp.sqrt(1.0 + jnp.minimum(slope * slope, 1.5))


def around(f: Frame, p: Point) -> jax.Array:
    """Where about the cage a point lies: 1 in front, 0 at the side, -1 behind."""
    v = (p[1] - middle_mm(f, p[2])) / half_depth_mm(f, p[2])
    u = p[0] / half_width_mm(f, p[2])
    return v / jnp.sqrt(u * u + v * v + 1e-4)


def vertebra(f: Frame, z: Number) -> jax.Array:
    """Number of the vertebra at a height, broken: 7.0 at the middle of T7, 7.5 in the disc below it."""
    root = jnp.sqrt(jnp.maximum(PITCH_MM**2 - 4.0 * GROWTH_MM * z / f.s, 1.0))
    return 7.0 + (root - PITCH_MM) / (2.0 * GROWTH_MM)


def pitch_mm(f: Frame, number: Number) -> jax.Array:
    """Height of a vertebra with its disc."""
    return f.s * (PITCH_MM + 2.0 * GROWTH_MM * (number - 7.0))


def height_mm(f: Frame, number: Number) -> jax.Array:
    """z of the middle of a vertebra."""
    k = number - 7.0
    return -f.s * (PITCH_MM * k + GROWTH_MM * k * k)


def right(f: Frame, x: Number) -> jax.Array:
    """Share of what belongs to the right half: 1 there, 0 on the left, blended in the mediastinum."""
    return jax.nn.sigmoid(x / (9.0 * f.k))


def dome(f: Frame, p: Point) -> jax.Array:
    """Field [mm] of what lies above the diaphragm: negative in the chest."""
    x, y, z = p
    share = right(f, x)
    tops = share * (-70.0 + 4.0 * f.wobble[1]) + (1.0 - share) * (-84.0 + 4.0 * f.wobble[2])
    dx, dy = jnp.abs(x) - 58.0 * f.k, y - 16.0 * f.k
    cx = jnp.where(dx > 0, 0.0165, 0.0042) / f.k**2
    cy = jnp.where(dy > 0, 0.0052, 0.0098) / f.k**2
    sink = cx * dx * dx + cy * dy * dy
    steep = jnp.sqrt(1.0 + 4.0 * ((cx * dx) ** 2 + (cy * dy) ** 2))
    return (tops * f.s - f.drop_mm - sink - z) / jnp.minimum(steep, 3.0)
