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
CAUDATE = ((15.5, 25.0, 5.0), (17.5, 10.0, 17.0), (21.0, -16.0, 20.0), (26.0, -30.0, 12.0))  # head to tail
HIPPOCAMPUS = ((27.0, 0.0, -19.0), (29.0, -14.0, -16.0), (25.0, -31.0, -5.0))


def deep(canvas: Canvas, n: Numbers) -> None:
    """Paint what lies deep in the hemispheres."""
    p = (jnp.abs(canvas.p[0]), canvas.p[1], canvas.p[2])
    _nuclei(canvas, p, n)
    _ventricles(canvas, p, n)


def _nuclei(canvas: Canvas, p: Point, n: Numbers) -> None:
    tilted = turned(p, -0.22, (0, 1))
    fields = {
        "thalamus": lambda: ellipsoid(turned(p, 0.3, (0, 1)), (7.5, -15.0, 6.0), (8.0, 15.0, 9.0)),
        "caudate": lambda: chain(p, CAUDATE, (6.5, 4.5, 2.8, 1.5)),
        "putamen": lambda: ellipsoid(tilted, (25.0, 12.0, 3.0), (5.5, 16.0, 11.0)),
        "pallidum": lambda: ellipsoid(tilted, (18.5, 8.0, 1.0), (4.0, 9.0, 6.5)),
        "hippocampus": lambda: chain(p, HIPPOCAMPUS, (5.5, 4.5, 3.0)),
        "amygdala": lambda: ellipsoid(p, (23.0, 6.0, -19.0), (7.0, 7.0, 6.5)),
    }
    for name, field in fields.items():
        canvas.sized(pair(name), name, field, WHITE, n[f"{name}_mL"], Z_MM)


def _ventricles(canvas: Canvas, p: Point, n: Numbers) -> None:
    """Lateral, third and fourth ventricle; together they have their volume."""
    lateral, third, fourth = _lateral(p), _third(p), _fourth(p)
    room = [*BRAIN, "csf"]
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
    horn = chain(p, ((20.0, -34.0, 8.0), (35.0, -20.0, -8.0), (36.0, 2.0, -12.0)), (5.5, 3.4, 2.6))
    return union(body, 2.0 * horn)  # the horn is thin: it changes half as much with the volume


def _third(p: Point) -> jax.Array:
    return 1.5 * ellipsoid(p, (0.0, -6.0, 2.0), (2.4, 14.0, 11.0))


def _fourth(p: Point) -> jax.Array:
    return ellipsoid((p[0], p[1], p[2]), (0.0, -28.0, -31.0), (7.0, 4.5, 10.0))
