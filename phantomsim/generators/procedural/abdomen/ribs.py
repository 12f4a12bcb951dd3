"""Ribs in the chest wall, their cartilages along the costal margin, and the tip of the sternum."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from phantomsim.generators.procedural.abdomen.frame import CHEST_PITCH
from phantomsim.generators.procedural.abdomen.wall import TRUNK
from phantomsim.generators.procedural.canvas import Canvas, Numbers, keep
from phantomsim.generators.procedural.shapes import arctan2, sine

RIBS = (5, 6, 7, 8, 9, 10, 11, 12)
CORTEX_MM = 1.1  # unverified
DROP_MM = 118.0  # from the vertebra to the lowest point of a rib; unverified
_END = (0.74, 0.74, 0.74, 0.74, 0.73, 0.70, 0.47, 0.27)  # where bone ends, in turns of pi from the back (ribs 5 to 12)


def ribs(canvas: Canvas, f: Numbers, t: Numbers) -> None:
    """Paint the ribs, labelled by number and side."""
    x, y, z = canvas.p
    span = (-1.9 * f["pitch"], 1e4)
    turn = arctan2(jnp.abs(x) / t["a"], (t["y"] - y) / t["b"]) / jnp.pi  # 0 behind, 1 in front
    depth = -t["fascia"]
    up = z + DROP_MM * f["h"] * _drop(turn) - 0.5 * f["pitch"]
    pitch = CHEST_PITCH * f["pitch"]
    order = jnp.clip(jnp.floor(up / pitch), 0.0, len(RIBS) - 1.0)
    ring = (up - (order + 0.5) * pitch) * (0.72 + 0.28 * jnp.abs(2 * jnp.minimum(turn / 0.74, 1.0) - 1.0))
    ends = jnp.stack([jnp.float32(v) for v in reversed(_END)])
    order = order.astype(jnp.uint32)
    round_mm = jnp.pi * 0.5 * (t["a"] + t["b"])
    past = (turn - ends[order]) * round_mm
    inner = 0.085 * round_mm - turn * round_mm
    rod = (jnp.sqrt(((depth - 7.0) / 3.6) ** 2 + (ring / 6.2) ** 2 + 1e-4) - 1.0) * 4.2
    (rod, past, order) = keep(rod, past, order)
    bone = jnp.maximum(jnp.maximum(rod, past), inner)
    names = [f"rib-{k}-{s}-{{}}" for k in reversed(RIBS) for s in ("left", "right")]
    index = 2 * order + (x > 0).astype(jnp.uint32)
    canvas.put(canvas.index(names[0].format("cortical")) + index, bone, on=(TRUNK,), z_mm=span)
    spongy = canvas.index(names[0].format("cancellous")) + index
    canvas.put(spongy, lambda: bone + CORTEX_MM, on=tuple(v.format("cortical") for v in names), z_mm=span)
    joined = jnp.where(order < 2, 50.0, -past)  # the two floating ribs have none
    gristle = jnp.maximum(jnp.maximum(rod, joined), 10.0 * f["h"] - jnp.abs(x))
    canvas.put("costal-cartilage", gristle, on=(TRUNK,), z_mm=span)
    _sternum(canvas, f, t)


def _drop(turn: jax.Array) -> jax.Array:
    """How far a rib has come down at an angle, in parts of the whole; the cartilage climbs again."""
    down = sine(0.5 * jnp.pi * jnp.clip(turn / 0.74, 0.0, 1.0)) ** 1.3
    return down - 5.2 * jnp.maximum(turn - 0.72, 0.0) ** 1.35


def _sternum(canvas: Canvas, f: Numbers, t: Numbers) -> None:
    x, y, z = canvas.p
    low = 88.0 * f["h"]

    def plate() -> jax.Array:
        thin = jnp.clip((z - low) / 30.0, 0.3, 1.0)
        flat = jnp.maximum(jnp.abs(-t["fascia"] - 6.5) - 4.5 * thin, jnp.abs(x) - 15.0 * f["h"] * thin)
        return jnp.maximum(jnp.maximum(flat, low - z), -y)

    canvas.put("sternum-cortical", plate, on=(TRUNK, "costal-cartilage", "rectus-sheath"), z_mm=(low, 1e4))
    canvas.put("sternum-cancellous", lambda: plate() + CORTEX_MM, on=("sternum-cortical",), z_mm=(low, 1e4))
