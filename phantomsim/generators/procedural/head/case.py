"""The brain case: the space inside the skull, at its volume."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from phantomsim.generators.procedural.canvas import Canvas, Numbers, keep
from phantomsim.generators.procedural.shapes import ellipsoid, smooth_union


def brain_case(canvas: Canvas, n: Numbers) -> jax.Array:
    """Field of the intracranial space [mm], negative inside: vault, and the three fossae of its floor.

    Length and width trade against each other at one volume: the cranial index (width / length) varies by 4 % (SD; adult
    78 +- 4, unverified).
    """
    w = n["wobble"]
    stretch = 1.0 + 0.025 * w[0]
    p = (canvas.p[0] * stretch, canvas.p[1] / stretch, canvas.p[2])
    mid = (jnp.abs(p[0]), p[1], p[2])
    vault = ellipsoid(p, (0.0, 0.0, 4.0), (69.0, 86.0, 67.0))
    # The floor: the roofs of the orbits in front, bulging; the sella, lower, behind them.
    bulge = 8.0 * jnp.exp(-((mid[0] - 30.0) ** 2) / 350.0 - ((p[1] - 55.0) ** 2) / 500.0)
    floor = p[2] + 24.0 - bulge - 4.0 * jax.nn.sigmoid((p[1] - 22.0) / 4.0)
    upper = jnp.maximum(vault, -0.95 * floor)
    middle = ellipsoid(mid, (40.0, 10.0, -24.0), (23.0, 30.0, 20.0))
    back = ellipsoid(p, (0.0, -46.0, -26.0), (57.0, 40.0, 33.0))
    field = smooth_union(smooth_union(upper, back, 12.0), middle, 8.0)
    (field,) = keep(field - canvas.level("intracranial", field, jnp.ones(field.shape), n["icv_mL"]))
    return field
