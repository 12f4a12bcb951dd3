"""The body wall: skin, fat, muscles, breasts. Arms are raised, as for CT."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from phantomsim.generators.procedural.canvas import Canvas, Numbers, keep
from phantomsim.generators.procedural.chest.frame import (
    Frame,
    around,
    back_mm,
    cage,
    half_depth_mm,
    half_width_mm,
    middle_mm,
)
from phantomsim.generators.procedural.shapes import Number, Point, ellipsoid, sine, smooth_union, tubes

ORGANS = {
    "skin": "skin",
    "subcutaneous-fat": "adipose",
    "muscle": "muscle",
    "muscle-fat": "adipose",
    "cavity-fat": "adipose",
    **{
        f"breast-{side}-{part}": tissue
        for side in ("left", "right")
        for part, tissue in (("fat", "breast-fat"), ("gland", "breast-gland"))
    },
}
SKIN_MM = 2.0  # 1.5 to 2.5 mm; unverified
RIB_MM = 10.0  # from the pleura to the outside of the ribs; unverified
SERRATUS_MM = 3.5
BREASTS = ("breast-left-fat", "breast-right-fat")
GLANDS = ("breast-left-gland", "breast-right-gland")


def window(v: jax.Array, low: float, high: float, soft: float) -> jax.Array:
    """1 between two values, with soft ends."""
    return jax.nn.sigmoid((v - low) / soft) * jax.nn.sigmoid((high - v) / soft)


def bump(v: jax.Array, middle: float, width: float) -> jax.Array:
    return jnp.exp(-(((v - middle) / width) ** 2))


def pectoral_mm(n: Numbers) -> jax.Array:
    """Thickness of the pectoral muscles at the second intercostal space; they share in a thick wall (unverified)."""
    return jnp.clip(11.0 + 7.0 * n["male"] + 0.25 * (n["chest_wall_mm"] - 40.8), 6.0, 28.0)


def draw(canvas: Canvas, n: Numbers, f: Frame) -> Numbers:
    """Skin, fat, muscle and cavity; returns the fields of the cage and of the muscle."""
    p = canvas.p
    ribs = cage(f, p)
    side = around(f, p)
    (ribs, side) = keep(ribs, side)
    muscle = _muscle(n, f, p, ribs, side)
    body = muscle - _fat_mm(n, f, p, side)
    (muscle, body) = keep(muscle, body)
    breast = _breast(n, f, p)
    free = 1.0 - canvas.cover(muscle)
    volume = 2.0 * n["breast_mL"] * (1.0 - n["male"])
    breast = breast - canvas.level("breasts", breast + SKIN_MM, free, volume)  # the skin does not count
    outer = smooth_union(body, breast, 18.0)
    canvas.put("skin", outer)
    canvas.put("subcutaneous-fat", outer + SKIN_MM)
    canvas.put("muscle", muscle)
    canvas.put(BREASTS, breast, on=["subcutaneous-fat"])
    _glands(canvas, n, f, breast, volume)
    plane = canvas.sheet(ribs - RIB_MM - SERRATUS_MM, 1.2)
    canvas.put(
        "muscle-fat", plane, on=["muscle"], where=window(p[2] / f.s, -90.0, 95.0, 6.0) * window(side, -0.85, 1.5, 0.04)
    )
    canvas.put("cavity-fat", ribs)
    return {"cage": ribs, "around": side, "muscle": muscle}


def _muscle(n: Numbers, f: Frame, p: Point, ribs: jax.Array, side: jax.Array) -> jax.Array:
    """Field of all that lies within the deep fascia: what covers the ribs, shoulders, arms and neck."""
    z = p[2] / f.s
    strong = 0.7 + 0.3 * n["male"] + 0.06 * f.wobble[3]
    breastbone = jnp.clip(jnp.abs(p[0]) / 40.0, 0.0, 1.0)
    pectoral = (pectoral_mm(n) - SERRATUS_MM) * bump(side, 0.7, 0.34) * window(z, -25.0, 105.0, 9.0) * breastbone**2
    latissimus = 15.0 * strong * bump(side, -0.42, 0.38) * window(z, -110.0, 95.0, 18.0)
    shoulder = 22.0 * strong * bump(side, -0.62, 0.33) * window(z, -5.0, 130.0, 14.0)
    erector = 24.0 * jax.nn.sigmoid((-side - 0.8) / 0.055)
    covered = ribs - RIB_MM - SERRATUS_MM - (pectoral + latissimus + shoulder + erector)
    covered = covered + 0.018 * jnp.maximum(z - 82.0, 0.0) ** 2  # higher up shoulders and neck cover the ribs
    return smooth_union(covered, _limbs(f, p, strong), 36.0)


def _limbs(f: Frame, p: Point, strong: jax.Array) -> jax.Array:
    """Neck, shoulders and raised arms."""
    k, s = f.k, f.s
    q = (jnp.abs(p[0]), p[1], p[2])
    y = back_mm(f, 150.0 * s)
    thick = 0.86 + 0.14 * strong
    rows: list[tuple[tuple[Number, Number, Number], tuple[Number, Number, Number], Number, Number]] = [
        ((0.0, y + 24.0 * k, 96.0 * s), (0.0, y + 36.0 * k, 300.0 * s), 62.0 * thick, 57.0 * thick),
        ((22.0, y + 30.0 * k, 138.0 * s), (140.0 * k, y + 28.0 * k, 138.0 * s), 36.0 * thick, 40.0 * thick),
        ((140.0 * k, y + 28.0 * k, 138.0 * s), (178.0 * k, y + 26.0 * k, 330.0 * s), 43.0 * thick, 40.0 * thick),
        ((112.0 * k, y + 20.0 * k, 60.0 * s), (142.0 * k, y + 28.0 * k, 140.0 * s), 24.0 * thick, 36.0 * thick),
    ]
    return tubes(q, rows)


def _fat_mm(n: Numbers, f: Frame, p: Point, side: jax.Array) -> jax.Array:
    """Thickness of the fat and skin under which the muscle lies."""
    z = p[2] / f.s
    in_front = n["chest_wall_mm"] - RIB_MM - pectoral_mm(n)
    low = 0.35 * jax.nn.sigmoid(-(z + 70.0) / 25.0)
    where = 1.0 - 0.18 * jax.nn.sigmoid(-side / 0.2) - 0.4 * bump(side, 1.0, 0.1) + low
    where = where * (1.0 - 0.45 * jax.nn.sigmoid((z - 118.0) / 10.0))  # arms and neck are leaner
    return jnp.maximum(in_front, SKIN_MM + 2.0) * where


def _nipple(n: Numbers, f: Frame) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Middle of the breast's foot (x, y, z) [mm], on the ribs."""
    x, z = (74.0 + 4.0 * n["male"]) * f.k, (2.0 + 5.0 * f.wobble[4]) * f.s
    part = 1.0 - (x / half_width_mm(f, z)) ** 2.15
    return x, middle_mm(f, z) + half_depth_mm(f, z) * part ** (1 / 2.15), z


