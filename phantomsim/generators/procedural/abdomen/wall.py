"""Skin, fat and the muscles of the trunk."""

from __future__ import annotations

import jax.numpy as jnp

from phantomsim.generators.procedural.abdomen.frame import SKIN_MM, outline, spine_y
from phantomsim.generators.procedural.canvas import Canvas, Numbers, keep
from phantomsim.generators.procedural.common.curves import along
from phantomsim.generators.procedural.shapes import brick, oval, superellipse

TRUNK = "trunk-muscle"
CAVITY = "fat-visceral"


def wall(canvas: Canvas, n: Numbers, f: Numbers) -> Numbers:
    """Paint the body's layers; returns `fascia`, the field of the muscular trunk, and `y0`, the spine's depth at z."""
    x, y, z = canvas.p
    o = outline(f, z)
    fascia = oval(x, y - o["y"], o["a"], o["b"])
    body = oval(x, y - o["y"], o["a"] + o["fat"], o["b"] + 0.95 * o["fat"])
    navel = 9.0 * jnp.exp(-((x / 7.0) ** 2) - ((z + 2.75 * f["pitch"]) / 8.0) ** 2)
    low = jnp.clip((f["prom"] - 35.0 * f["h"] - z) / 30.0, 0.0, 1.0)
    furrow = 5.0 * jnp.exp(-((x / 15.0) ** 2)) + 26.0 * low * jnp.exp(-((x / 9.0) ** 2))
    body = body + jnp.where(y > o["y"], navel, jnp.minimum(furrow, o["fat"] - 4.0))
    cavity = oval(x, y - o["in_y"], o["in_a"], o["in_b"])
    floor = f["prom"] - 122.0 * f["h"] + 0.006 * x * x - z
    (fascia, body, cavity) = keep(fascia, body, jnp.maximum(cavity, floor))
    canvas.put("skin", body)
    canvas.put("fat-subcutaneous", body + SKIN_MM)
    canvas.put(TRUNK, fascia, on=("fat-subcutaneous",))
    canvas.put(CAVITY, cavity, on=(TRUNK,))
    t = {"fascia": fascia, "cavity": cavity, "y0": spine_y(f, z), "a": o["a"], "b": o["b"], "y": o["y"]}
    _flank(canvas, f, t)
    _back(canvas, n, f, t)
    return t


def _flank(canvas: Canvas, f: Numbers, t: Numbers) -> None:
    """Rectus in its sheath with the white line between; three flat muscles with fat planes between them."""
    x, y, z = canvas.p
    side, depth = jnp.abs(x), -t["fascia"]
    span = (f["prom"] - 90.0 * f["h"], 85.0 * f["h"])
    low, high = f["prom"] - 2.0 * f["h"], 0.6 * f["pitch"]
    edge = jnp.maximum(72.0 * f["h"] - side, jnp.maximum(t["y0"] - 14.0 - y, jnp.maximum(low - z, z - high)))
    for name, top, bottom in (
        ("external-oblique", 0.3, 4.4),
        ("internal-oblique", 5.0, 9.0),
        ("transversus", 9.6, 12.5),
    ):
        band = jnp.abs(depth - 0.5 * (top + bottom)) - 0.5 * (bottom - top)
        canvas.put(name, jnp.maximum(band, edge), on=(TRUNK,), z_mm=(low, high))
    planes = jnp.minimum(jnp.abs(depth - 4.7), jnp.abs(depth - 9.3))
    canvas.put("fat-intermuscular", lambda: jnp.maximum(canvas.sheet(planes, 0.9), edge), on=_FLANK, z_mm=(low, high))

    def sheath() -> jnp.ndarray:
        front = jnp.maximum(20.0 - y, jnp.maximum(span[0] - z, z - span[1]))
        return jnp.maximum(jnp.maximum(jnp.abs(depth - 6.3) - 7.0, side - 76.0 * f["h"]), front)

    def rectus() -> jnp.ndarray:
        strap = brick(jnp.abs(side - 37.0 * f["h"]) - 32.0 * f["h"], jnp.abs(depth - 6.3) - 5.2 * f["m"], 3.0)
        ends = jnp.maximum(20.0 - y, jnp.maximum(span[0] - z, z - span[1]))
        return jnp.maximum(strap, ends)

    canvas.put("rectus-sheath", sheath, on=(TRUNK,), z_mm=span)
    canvas.put("rectus-abdominis", rectus, on=("rectus-sheath",), z_mm=span)


