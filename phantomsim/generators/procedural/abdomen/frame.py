"""Where things are in a patient: sizes and places that all parts of the abdomen share.

x to the patient's right, y to the front, z up [mm]; z is 0 at the middle of L1, x and y at the middle of the waist.
Sizes are covariates with sources in the generator's file; places and proportions are read from cross-sectional anatomy
(Standring, Gray's Anatomy, 41st ed., chapters 61-74 and 80) and unverified beyond that.
"""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp

from phantomsim.generators.procedural.canvas import Number, Numbers
from phantomsim.generators.procedural.common.curves import along

AREA = 1.0762 * jnp.pi  # of an oval, over a b
WALL_MM = 12.0  # the three flat muscles together
SKIN_MM = 2.0
DISC_MM = 9.5  # lumbar; unverified
CHEST_PITCH = 0.82  # of thoracic vertebrae, over that of lumbar ones
MUSCLE_CM2 = (112.0, 160.0)  # of women and men at L3 and 1.70 m (doi:10.1038/s41598-023-32850-8: healthy donors)
OTHER_CM2 = (148.0, 165.0)  # spine, kidneys, bowel and vessels of women and men at L3; unverified

LEAN = 0.7  # bowel that is empty in the lean, over their lack of fat; unverified
# What the liver's bed holds of the usual trunk, the share of it that a liver has at ease, and the room under the ribs
# that is widened by what more it is; fitted to 60 patients whose liver was drawn as large as could be (unverified).
ROOM_ML, EASY, UPPER_ML = 1860.0, 0.7, 1500.0


def frame(n: Numbers) -> Numbers:
    """Scalars [mm]: `h` scale of the height [1]; `pitch` of lumbar vertebrae; `a`, `b` half width and depth of the
    muscular trunk at L3; `fat` under its skin; `chest_a`, `chest_b`; `top` of the domes; `hip` half the pelvis' width;
    `prom` height of the sacral promontory, `prom_y` its depth; `m` scale of muscles [1].
    """
    w, h = n["wobble"], n["height_mm"] / 1700.0
    pitch = n["vertebra_height_mm"] + DISC_MM
    muscle = jnp.where(n["male"] > 0, MUSCLE_CM2[1], MUSCLE_CM2[0]) * h * h
    other = jnp.where(n["male"] > 0, OTHER_CM2[1], OTHER_CM2[0]) * h
    other = other - LEAN * jnp.maximum(85.0 - n["visceral_fat_cm2"], 0.0)
    area = 100.0 * (n["visceral_fat_cm2"] + muscle + other)
    ratio = 1.34 + 0.04 * w[0]
    b = jnp.sqrt(area / (AREA * ratio))
    a = ratio * b
    # (a + t)(b + .95 t) - a b = area of the fat
    p, q = (0.95 * a + b) / 1.9, 100.0 * n["subcutaneous_fat_cm2"] / (0.95 * AREA)
    fat = jnp.sqrt(p * p + q) - p + SKIN_MM
    prom = -4.62 * pitch
    top = 104.0 * h + 6.0 * w[1]
    cage = _cage(n["liver_mL"], a, b, h, top)
    return {
        **{
            "h": h,
            "pitch": pitch,
            "a": a,
            "b": b,
            "fat": fat,
            "m": jnp.sqrt(muscle / 140.0),
            "w": w,
            "male": n["male"],
        },
        **{"chest_a": cage * (0.35 * a + 0.65 * 0.087 * n["height_mm"])},
        **{"chest_b": cage * (0.35 * b + 0.65 * 0.064 * n["height_mm"])},
        **{"top": top, "hip": 0.5 * n["pelvis_width_mm"], "prom": prom},
        "prom_y": spine_y({"b": b, "h": h, "pitch": pitch}, prom),
    }


