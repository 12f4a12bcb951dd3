"""Bladder; prostate and seminal vesicles of men, uterus and ovaries of women."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from phantomsim.generators.procedural.abdomen.wall import CAVITY, TRUNK
from phantomsim.generators.procedural.canvas import Canvas, Numbers
from phantomsim.generators.procedural.shapes import capsule, ellipsoid, smooth_union

WALL_MM = 3.5  # of a half-full bladder; unverified


def bladder(canvas: Canvas, n: Numbers, f: Numbers) -> None:
    """Paint what lies between the symphysis and the rectum."""
    h, prom, y0 = f["h"], f["prom"], f["prom_y"]
    span = (prom - 150.0 * h, prom + 10.0)
    r = (n["bladder_mL"] * 750.0 / (jnp.pi * 1.25 * 0.95)) ** (1.0 / 3.0)
    low = prom - 100.0 * h  # of its neck
    centre = (0.0, y0 + 64.0 * h, low + 0.95 * r)
    room, male = (CAVITY, TRUNK), n["male"]

    def sac() -> jax.Array:
        return ellipsoid(canvas.p, centre, (1.25 * r, r, 0.95 * r))

    gland = lambda: _prostate(canvas, f, low, male)  # noqa: E731
    canvas.put("prostate", gland, on=room, z_mm=span)
    canvas.put("bladder-wall", lambda: sac() - WALL_MM, on=room, z_mm=span)
    canvas.put("bladder-urine", sac, on=("bladder-wall",), z_mm=span)

    def womb() -> jax.Array:
        z0 = prom - 84.0 * h
        neck = capsule(
            canvas.p, (0.0, y0 + 20.0 * h, z0 - 16.0), (2.0 * f["w"][41], y0 + 28.0 * h, z0 + 4.0), 12.0, 13.0
        )
        body = ellipsoid(canvas.p, (4.0 * f["w"][41], y0 + 40.0 * h, z0 + 20.0), (25.0, 24.0, 20.0))
        return smooth_union(neck, body, 12.0) + 99.0 * male

    canvas.put("uterus", womb, on=(CAVITY,), z_mm=span)
    canvas.put(("ovary-left", "ovary-right"), lambda: _ovary(canvas, f) + 99.0 * male, on=(CAVITY,), z_mm=span)


def _prostate(canvas: Canvas, f: Numbers, low: jax.Array, male: jax.Array) -> jax.Array:
    h, y0 = f["h"], f["prom_y"]
    gland = ellipsoid(canvas.p, (0.0, y0 + 54.0 * h, low - 14.0), (23.0, 15.0, 17.0))
    x, y, z = canvas.p
    vesicle = ellipsoid((jnp.abs(x), y, z), (18.0, y0 + 34.0 * h, low + 10.0), (17.0, 6.0, 7.0))
    return jnp.minimum(gland, vesicle) + 99.0 * (1.0 - male)


def _ovary(canvas: Canvas, f: Numbers) -> jax.Array:
    x, y, z = canvas.p
    return ellipsoid(
        (jnp.abs(x), y, z), (46.0, f["prom_y"] + 24.0 * f["h"], f["prom"] - 62.0 * f["h"]), (9.0, 13.0, 11.0)
    )
