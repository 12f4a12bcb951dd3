"""Spleen and pancreas."""

from __future__ import annotations

from itertools import pairwise

import jax.numpy as jnp

from phantomsim.generators.procedural.abdomen.frame import spine_y
from phantomsim.generators.procedural.abdomen.wall import CAVITY
from phantomsim.generators.procedural.canvas import Canvas, Numbers
from phantomsim.generators.procedural.common.curves import smooth, table
from phantomsim.generators.procedural.shapes import ellipsoid, moved, sine, smooth_cut, tubes, turned


def spleen(canvas: Canvas, n: Numbers, f: Numbers) -> None:
    """Against the left wall behind, hollow towards the hilum, dented by the tail of a near pancreas."""
    w, h = f["w"], f["h"]
    centre = (-(f["chest_a"] - 40.0), spine_y(f, 48.0) + 6.0, 46.0 * h + 6.0 * w[8])
    q = turned(turned(moved(canvas.p, centre), -0.5, (0, 1)), 0.22, (0, 2))
    size = (n["spleen_mL"] / 198.0) ** (1.0 / 3.0)
    body = ellipsoid(q, (0.0, 0.0, 0.0), (33.0 * size, 52.0 * size, 58.0 * size))
    hollow = ellipsoid(q, (42.0 * size, 8.0, 0.0), (24.0 * size, 40.0 * size, 50.0 * size))
    field = smooth_cut(body, -hollow, 8.0)
    field = field + 1.6 * sine(0.09 * q[1] + w[34]) * sine(0.08 * q[2] + w[35])
    canvas.organ("spleen", "spleen", field, (CAVITY,), n["spleen_mL"])


def pancreas(canvas: Canvas, n: Numbers, f: Numbers) -> None:
    """From the duodenum over the great vessels to the spleen, lobed."""
    w, h, p = f["w"], f["h"], f["pitch"]
    front = spine_y(f, -p) + 0.38 * n["vertebra_width_mm"]
    behind = 0.58 * f["chest_b"] - 20.0  # the stomach
    points = table(
        [
            (34.0 * h, front + 24.0 * h, -0.95 * p, 11.0),
            (32.0 * h, front + 32.0 * h, -0.35 * p, 14.0),
            (12.0 * h, jnp.minimum(front + 47.0 * h, behind), 0.05 * p, 8.5),
            (-14.0 * h, jnp.minimum(front + 48.0 * h, behind), 0.25 * p + 4.0 * w[11], 9.0),
            (-46.0 * h, front + 33.0 * h, 0.5 * p + 4.0 * w[11], 10.0),
            (-(f["chest_a"] - 76.0), front + 20.0, 38.0 * h + 5.0 * w[12], 9.0),
        ]
    )
    c = smooth(points, 3)
    x, y, z = canvas.p
    field = tubes(canvas.p, [(a[:3], b[:3], a[3], b[3]) for a, b in pairwise(c)])
    lobes = sine(0.55 * x + w[36]) * sine(0.5 * z + w[37]) + sine(0.5 * y + w[38]) * sine(0.45 * x)
    canvas.organ(
        "pancreas",
        "pancreas",
        field + 0.6 * lobes,
        (CAVITY, "perirenal-fat-left", "portal-vein", "coeliac-arteries"),
        n["pancreas_mL"],
    )
