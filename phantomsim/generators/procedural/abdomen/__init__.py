"""An abdomen: from the dome of the diaphragm to the hips."""

from __future__ import annotations

from collections.abc import Callable

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
    parts: dict[str, Callable[[], None]] = {
        "spine": lambda: spine.spine(canvas, n, f, t),
        "psoas": lambda: wall.psoas(canvas, n, f),
        "ribs": lambda: ribs.ribs(canvas, f, t),
        "pelvis": lambda: pelvis.pelvis(canvas, n, f),
        "thorax": lambda: thorax.thorax(canvas, f, t),
        "great vessels": lambda: vessels.vessels(canvas, n, f),
        "kidneys": lambda: kidneys.kidneys(canvas, n, f),
        "adrenals": lambda: kidneys.adrenals(canvas, n, f),
        "branches": lambda: vessels.branches(canvas, n),
        "pancreas": lambda: glands.pancreas(canvas, n, f),
        "spleen": lambda: glands.spleen(canvas, n, f),
        "stomach": lambda: gut.stomach(canvas, n, f),
        "colon": lambda: gut.colon(canvas, n, f),
        "bladder": lambda: bladder.bladder(canvas, n, f),
        "liver": lambda: liver.liver(canvas, n, f),
        "small bowel": lambda: gut.small_bowel(canvas, n, f),
    }
    for name, part in parts.items():
        canvas.within(name, part)


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
