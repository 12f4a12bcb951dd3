"""Kidneys: cortex, pyramids, sinus with fat, vessels and pelvis, in their own fat; adrenals on top."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from phantomsim.generators.procedural import small
from phantomsim.generators.procedural.abdomen.branches import kidney_place
from phantomsim.generators.procedural.abdomen.frame import spine_y
from phantomsim.generators.procedural.abdomen.wall import CAVITY
from phantomsim.generators.procedural.canvas import Canvas, Numbers, keep
from phantomsim.generators.procedural.shapes import EPS, Point, ellipsoid, moved, smooth_cut, turned, turned_by, union

SIDES = (("left", -1), ("right", 1))
BOX_MM = 56.0  # about an adrenal
FAT_MM = 5.0  # about the kidney, in the lean; unverified


def kidneys(canvas: Canvas, n: Numbers, f: Numbers) -> None:
    """Paint both at once: what differs is chosen by the side of each voxel."""
    x = canvas.p[0]
    right, side = x > 0, jnp.where(x > 0, 1.0, -1.0)
    place = [jnp.where(right, a, b) for a, b in zip(kidney_place(f, 1), kidney_place(f, -1), strict=True)]
    volume = jnp.where(right, n["kidney_right_mL"], n["kidney_left_mL"])
    long = 0.5 * n["kidney_length_mm"] * jnp.where(right, 0.99, 1.015)  # the left one is 2.6 % longer (Glodny 2009)
    lean = [0.24 + 0.05 * f["w"][i] for i in (7, 4)]  # of the left one and the right one
    q = (side * (x - place[0]), canvas.p[1] - place[1], canvas.p[2] - place[2])  # as of the right one
    c, s = (jnp.where(right, of(lean[1]), of(lean[0])) for of in (jnp.cos, jnp.sin))
    q = turned_by(q, c, s, (0, 2))
    q = turned(q, 0.55, (0, 1))  # the hilum looks forward and inward
    wide = jnp.sqrt(1.22 * volume * 750.0 / jnp.pi / long)  # of the ellipsoid with its sinus
    bean = ellipsoid(q, (0.0, 0.0, 0.0), (1.04 * wide, 0.96 * wide, long))
    sinus = ellipsoid(q, (-0.72 * wide, 0.0, 0.0), (0.84 * wide, 0.36 * wide, 0.48 * long))
    (field, bean, sinus) = keep(smooth_cut(bean, -sinus, 5.0), bean, sinus)
    free = canvas.of(CAVITY)
    halves = [canvas.level(f"kidney_{s}", field, free * (x * k > 0), n[f"kidney_{s}_mL"]) for s, k in SIDES]
    level = jnp.where(right, halves[1], halves[0])
    z = jnp.stack([kidney_place(f, k)[2] for k in (1, -1)])
    span = (z.min() - 0.62 * n["kidney_length_mm"] - 12.0, z.max() + 0.62 * n["kidney_length_mm"] + 12.0)
    parts = {part: (f"{part}-left", f"{part}-right") for part in ("perirenal-fat", "renal-sinus", "renal-pelvis")}
    fat = FAT_MM + 0.035 * (n["visceral_fat_cm2"] - 60.0)
    canvas.put(parts["perirenal-fat"], lambda: bean - level - fat, on=(CAVITY,), z_mm=span)
    canvas.put(parts["renal-sinus"], lambda: bean - level, on=parts["perirenal-fat"], z_mm=span)
    cortex = ("kidney-left-cortex", "kidney-right-cortex")
    canvas.put(cortex, lambda: field - level, on=(*parts["renal-sinus"], *parts["perirenal-fat"]), z_mm=span)

    def pyramids() -> jax.Array:
        deep = jnp.maximum(bean - level + n["renal_cortex_mm"], 2.5 - sinus + level)
        out = q[0] + 0.7 * wide  # about the sinus; columns from pole to pole, and from front to back
        columns = 0.1 - _cos5(out / wide, q[2] / long) - 0.5 * _cos5(out, q[1])
        return jnp.maximum(deep, 6.0 * columns)

    canvas.put(("kidney-left-medulla", "kidney-right-medulla"), pyramids, on=cortex, z_mm=span)

    def pelvis() -> jax.Array:
        funnel = ellipsoid(q, (-0.66 * wide, 0.0, -0.04 * long), (0.42 * wide, 0.17 * wide, 0.2 * long))
        calyces = ellipsoid(
            (q[0], q[1], jnp.abs(q[2])), (-0.4 * wide, 0.0, 0.3 * long), (0.2 * wide, 0.12 * wide, 0.14 * long)
        )
        return jnp.minimum(funnel, calyces)

    canvas.put(parts["renal-pelvis"], pelvis, on=(*parts["renal-sinus"], *parts["perirenal-fat"]), z_mm=span)


def _cos5(x: jax.Array, y: jax.Array) -> jax.Array:
    """cos(5 arctan2(y, x)), by Chebyshev's polynomial."""
    c = x / jnp.sqrt(x * x + y * y + EPS)
    s = c * c
    return c * (5.0 + s * (16.0 * s - 20.0))


def adrenals(canvas: Canvas, n: Numbers, f: Numbers) -> None:
    """Two limbs each, like a lambda open behind; the right one behind the vena cava."""
    room = (CAVITY, "perirenal-fat-left", "perirenal-fat-right", "crura")
    for name, side, across, ahead in (("left", -1, 34.0, 24.0), ("right", 1, 33.0, 17.0)):
        z = kidney_place(f, side)[2] + 0.46 * n["kidney_length_mm"] + 3.0
        top = (side * across * f["h"], spine_y(f, z) + ahead * f["h"], z)

        def field(p: Point, top: Point = top, side: int = side) -> jax.Array:
            q = moved(p, top)
            limbs = (turned((q[0] * side, q[1], q[2]), turn, (0, 1)) for turn in (0.25, -0.5))
            return union(*(ellipsoid(r, (0.0, -10.0, 0.0), (2.6, 14.0, 15.0)) for r in limbs))

        middle = jnp.stack([top[0], top[1] - 8.0, top[2]])
        small.organ(canvas, f"adrenal-{name}", f"adrenal_{name}", field, middle, BOX_MM, room, n["adrenal_mL"])
