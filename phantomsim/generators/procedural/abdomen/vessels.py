"""Aorta, vena cava and all that branches off them."""

from __future__ import annotations

import jax.numpy as jnp

from phantomsim.generators.procedural import trees
from phantomsim.generators.procedural.abdomen.branches import GROUPS
from phantomsim.generators.procedural.abdomen.frame import spine_y
from phantomsim.generators.procedural.abdomen.wall import CAVITY
from phantomsim.generators.procedural.canvas import Canvas, Numbers
from phantomsim.generators.procedural.common.curves import along
from phantomsim.generators.procedural.shapes import superellipse

REACH_MM = 52.0  # no stretch of a tube with its radii is longer
ROOM: tuple[str, ...] = (
    *(CAVITY, "fat-mediastinal", "diaphragm", "psoas-left", "psoas-right", "trunk-muscle", "iliacus-left"),
    *("iliacus-right", "perirenal-fat-left", "perirenal-fat-right", "renal-sinus-left", "renal-sinus-right"),
)


def vessels(canvas: Canvas, n: Numbers, f: Numbers) -> None:
    """The great vessels, and those behind the belly."""
    x, y, z = canvas.p
    h, p = f["h"], f["pitch"]
    front = spine_y(f, z) + 0.38 * n["vertebra_width_mm"]
    r = n["aorta_diameter_mm"] / 2 * along(z, (-3.25 * p, -2.0 * p, 0.5 * p, 120.0), (0.96, 1.01, 1.08, 1.22))
    high = along(z, (20.0, 120.0), (0.0, 1.0))  # above the hiatus the aorta lies beside the spine
    aorta = superellipse(x + 8.0 * h + 10.0 * high, y - front - r + 10.0 * high, r, r, 2.0)
    end = -3.25 * p
    canvas.put("aorta", lambda: jnp.maximum(aorta, end - z), on=ROOM, z_mm=(end, 1e4))
    wide, deep = n["vena_cava_width_mm"] / 2, n["vena_cava_depth_mm"] / 2
    lift = along(z, (0.0, 0.5 * p, 1.6 * p, 2.6 * p), (0.0, 6.0 * h, 22.0 * h, 46.0 * h))  # forwards to the heart
    round_ = along(z, (-3.4 * p, -2 * p, 0.0, 60.0), (0.8, 1.0, 1.0, 1.1))
    cava = superellipse(x - 22.0 * h, y - front - deep - lift, wide * round_, deep * round_, 2.0)
    low = end - 6.0
    vein = jnp.maximum(cava, jnp.maximum(low - z, z - 118.0 * h))
    canvas.put("vena-cava", vein, on=(*ROOM, "lung-right", "heart-wall"), z_mm=(low, 120.0 * h))
    crus = jnp.maximum(
        superellipse(jnp.abs(x + 8.0 * h) - 15.0 * h, y - front - 4.0, 5.0 * h, 14.0 * h, 2.2), -1.2 * p - z
    )
    canvas.put("crura", lambda: crus, on=(CAVITY,), z_mm=(-1.2 * p, 100.0))


def branches(canvas: Canvas, n: Numbers) -> None:
    """All that branches off them, ureters and bile duct."""
    tubes = lambda rows: trees.branches(canvas, rows, REACH_MM)  # noqa: E731
    canvas.puts(tuple(GROUPS.values()), n["vessels"], tubes, on=(*ROOM, "crura"), z_mm=(-1e4, 75.0))
