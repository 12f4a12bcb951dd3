"""What the chest's lower slices show: diaphragm, liver, spleen, stomach."""

from __future__ import annotations

import jax.numpy as jnp

from phantomsim.generators.procedural.canvas import Canvas, Numbers, keep
from phantomsim.generators.procedural.chest.frame import Frame
from phantomsim.generators.procedural.shapes import ellipsoid

ORGANS = {
    "diaphragm": "muscle",
    "liver": "liver",
    "spleen": "spleen",
    "stomach-wall": "stomach",
    "stomach-content": "bowel-content",
    "stomach-gas": "air",
}
DIAPHRAGM_MM = 3.0  # unverified
STOMACH_MM = 4.0  # wall; unverified


def draw(canvas: Canvas, n: Numbers, f: Frame, t: Numbers) -> None:
    """Paint what lies below the lungs; `t["above"]` is the lungs' base."""
    p, k, s = canvas.p, f.k, f.s
    x, y, z = p
    below = t["above"]
    top = (-1e4, -f.drop_mm)
    room = ["cavity-fat"]
    canvas.put("diaphragm", canvas.sheet(below - 0.5 * DIAPHRAGM_MM, DIAPHRAGM_MM), on=room, z_mm=top)
    belly = jnp.maximum(DIAPHRAGM_MM - below, t["cage"] + 2.0)
    (belly,) = keep(jnp.maximum(belly, 13.0 - t["spine"]))
    low = -f.drop_mm
    spleen = ellipsoid(p, (-94.0 * k, -46.0 * k, -120.0 * s + low), (30.0 * k, 46.0 * k, 46.0 * s))
    canvas.put("spleen", jnp.maximum(belly + 1.0, spleen), on=room, z_mm=top)
    sac = ellipsoid(p, (-56.0 * k, (6.0 + 4.0 * f.wobble[15]) * k, -124.0 * s + low), (48.0 * k, 60.0 * k, 50.0 * s))
    (sac,) = keep(jnp.maximum(belly + 1.0, sac))
    canvas.put("stomach-wall", sac, on=room, z_mm=top)
    canvas.put("stomach-content", sac + STOMACH_MM, on=["stomach-wall"], z_mm=top)
    gas = jnp.maximum(sac + STOMACH_MM, (14.0 + 8.0 * f.wobble[16]) * k - y)
    canvas.put("stomach-gas", gas, on=["stomach-content"], z_mm=top)
    edge = 0.55 * ((-168.0 - 4.0 * f.wobble[14]) * s - f.drop_mm - 1.1 * x - z)
    behind = 0.5 * (-30.0 * k - y - 0.7 * jnp.maximum(x - 35.0 * k, 0.0))
    liver = jnp.maximum(jnp.maximum(belly, edge), behind)
    canvas.put("liver", liver, on=room, z_mm=top)