def _cage(liver_mL: jax.Array, a: jax.Array, b: jax.Array, h: jax.Array, top: jax.Array) -> jax.Array:
    """How much wider the rib cage is than usual [1], so that a liver large for its owner has its room."""
    room = ROOM_ML * (a / 125.0) ** 0.65 * (b / 95.0) * h**0.75 * (top / 104.0) ** 1.2
    return jnp.sqrt(1.0 + jnp.maximum(liver_mL - EASY * room, 0.0) / UPPER_ML)


def spine_y(f: Numbers, z: Number) -> jax.Array:
    """Depth of the middle of the vertebral bodies [mm] at a height: lordosis, and kyphosis above it."""
    d = z + 2.3 * f["pitch"]
    return 60.0 * f["h"] - f["b"] - jnp.where(d > 0, 0.0008, 0.003) * d * d


def spine_slope(f: Numbers, z: jax.Array) -> jax.Array:
    """d spine_y / d z."""
    d = z + 2.3 * f["pitch"]
    return jnp.where(d > 0, -0.0016, -0.006) * d


def outline(f: Numbers, z: jax.Array) -> Numbers:
    """The muscular trunk at heights: half axes `a`, `b`, middle `y`, and `fat` [mm]; of its inside (the cavity of the
    belly and pelvis) `in_a`, `in_b`, `in_y`.
    """
    h, p, prom, hip, b = f["h"], f["pitch"], f["prom"], f["hip"], f["b"]
    knots = [prom - 150 * h, prom - 110 * h, prom - 68 * h, prom - 20 * h, prom + 15 * h, -3 * p, -2 * p, -0.6 * p]
    knots += [1.1 * p, 90.0 * h, 140.0 * h]
    groin = f["prom_y"] + 108.0 * h
    chest = -b - 20.0 + 2.0 * f["chest_b"]
    mid = 0.5 * (f["a"] + f["chest_a"])
    wide = [1.12 * hip, 1.17 * hip, 1.18 * hip, 1.1 * hip, 0.5 * f["a"] + 0.54 * hip, f["a"], f["a"], mid]
    wide += [f["chest_a"], f["chest_a"], 0.97 * f["chest_a"]]
    back = [b - 2, b + 8, b + 18, b + 12, b + 5, b + 1, b, b + 2, b + 10, b + 20, b + 28]
    front = [groin - 8, groin, groin + 8, 0.5 * (groin + b), 0.75 * b + 0.25 * groin, b, b, 0.98 * b]
    front += [0.45 * b + 0.55 * chest, chest, chest - 6]
    soft = jnp.where(f["male"] > 0, 0.0, 1.0)
    fat: list[Number] = [
        1.0,
        1.0 + 0.3 * soft,
        1.0 + 0.35 * soft,
        1.0 + 0.25 * soft,
        1.05,
        1.0,
        1.0,
        0.85,
        0.62,
        0.55,
        0.5,
    ]
    a, low, high, fat_z = (along(z, knots, v) for v in (wide, back, front, fat))
    inner: list[Number] = [0.20 * hip, 0.30 * hip, 0.43 * hip, 0.72 * hip, 0.86 * hip]
    inner_back: list[Number] = [b + 0.0, -f["prom_y"] + 20 * h, -f["prom_y"] + 36 * h, b - 18, b - 14]
    inner_front: list[Number] = [groin - 40, groin - 26 * h, groin - 8, front[3] - 11, front[4] - 12]
    low_end = jnp.clip((z - (prom + 5 * h)) / (30.0 * h), 0.0, 1.0)
    blend = low_end * low_end * (3.0 - 2.0 * low_end)  # the belly above, the pelvis below

    def mixed(above: jax.Array, values: Sequence[Number]) -> jax.Array:
        return blend * above + (1.0 - blend) * along(z, knots[:5], values)

    in_a = mixed(a - WALL_MM, inner)
    in_low, in_high = mixed(low - WALL_MM, inner_back), mixed(high - WALL_MM, inner_front)
    return {
        **{"a": a, "b": 0.5 * (low + high), "y": 0.5 * (high - low), "fat": fat_z * f["fat"]},
        **{"in_a": in_a, "in_b": 0.5 * (in_low + in_high), "in_y": 0.5 * (in_high - in_low)},
    }