def _breast(n: Numbers, f: Frame, p: Point) -> jax.Array:
    """Field of both breasts of a supine body: flat, hanging to the side."""
    x, y, z = _nipple(n, f)
    q = (jnp.abs(p[0]) - x - 9.0, p[1] - y - RIB_MM - pectoral_mm(n), p[2] - z)
    lean = 0.3 + 0.05 * f.wobble[5]
    q = (q[0] + lean * q[1], q[1] + 0.35 * q[0] + 0.42 * q[2], q[2])  # the chest falls back to the side and upwards
    return ellipsoid(q, (0.0, 0.0, 0.0), (66.0, 38.0, 70.0)) + 200.0 * n["male"]  # none in men


def _glands(canvas: Canvas, n: Numbers, f: Frame, breast: jax.Array, volume: jax.Array) -> None:
    """Fibroglandular tissue: a cone behind the nipple, with fat between its lobes."""
    x, y, z = _nipple(n, f)
    p = canvas.p
    large = (n["breast_mL"] / 700.0) ** (1.0 / 3.0)
    q = (jnp.abs(p[0]) - x - 2.0 * large, p[1] - y - RIB_MM - pectoral_mm(n) - 18.0 * large, p[2] - z)
    lobes = 6.0 * sine(0.21 * q[0] + f.wobble[6]) * sine(0.19 * q[2] + f.wobble[7]) * sine(0.17 * q[1] + 1.0)
    lobules = sine(0.46 * q[0] + f.wobble[7]) * sine(0.43 * q[2] + f.wobble[6])
    lobules = lobules + sine(0.31 * q[1] + 0.3 * q[0])
    apart = 3.0 * (26.0 - jnp.abs(p[0]))  # steep, as the skin: the densest do not reach it, nor each other
    ball = ellipsoid(q, (0.0, 0.0, 0.0), (44.0 * large, 34.0 * large, 42.0 * large))
    cone = jnp.maximum(jnp.maximum(ball, apart), 2.5 * (breast + 7.0)) + lobes + 1.8 * lobules
    canvas.organ(GLANDS, "glands", cone, list(BREASTS), n["gland_fraction"] * volume)
