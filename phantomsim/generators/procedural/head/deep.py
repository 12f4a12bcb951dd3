"""Inside the brain: nuclei, hippocampus and amygdala, ventricles."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from phantomsim.generators.procedural.canvas import Canvas, Numbers
from phantomsim.generators.procedural.head.brain import BRAIN
from phantomsim.generators.procedural.head.organs import pair
from phantomsim.generators.procedural.shapes import Point, chain, ellipsoid, turned, union

WHITE = ["cerebral-white-matter", "cerebral-cortex", "brain-stem"]
Z_MM = (-40.0, 45.0)


def deep(canvas: Canvas, n: Numbers, case: jax.Array) -> None:
    """Paint what lies deep in the hemispheres."""
    p = (jnp.abs(canvas.p[0]), canvas.p[1], canvas.p[2])
    _nuclei(canvas, p)
    _ventricles(canvas, p, n)


def _nuclei(canvas: Canvas, p: Point) -> None:
    tilted = turned(p, -0.22, (0, 1))
    for name, field in (
        ("thalamus", lambda: ellipsoid(turned(p, 0.3, (0, 1)), (7.5, -15.0, 6.0), (8.0, 15.0, 9.0))),
        (
            "caudate",
            lambda: chain(
                p, ((12.5, 26, 6), (15.0, 10.0, 18.0), (19.0, -16.0, 21.0), (25, -30, 12)), (6.5, 4.5, 2.8, 1.5)
            ),
        ),
        ("putamen", lambda: ellipsoid(tilted, (25.0, 12.0, 3.0), (5.5, 16.0, 11.0))),
        ("pallidum", lambda: ellipsoid(tilted, (18.5, 8.0, 1.0), (4.0, 9.0, 6.5))),
        ("hippocampus", lambda: chain(p, ((27.0, 0, -19), (29.0, -14.0, -16.0), (25.0, -31.0, -5.0)), (5.5, 4.5, 3.0))),
        ("amygdala", lambda: ellipsoid(p, (23.0, 6.0, -19.0), (7.0, 7.0, 6.5))),
    ):
        canvas.put(pair(name), field, on=WHITE, z_mm=Z_MM)


def _ventricles(canvas: Canvas, p: Point, n: Numbers) -> None:
    """Lateral, third and fourth ventricle; together they have their volume."""
    lateral, third, fourth = _lateral(p), _third(p), _fourth(p)
    room = [*BRAIN, *pair("thalamus"), *pair("caudate"), *pair("hippocampus"), *pair("amygdala"), "csf"]
    free = canvas.of(*room) if canvas.solve else lateral
    level = canvas.level("ventricles", union(lateral, union(third, fourth)), free, n["ventricles_mL"])
    canvas.put(pair("lateral-ventricle"), lateral - level, on=room)
    canvas.put("third-ventricle", third - level, on=room)
    canvas.put("fourth-ventricle", fourth - level, on=room)


def _lateral(p: Point) -> jax.Array:
    body = chain(
        (p[0], p[1], 0.8 * p[2]),
        ((9.0, 34.0, 2.0), (9.0, 18.0, 11.0), (10.0, -10.0, 14.5), (19.0, -33.0, 8.0), (24.0, -54.0, 3.0)),
        (4.5, 5.0, 4.5, 6.0, 2.0),
    )
    horn = chain(p, ((20.0, -34.0, 8.0), (32.0, -20.0, -10.0), (32.0, 0.0, -15.0)), (5.0, 2.2, 1.2))
    return union(body, horn)


def _third(p: Point) -> jax.Array:
    return ellipsoid(p, (0.0, -6.0, 2.0), (2.4, 14.0, 11.0))


def _fourth(p: Point) -> jax.Array:
    return ellipsoid((p[0], p[1], p[2]), (0.0, -28.0, -31.0), (7.0, 4.5, 10.0))
