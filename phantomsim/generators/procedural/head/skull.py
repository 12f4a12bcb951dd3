"""The brain case's bone: outer table, diploe, inner table; the base with its petrous and mastoid parts; sinuses."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from phantomsim.generators.procedural.canvas import Canvas, Numbers, keep
from phantomsim.generators.procedural.head.organs import pair
from phantomsim.generators.procedural.shapes import capsule, ellipsoid, sine, superellipse, union

SOFT = ["soft-tissue", "subcutaneous-fat", "neck-muscles", "vertebrae", "vertebral-marrow", "discs", "airway", "mucosa"]
FORAMEN = (0.0, -30.0)  # middle of the foramen magnum (x, y) [mm]


def skull(canvas: Canvas, n: Numbers, case: jax.Array) -> None:
    """Vault and base; the foramen magnum stays open."""
    x, y, z = canvas.p
    p, w = (jnp.abs(x), y, z), n["wobble"]
    thick = n["skull_mm"] * (1.0 + 0.15 * sine(0.03 * y + w[4]) + 0.25 * jnp.exp(-(((y + 80.0) / 25.0) ** 2)))
    thick = thick * (1.0 - 0.45 * jnp.exp(-(((p[0] - 66.0) / 14.0) ** 2) - (((z + 12.0) / 22.0) ** 2)))  # squama
    base = jnp.clip(-(z + 28.0) / 16.0, 0.0, 1.0) * jnp.exp(-((p[0] / 34.0) ** 2))
    thick = thick + 5.0 * base
    hole = superellipse(x - FORAMEN[0], y - FORAMEN[1], 15.0, 17.0, 2.0)
    hole = jnp.maximum(hole, z + 42.0)
    (shell,) = keep(jnp.maximum(case - thick, -hole))  # solid: the brain is painted into it, without a seam
    canvas.put("skull", shell)
    marrow = jnp.maximum(jnp.maximum(case - 0.72 * thick, 0.28 * thick - case), 2.5 - hole)
    canvas.put("diploe", marrow, on=["skull"])
    canal = lambda: jnp.maximum(superellipse(x - FORAMEN[0], y - FORAMEN[1], 15.0, 17.0, 2.0), jnp.abs(z + 52.0) - 18.0)  # noqa: E731
    canvas.put("spinal-dura", canal, on=[*SOFT, "skull", "diploe"], z_mm=(-72.0, -32.0))
    canvas.put("spinal-csf", lambda: canal() + 1.5, on=["spinal-dura"], z_mm=(-72.0, -32.0))
    _base(canvas, p)
    _sinuses(canvas, n, case)


def _base(canvas: Canvas, p: tuple[jax.Array, jax.Array, jax.Array]) -> None:
    """Petrous ridges, clivus, mastoids with their cells."""
    z_mm = (-80.0, -15.0)
    petrous = lambda: capsule(p, (56.0, -22.0, -38.0), (16.0, 4.0, -34.0), 9.0, 4.5)  # noqa: E731
    clivus = lambda: capsule(p, (0.0, 10.0, -30.0), (0.0, -12.0, -52.0), 8.0, 5.0)  # noqa: E731
    bone = lambda: union(petrous(), clivus(), _mastoid(p))  # noqa: E731
    canvas.put("skull", bone, z_mm=z_mm)
    canvas.put("diploe", lambda: union(petrous() + 3.0, clivus() + 2.0), on=["skull"], z_mm=z_mm)
    cells = lambda: jnp.maximum(  # noqa: E731
        _mastoid(p) + 2.0, 1.2 * (0.15 - sine(0.9 * p[0]) * sine(0.8 * p[1] + 1.0) * sine(0.85 * p[2]))
    )
    canvas.put(pair("mastoid-cells"), cells, on=["skull"], z_mm=z_mm)


def _mastoid(p: tuple[jax.Array, jax.Array, jax.Array]) -> jax.Array:
    return ellipsoid(p, (57.0, -26.0, -50.0), (11.0, 14.0, 19.0))


def _sinuses(canvas: Canvas, n: Numbers, case: jax.Array) -> None:
    """Frontal and sphenoid sinus, of very different sizes from one person to the next."""
    x, y, z = canvas.p
    w = n["wobble"]
    frontal = ellipsoid((jnp.abs(x), y, z), (9.0, 86.0, -16.0), (12.0, 7.0, 11.0 + 2.0 * w[5]))
    canvas.put("skull", jnp.maximum(frontal - 1.8, -case), z_mm=(-40.0, 15.0))
    canvas.put("frontal-sinus", jnp.maximum(frontal, 2.0 - case), on=["skull"], z_mm=(-40.0, 15.0))
    sphenoid = ellipsoid((jnp.abs(x) - 1.0, y, z), (6.0, 20.0, -36.0), (8.0 + w[6], 11.0, 8.0))
    canvas.put("skull", sphenoid - 1.8, z_mm=(-55.0, -20.0))
    canvas.put("sphenoid-sinus", sphenoid, where=jnp.abs(x) > 0.8, z_mm=(-55.0, -20.0))
