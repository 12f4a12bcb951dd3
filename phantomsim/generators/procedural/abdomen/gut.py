"""Stomach, duodenum, colon and small bowel along their curves."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from phantomsim.generators.procedural.abdomen.frame import outline, spine_y
from phantomsim.generators.procedural.abdomen.wall import CAVITY
from phantomsim.generators.procedural.canvas import Canvas, Numbers, keep
from phantomsim.generators.procedural.common.curves import table
from phantomsim.generators.procedural.common.hollow import Trail, fill, rows, trail

NO_GAS = 2.0  # level of gas, in radii above the axis, that the lumen does not reach
STOMACH_MM, DUODENUM_MM, COLON_MM, SMALL_MM = 3.5, 2.5, 2.0, 2.5  # walls; unverified
LAYERS, TURNS = 3, 8  # of the folded small bowel
LEAST, MOST = 0.5, 2.0  # of its drawn section, for the small bowel at L3


def grow(n: Numbers, f: Numbers, key: jax.Array) -> Numbers:
    """Segments of all four."""
    return {
        **{"stomach": rows(_stomach(n, f), 4), "duodenum": rows(_duodenum(n, f), 3)},
        **{"colon": rows(_colon(n, f, key), 4), "small-bowel": rows(_small(n, f, key), 2)},
    }


def _stomach(n: Numbers, f: Numbers) -> jax.Array:
    w, h, b, a = f["w"], f["h"], f["chest_b"], f["chest_a"]
    level = 0.15 + 0.35 * w[16]
    r = (n["stomach_mL"] / 260.0) ** 0.45
    return table(
        [
            (-20.0 * h, spine_y(f, 72.0) + 44.0, 76.0 * h, 8.0, NO_GAS),
            (-40.0 * h, spine_y(f, 72.0) + 46.0, 74.0 * h, 19.0 * r, level),
            (-0.50 * a, 0.02 * b, 62.0 * h, 28.0 * r, level),
            (-0.50 * a, 0.30 * b, 34.0 * h, 24.0 * r, level),
            (-0.36 * a, 0.52 * b, 4.0 * h + 6.0 * w[13], 19.0 * r, level),
            (-8.0 * h, 0.58 * b, -8.0 * h + 9.0 * w[13], 15.0 * r, level + 0.2),
            (22.0 * h, 0.44 * b, 2.0 * h + 4 * w[13], 11.0, NO_GAS),
            (30.0 * h, 0.38 * b, 5.0 * h + 3 * w[13], 8.0, NO_GAS),
        ]
    )


def _duodenum(n: Numbers, f: Numbers) -> jax.Array:
    w, h, b, p = f["w"], f["h"], f["chest_b"], f["pitch"]
    front = spine_y(f, -2 * p) + 0.38 * n["vertebra_width_mm"]
    x = 54.0 * h + 3.0 * w[39]
    return table(
        [
            (31.0 * h, 0.38 * b, 5.0 * h, 9.0, NO_GAS),
            (44.0 * h, 0.28 * b, 8.0 * h, 14.0, 0.4),
            (x, front + 30.0, -6.0, 12.0, NO_GAS),
            (x, front + 22.0, -0.9 * p, 12.5, NO_GAS),
            (x - 4, front + 22.0, -1.75 * p, 12.5, NO_GAS),
            (30.0 * h, front + 26.0, -2.15 * p, 12.0, NO_GAS),
            (0.0, front + 33.0, -1.95 * p, 10.5, NO_GAS),
            (-26.0 * h, front + 24.0, -1.5 * p, 11.5, NO_GAS),
            (-34.0 * h, front + 26.0, -0.85 * p, 12.0, NO_GAS),
            (-44.0 * h, front + 46.0, -0.9 * p, 12.0, NO_GAS),
        ]
    )


def _colon(n: Numbers, f: Numbers, key: jax.Array) -> jax.Array:
    w, h, b, p, prom, py = f["w"], f["h"], f["b"], f["pitch"], f["prom"], f["prom_y"]
    side, back = f["a"] - 42.0, spine_y(f, -2 * p) + 8.0
    left = -(f["chest_a"] - 44.0)
    sag = 14.0 * w[17]
    ra, rt, rd = (0.5 * n[f"{part}_mm"] for part in ("colon_ascending", "colon_transverse", "colon_descending"))
    g = 0.75 + 0.5 * jax.random.normal(key, (7,))
    s = 8.0 * w[40]
    return table(
        [
            (side - 26.0, 0.28 * b, prom + 2.0, 0.9 * ra, NO_GAS),
            (side - 4.0, 0.05 * b, -3.0 * p, 1.08 * ra, g[0]),
            (side, back + 20, -2.0 * p, ra, g[1]),
            (side, back + 26, -1.05 * p, ra, g[1]),
            (side - 6.0, 0.22 * b, -0.75 * p, 0.95 * ra, g[2]),
            (0.55 * side, 0.60 * b, -1.35 * p + 0.4 * sag, rt, g[2] - 0.7),
            (0.15 * side, f["b"] - 40.0, -1.75 * p + sag, rt, g[3] - 0.9),
            (-0.32 * side, f["b"] - 42.0, -1.5 * p + 0.7 * sag, rt, g[3] - 0.9),
            (-0.72 * side, 0.46 * b, -0.6 * p, 0.95 * rt, g[4] - 0.5),
            (left + 8.0, 0.24 * b, 0.05 * p, 0.95 * rt, g[4]),
            (left + 4.0, back + 30.0, -0.6 * p, rd, g[5]),
            (-side - 2.0, back + 16.0, -1.6 * p, rd, NO_GAS),
            (-side - 3.0, back + 16.0, -3.0 * p, rd, NO_GAS),
            (-0.70 * f["hip"], py + 74 * h, prom - 10 * h, rd, NO_GAS),
            (-50 * h, py + 72 * h, prom - 48 * h, rd, g[6]),
            (s, py + 58 * h, prom - 40 * h, 1.15 * rd, g[6] - 0.4),
            (34 * h + s, py + 34 * h, prom - 30 * h, 1.1 * rd, g[6]),
            (12 * h, py + 10 * h, prom - 34 * h, rd, NO_GAS),
            (0.0, py - 18 * h, prom - 52 * h, 1.1 * rd, NO_GAS),
            (0.0, py - 20 * h, prom - 82 * h, 1.25 * rd, 0.6),
            (0.0, py + 6 * h, prom - 112 * h, 0.9 * rd, NO_GAS),
            (0.0, py + 2 * h, prom - 136 * h, 8.0, NO_GAS),
        ]
    )


def _small(n: Numbers, f: Numbers, key: jax.Array) -> jax.Array:
    """One long tube, folded to and fro in two layers from the flexure at the left down to the caecum, then warped."""
    h, p, prom = f["h"], f["pitch"], f["prom"]
    turn = jnp.arange(LAYERS * TURNS)
    layer, down = turn % LAYERS, turn // LAYERS
    z = jnp.linspace(-0.5 * p, prom - 58.0 * h, TURNS)[down] + 8.0 * (layer - 1.0)
    o = outline(f, z)
    reach = jnp.minimum(o["in_a"] - 30.0, f["a"] - 76.0) * jnp.where(z < prom, 0.8, 1.0)
    front = o["in_y"] + o["in_b"] - 20.0
    rear = jnp.maximum(spine_y(f, z) + 0.38 * n["vertebra_width_mm"] + 26.0, o["in_y"] - o["in_b"] + 50.0)
    y = front + (rear - front) * jnp.array([0.0, 0.44, 0.88])[layer]
    u = jnp.linspace(-1.0, 1.0, 5)
    flip = jnp.where(turn % 2 == 0, 1.0, -1.0)
    bulge = jnp.array([0.0, 1.0, 0.0, -1.0, 0.0])
    points = jnp.stack(
        [
            (flip[:, None] * u * reach[:, None]).ravel(),
            (y[:, None] - 0.0004 * (u * reach[:, None]) ** 2 * 4).ravel(),
            (z[:, None] + 6.0 * bulge).ravel(),
        ],
        1,
    )
    k = jax.random.split(key, 4)
    vectors = jax.random.normal(k[0], (6, 3)) * 0.034
    phases = jax.random.uniform(k[1], (6,)) * 2 * jnp.pi
    push = jax.random.normal(k[2], (6, 3)) * jnp.array([9.0, 5.0, 9.0])
    points = points + jnp.sin(points @ vectors.T + phases) @ push
    r = jnp.full((len(points), 1), 12.0) * jnp.linspace(1.08, 0.92, len(points))[:, None]
    gas = jnp.where(jax.random.uniform(k[3], (len(points), 1)) > 0.8, 0.5, NO_GAS)
    return jnp.concatenate([points, r, gas], 1)


def stomach(canvas: Canvas, n: Numbers, f: Numbers) -> None:
    """Its volume is that within the outer surface."""
    seen = trail(canvas, n["stomach"], 135.0)
    (field,) = keep(seen.field)
    field = field - canvas.level("stomach", field, (CAVITY,), n["stomach_mL"])
    fill(canvas, ("stomach-wall", "stomach-content", "stomach-gas"), Trail(field, seen.gas), STOMACH_MM, (CAVITY,))


def colon(canvas: Canvas, n: Numbers, f: Numbers) -> None:
    """From the caecum to the anus, with folds between its pouches."""
    seen = trail(canvas, n["colon"], 92.0, folds=0.3, pitch_mm=30.0)
    room = (*KIDNEY_FAT, "iliacus-left", "iliacus-right", "psoas-left")
    fill(canvas, ("colon-wall", "colon-content", "colon-gas"), seen, COLON_MM, room)


def small_bowel(canvas: Canvas, n: Numbers, f: Numbers) -> None:
    """Duodenum, then the loops, whose width leaves the visceral fat its area at L3."""
    p, z = f["pitch"], canvas.p[2]
    names = ("duodenum-wall", "duodenum-content", "duodenum-gas")
    fill(canvas, names, trail(canvas, n["duodenum"], 70.0), DUODENUM_MM, KIDNEY_FAT)
    loops = trail(canvas, n["small-bowel"], 74.0)
    (field, gas) = keep(*loops)
    if canvas.solve:
        at_l3 = canvas.cover(jnp.abs(z + 2 * p) - 0.5 * p)
        fat, free = canvas.of(*VISCERAL) * at_l3, canvas.of(CAVITY) * at_l3
        excess = fat.sum() * canvas.voxel_mL - n["visceral_fat_cm2"] * p / 10.0
        drawn = (canvas.cover(field) * free).sum() * canvas.voxel_mL
        canvas.level("small_bowel_l3", field, free, jnp.clip(excess, LEAST * drawn, MOST * drawn))
    level = canvas.levels["small_bowel_l3"]
    fill(
        canvas,
        ("small-bowel-wall", "small-bowel-content", "small-bowel-gas"),
        Trail(field - level, gas),
        SMALL_MM,
        (CAVITY,),
    )


KIDNEY_FAT = (CAVITY, "perirenal-fat-left", "perirenal-fat-right")
VISCERAL = (*KIDNEY_FAT, "renal-sinus-left", "renal-sinus-right")
