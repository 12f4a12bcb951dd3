"""The chest wall behind a hanging breast: pectoral muscle, ribs and what is between them, lung."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from phantomsim.generators.procedural import shapes
from phantomsim.generators.procedural.canvas import Canvas, Numbers
from phantomsim.generators.procedural.shapes import Point

ORGANS = {
    "intercostal-muscle": "muscle",
    "ribs": "bone-cortical",
    "rib-marrow": "bone-cancellous",
    "lung": "lung",
}
COVER_MM = 13.0  # skin and fat on the pectoral muscle beside the breast; unverified
WALL_MM = 17.0  # from the pectoral muscle to the lung; unverified
RIB_MM = (5.5, 7.5)  # half thickness and half height of a rib; unverified
CORTEX_MM = 1.0  # unverified
PITCH_MM = 27.0  # from rib to rib; unverified


def surface(e: Point) -> jax.Array:
    """Field of the chest without the breast."""
    return e[1] - COVER_MM


def draw(canvas: Canvas, e: Point, n: Numbers) -> None:
    """Paint what lies behind the pectoral muscle's surface."""
    deep = e[1] + n["pectoral_mm"]
    canvas.put("pectoral-muscle", e[1])
    canvas.put("intercostal-muscle", deep)
    canvas.put("lung", deep + WALL_MM)
    # Ribs fall to the side and front; by periods, all are one tube.
    z = e[2] + 0.25 * e[0] + 8.0 * n["wobble"][6]
    z = z - PITCH_MM * jnp.round(z / PITCH_MM)
    rib = shapes.superellipse(deep + 0.55 * WALL_MM, z, *RIB_MM, 2.3)
    canvas.put("ribs", rib)
    canvas.put("rib-marrow", rib + CORTEX_MM, on=["ribs"])
