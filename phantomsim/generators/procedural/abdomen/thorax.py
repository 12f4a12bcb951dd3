"""The diaphragm and what shows above it: lung bases, the heart's base in its fat, oesophagus."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from phantomsim.generators.procedural.abdomen.wall import CAVITY
from phantomsim.generators.procedural.canvas import Canvas, Numbers, keep
from phantomsim.generators.procedural.common.curves import along
from phantomsim.generators.procedural.shapes import ellipsoid, superellipse

SHEET_MM = 3.0  # of the diaphragm; unverified


def thorax(canvas: Canvas, f: Numbers, t: Numbers) -> None:
    """Paint all above the diaphragm; what is left of the visceral fat lies below it."""
    x, y, z = canvas.p
    h, span = f["h"], (-1.2 * f["pitch"], 1e4)
    (above,) = keep((z - dome(f, x, y)) * 0.62)  # about the distance to the steep surface
    canvas.put("diaphragm", -above, on=(CAVITY,), z_mm=span)
    inside = t["cavity"]
    chest = jnp.maximum(SHEET_MM - above, inside + 1.0)
    canvas.put("fat-mediastinal", lambda: chest, on=("diaphragm",), z_mm=span)
    hull = ellipsoid(canvas.p, (-20.0 * h, t["y0"] + 92.0 * h, 137.0 * h), (72.0 * h, 58.0 * h, 52.0 * h))
    core = superellipse(x + 8.0 * h, y - t["y0"] - 10.0 * h, 30.0 * h, 44.0 * h, 2.2)  # great vessels and gullet
    (hull,) = keep(hull)

    def lung() -> jax.Array:
        return jnp.maximum(jnp.maximum(chest, 5.0 - hull), 1.5 - core)

    canvas.put(("lung-left", "lung-right"), lung, on=("fat-mediastinal",), z_mm=span)
    canvas.put("heart-wall", lambda: hull + 4.0, on=("fat-mediastinal",), z_mm=(70.0 * h, 1e4))
    right = ellipsoid(canvas.p, (18.0 * h, t["y0"] + 100.0 * h, 136.0 * h), (36.0 * h, 40.0 * h, 36.0 * h))
    left = ellipsoid(canvas.p, (-46.0 * h, t["y0"] + 92.0 * h, 138.0 * h), (30.0 * h, 34.0 * h, 34.0 * h))
    pools = jnp.minimum(right, left)
    canvas.put("heart-blood", lambda: pools, on=("heart-wall",), z_mm=(70.0 * h, 1e4))
    gullet = superellipse(x - along(z, (70.0 * h, 150.0), (-16.0, -4.0)), y - t["y0"] - 37.0 * h, 8.5, 6.0, 2.0)
    canvas.put("oesophagus", lambda: gullet, on=("fat-mediastinal",), z_mm=(60.0 * h, 1e4))


def dome(f: Numbers, x: jax.Array, y: jax.Array) -> jax.Array:
    """Height of the diaphragm [mm] over a place: two domes, the right one higher, the central tendon between them."""
    h, w = f["h"], f["w"]
    apex = f["top"] - 4.0 + (6.0 + 1.5 * w[2]) * jnp.tanh(x / 25.0)
    out = jnp.abs(x) - 58.0 * h
    side = jnp.where(out > 0, 92.0 * (out / (0.72 * f["chest_a"])) ** 2, 16.0 * (out / (58.0 * h)) ** 2)
    d = (y - 12.0) / f["chest_b"]
    return apex - h * side - h * jnp.where(d > 0, 40.0, 110.0) * d * d
