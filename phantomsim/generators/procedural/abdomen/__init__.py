"""An abdomen: from the dome of the diaphragm to the hips."""

from __future__ import annotations

import jax

from phantomsim.generators.procedural.abdomen import (
    bladder,
    branches,
    frame,
    glands,
    gut,
    kidneys,
    liver,
    pelvis,
    ribs,
    spine,
    thorax,
    vessels,
    wall,
)
from phantomsim.generators.procedural.abdomen.organs import ORGANS
from phantomsim.generators.procedural.canvas import Canvas, Numbers
from phantomsim.generators.procedural.region import Region


def draw(canvas: Canvas, n: Numbers) -> None:
    """Paint a patient, from the skin inwards."""
    f = frame.frame(n)
    t = wall.wall(canvas, n, f)
    spine.spine(canvas, n, f, t)
    wall.psoas(canvas, n, f)
    ribs.ribs(canvas, f, t)
    pelvis.pelvis(canvas, n, f)
    thorax.thorax(canvas, f, t)
    vessels.vessels(canvas, n, f)
    kidneys.kidneys(canvas, n, f)
    kidneys.adrenals(canvas, n, f)
    vessels.branches(canvas, n)
    glands.spleen(canvas, n, f)
    glands.pancreas(canvas, n, f)
    gut.stomach(canvas, n, f)
    gut.colon(canvas, n, f)
    bladder.bladder(canvas, n, f)
    liver.liver(canvas, n, f)
    gut.small_bowel(canvas, n, f)


def grow(n: Numbers, key: jax.Array) -> Numbers:
    """Vessels and bowel as curves."""
    f = frame.frame(n)
    trees, loops = jax.random.split(key)
    return {**branches.grow(n, f), **liver.grow(n, f, trees), **gut.grow(n, f, loops)}


WHOLES = (
    ("liver", "hepatic-veins", "portal-branches"),
    ("spleen",),
    ("pancreas",),
    ("stomach-wall", "stomach-content", "stomach-gas"),
)
REGION = Region(ORGANS, draw, (51, 64, 84), 5.0, (0.0, 0.0, 2.5), grow, wholes=WHOLES, lowest_mm=-305.0)