_FLANK = ("external-oblique", "internal-oblique", "transversus", TRUNK)


def _back(canvas: Canvas, n: Numbers, f: Numbers, t: Numbers) -> None:
    """Long back muscles and quadratus lumborum."""
    x, y, z = canvas.p
    h, p, m, side, back = f["h"], f["pitch"], f["m"], jnp.abs(x), y - t["y0"]
    thin = along(z, (f["prom"] - 70 * h, f["prom"], -2 * p, 40.0, 120.0), (0.5, 0.85, 1.0, 0.85, 0.65))
    deep = superellipse(side - 33.0 * h, back + 40.0 * h, 31.0 * m * (0.5 + 0.5 * thin), 22.0 * m * thin, 2.6)
    close = jnp.maximum(jnp.maximum(back + 20.0 * h, side - 64.0 * h), z - 10.0)  # nothing of the belly is behind
    pair = ("erector-spinae-left", "erector-spinae-right")
    canvas.put(pair, jnp.minimum(deep, jnp.maximum(close, f["prom"] - z)), on=(TRUNK, CAVITY))
    low, high = f["prom"] + 45.0 * h, 0.6 * p
    at = along(z, (low, high), (66.0 * h, 46.0 * h))
    flat = superellipse(side - at, back + 15.0 * h, 19.0 * m, 8.5 * m, 2.2)
    spread = jnp.maximum(flat, jnp.maximum(low - z, z - high))
    pair = ("quadratus-lumborum-left", "quadratus-lumborum-right")
    canvas.put(pair, spread, on=(TRUNK, CAVITY), z_mm=(low, high))


def psoas(canvas: Canvas, n: Numbers, f: Numbers) -> None:
    """Beside the spine and down to the hips; its area at L3 is a covariate."""
    x, y, z = canvas.p
    h, p, side = f["h"], f["pitch"], jnp.abs(x)
    knots = (f["prom"] - 95 * h, f["prom"] - 60 * h, f["prom"] - 25 * h, f["prom"], -3 * p, -2 * p, -p, 0.3 * p)
    middle = (100.0 * h, 92.0 * h, 76.0 * h, 62.0 * h, 49.0 * h, 41.0 * h, 33.0 * h, 26.0 * h)
    y_prom, y_l3 = f["prom_y"], spine_y(f, -2 * p)
    depth = (y_prom + 66 * h, y_prom + 66 * h, y_prom + 40 * h, y_prom + 16 * h, y_l3, y_l3 - 1, y_l3 - 6, y_l3 - 14)
    thick = (0.75, 0.8, 0.95, 1.1, 1.15, 1.0, 0.66, 0.25)
    r = jnp.sqrt(100.0 * 0.5 * n["psoas_l3_cm2"] / (1.25 * jnp.pi)) * along(z, knots, thick)
    middle_z = along(z, knots, middle) + 0.7 * (r - 15.0)
    body = superellipse(side - middle_z, y - along(z, knots, depth), r, 1.25 * r, 2.0)
    ends = jnp.maximum(knots[0] - z, z - knots[-1])
    (body,) = keep(jnp.maximum(body, ends))
    slab = canvas.cover(jnp.abs(z + 2 * p) - 0.5 * p) * canvas.of(TRUNK, CAVITY)
    level = canvas.level("psoas_l3", body, slab, n["psoas_l3_cm2"] * p / 10.0)
    names = ("psoas-left", "psoas-right")
    canvas.put(names, body - level, on=(TRUNK, CAVITY), z_mm=(knots[0] - 9.0, knots[-1] + 9.0))
