"""What is seen from outside: skin, the fat under it, and the soft tissue of scalp, face and neck."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from phantomsim.generators.procedural.canvas import Canvas, Numbers, keep
from phantomsim.generators.procedural.shapes import capsule, ellipsoid, smooth_union, superellipse

SKIN_MM = 1.9  # facial and scalp skin of 1.5 to 2.5 mm (unverified)


def outside(canvas: Canvas, n: Numbers, case: jax.Array) -> None:
    """Skin, subcutaneous fat, soft tissue."""
    (body,) = keep(_surface(canvas, n, case))
    z = canvas.p[2]
    fat = 0.35 * n["scalp_mm"] + 1.5 * jnp.clip(-(z + 20.0) / 40.0, 0.0, 1.0)  # thicker in cheeks and neck
    canvas.put("skin", body)
    canvas.put("subcutaneous-fat", body + SKIN_MM)
    canvas.put("soft-tissue", body + SKIN_MM + fat)


def _surface(canvas: Canvas, n: Numbers, case: jax.Array) -> jax.Array:
    x, y, z = canvas.p
    w, q = n["wobble"], (jnp.abs(x), y, z)
    dome = jnp.maximum(case - n["skull_mm"] - n["scalp_mm"], -(z + 52.0))
    middle = ellipsoid(q, (0.0, 34.0, -58.0), (64.0, 58.0 + w[1], 52.0))
    jaw = ellipsoid(q, (0.0, 40.0 + 1.5 * w[2], -100.0), (51.0 + 2.0 * n["male"], 54.0, 36.0))
    brow = ellipsoid(q, (27.0, 60.0, -22.0), (30.0, 21.0, 15.0))
    cheek = ellipsoid(q, (42.0, 58.0, -58.0), (22.0, 22.0, 24.0))
    column = superellipse(x, y + 18.0 + 0.12 * (z + 110.0), 54.0 + 6.0 * n["male"], 58.0 + 3.0 * n["male"], 2.2)
    throat = jnp.maximum(column, z + 42.0)
    nose = smooth_union(
        capsule(q, (0.0, 88.0, -28.0), (0.0, 107.0 + 2.0 * w[3], -58.0), 5.0, 9.0),
        ellipsoid(q, (9.0, 94.0, -61.0), (8.0, 9.0, 7.0)),
        6.0,
    )
    lips = ellipsoid(q, (0.0, 86.0, -84.0), (24.0, 10.0, 11.0))
    shell = ellipsoid((q[0] + 0.25 * (q[1] + 14.0), q[1], q[2]), (76.0, -12.0, -36.0), (5.0, 15.0, 28.0))
    field = smooth_union(smooth_union(smooth_union(middle, jaw, 16.0), cheek, 14.0), brow, 10.0)
    field = smooth_union(dome, field, 18.0)
    field = smooth_union(field, throat, 26.0)
    field = smooth_union(smooth_union(field, nose, 7.0), lips, 8.0)
    return smooth_union(field, shell, 4.0)
