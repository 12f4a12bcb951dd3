"""Vertebrae T8 to L5 with discs, arches, processes and facets; the canal with its sac and cord; the ribs' heads."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from phantomsim.generators.procedural.abdomen.frame import CHEST_PITCH, DISC_MM, spine_slope
from phantomsim.generators.procedural.abdomen.wall import CAVITY, TRUNK
from phantomsim.generators.procedural.canvas import Canvas, Numbers, keep
from phantomsim.generators.procedural.shapes import ellipsoid, superellipse, union

LEVELS = ("T7", "T8", "T9", "T10", "T11", "T12", "L1", "L2", "L3", "L4", "L5")  # from above
CORTEX_MM = 1.2  # unverified
CORD_END_MM = -20.0  # the cord ends at the disc under L1 (Standring, ch. 43)


def spine(canvas: Canvas, n: Numbers, f: Numbers, t: Numbers) -> None:
    """Paint all of it; bones are labelled by vertebra."""
    x, y, z = canvas.p
    back = y - t["y0"]
    s = z + spine_slope(f, z) * back  # height along the curved column
    number, level, pitch = _place(f, s)
    number, back, level = keep(number, back, level)
    scale = pitch / f["pitch"]
    half = n["vertebra_width_mm"] / 2 * jnp.clip(1.0 - 0.0022 * (z + 2.0 * f["pitch"]), 0.6, 1.12)
    deep = half * (0.70 + 0.06 * (1.0 - scale) / (1.0 - CHEST_PITCH))
    tall = 0.5 * (pitch - jnp.where(scale < 1.0, 0.6, 1.0) * DISC_MM)
    waist = 1.0 - 0.09 * jnp.maximum(1.0 - (level / tall) ** 2, 0.0)
    column = superellipse(x, back, half * waist, deep * waist, 2.4)
    column = jnp.maximum(column, 0.42 * deep - jnp.sqrt(x * x + (back + 1.3 * deep) ** 2 + 1.0))  # hollow behind
    low_end = f["prom"] + 0.02 * f["pitch"] - s
    (column, body) = keep(column, jnp.maximum(column, jnp.abs(level) - tall))
    bone = union(body, _arch(jnp.abs(x), back + deep, level, f["h"] * jnp.where(scale < 1, 0.85, 1.0)))
    (bone,) = keep(jnp.maximum(bone, low_end))
    discs = jnp.maximum(jnp.maximum(column, tall - 0.3 - jnp.abs(level)), low_end)
    span = (f["prom"] - 40.0 * f["h"], 1e4)
    room = (
        TRUNK,
        CAVITY,
        "erector-spinae-left",
        "erector-spinae-right",
        "quadratus-lumborum-left",
        "quadratus-lumborum-right",
    )
    canvas.put("discs", discs, on=room, z_mm=span)
    first, spongy = canvas.index(f"vertebra-{LEVELS[0]}-cortical"), canvas.index(f"vertebra-{LEVELS[0]}-cancellous")
    canvas.put(first + number, bone, on=(*room, "discs"), z_mm=span)
    canvas.put(spongy + number, lambda: bone + CORTEX_MM, on=tuple(f"vertebra-{v}-cortical" for v in LEVELS), z_mm=span)
    _canal(canvas, f, back + deep + 9.5 * f["h"], s)


def _place(f: Numbers, s: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Which vertebra (index into LEVELS, uint32), height from its middle [mm], and pitch there [mm]."""
    p = f["pitch"]
    up = s - 0.5 * p
    pitch = jnp.where(up > 0, CHEST_PITCH * p, p)
    steps = jnp.clip(jnp.floor(up / pitch), -5.0, 5.0)
    level = up - (steps + 0.5) * pitch
    return (5.0 - steps).astype(jnp.uint32), level, pitch


def _arch(side: jax.Array, behind: jax.Array, level: jax.Array, h: jax.Array) -> jax.Array:
    """Pedicles, laminae, facets, transverse and spinous processes; `behind` is 0 at the back of the body."""
    pedicle = superellipse(side - 15.5 * h, level - 5.0 * h, 4.2 * h, 6.8 * h, 2.2)
    pedicle = jnp.maximum(pedicle, jnp.abs(behind + 3.0 * h) - 12.0 * h)
    tilt = behind + 21.0 * h + 0.55 * (14.0 * h - side)
    lamina = jnp.maximum(jnp.abs(tilt) * 0.88 - 3.0 * h, jnp.abs(level + 4.0 * h) - 9.5 * h)
    lamina = jnp.maximum(lamina, side - 15.0 * h)
    facet = ellipsoid(
        (side, behind, jnp.abs(level) - 15.0 * h), (17.0 * h, -17.5 * h, 0.0), (6.5 * h, 6.0 * h, 8.5 * h)
    )
    across = ellipsoid((side, behind, level), (28.0 * h, -12.0 * h, 4.0 * h), (20.0 * h, 4.5 * h, 5.5 * h))
    spinous = ellipsoid((side, behind, level), (0.0, -35.0 * h, -6.0 * h), (4.0 * h, 20.0 * h, 9.5 * h))
    return union(pedicle, lamina, facet, across, spinous)


def _canal(canvas: Canvas, f: Numbers, from_middle: jax.Array, s: jax.Array) -> None:
    """Epidural fat, the sac of CSF with the horse tail in it, and the cord."""
    x, _, z = canvas.p
    h, end = f["h"], f["prom"] - 42.0 * f["h"]
    above = f["prom"] - 14.0 * h - s
    canal = jnp.maximum(superellipse(x, from_middle, 11.5 * h, 8.5 * h, 2.0), above)
    sac = jnp.maximum(superellipse(x, from_middle - 1.0, 8.5 * h, 6.5 * h, 2.0), above)
    canvas.put("fat-epidural", canal, z_mm=(end, 1e4))
    canvas.put("dural-sac", lambda: sac, on=("fat-epidural",), z_mm=(end, 1e4))
    thin = jnp.clip(0.5 + (z - CORD_END_MM) / 25.0, 0.02, 1.0)
    cord = superellipse(x, from_middle - 1.5, 5.0 * h * thin, 3.8 * h * thin, 2.0)
    canvas.put("spinal-cord", lambda: jnp.maximum(cord, CORD_END_MM - z), on=("dural-sac",), z_mm=(CORD_END_MM, 1e4))
