"""A head: scalp, skull with diploe, folded brain in its fluid, ventricles, orbits, airways, face and neck.

x to the patient's right, y to the front, z up [mm]; the origin is the middle of the brain case. Brain case, brain and
ventricles get the volumes of the covariates, whose sources are in the generator's file; positions and proportions are
read from cross-sectional anatomy (Standring, Gray's Anatomy, 41st ed., chapters 22-40) and unverified beyond that.
"""

from __future__ import annotations

from collections.abc import Callable

import jax.numpy as jnp

from phantomsim.generators.procedural.canvas import Canvas, Numbers
from phantomsim.generators.procedural.head.brain import brain
from phantomsim.generators.procedural.head.case import brain_case
from phantomsim.generators.procedural.head.deep import deep
from phantomsim.generators.procedural.head.face import face
from phantomsim.generators.procedural.head.neck import neck
from phantomsim.generators.procedural.head.orbits import orbits
from phantomsim.generators.procedural.head.organs import ORGANS
from phantomsim.generators.procedural.head.outside import outside
from phantomsim.generators.procedural.head.skull import skull
from phantomsim.generators.procedural.region import Region

USUAL_ML = 1380.0  # volume of the brain case as drawn [mL]


def draw(canvas: Canvas, n: Numbers) -> None:
    """Paint the patient with covariates and standard normal numbers `wobble`."""
    canvas.scale(jnp.cbrt(n["icv_mL"] / USUAL_ML))  # a head is as large as its brain case
    case = brain_case(canvas, n)
    outside(canvas, n, case)
    parts: dict[str, Callable[[], None]] = {
        "neck": lambda: neck(canvas, n),
        "skull": lambda: skull(canvas, n, case),
        "face": lambda: face(canvas, n),
        "orbits": lambda: orbits(canvas, n),
        "brain": lambda: brain(canvas, n, case),
        "deep": lambda: deep(canvas, n),
    }
    for name, part in parts.items():
        canvas.within(name, part)


REGION = Region(ORGANS, draw, (80, 78, 60), 3.0, (0.0, 8.0, -24.0), wobbles=96)
