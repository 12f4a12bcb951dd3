"""A breathing body: a few states from exhale to inhale, each a warp of the basis volumes.

The field. At inhale (amplitude 1) the content of the body goes down (-z) by `depth_mm` and forward (+y) by `swell_mm`,
times f(z) g(y): f = cos^2 of the distance from the diaphragm, 0 from `reach_mm` on; g = a smooth step from the
spine (a quarter of the body's depth from its back) to its front. It is the same at all x. Amplitudes scale it; the body
takes the same way in and out.

The warp. What is at x in a state came from x - v(x), v the inverse of the field by fixed-point iteration, and volumes
are interpolated linearly there: a mixture of tissues stays a mixture in the same shares (volume fractions are carried
along). Soft tissue and bone keep their density: they do not compress, and where the field would press them
together, some leave the picture. Lung takes up air instead: its density follows the change of volume, and its mass is
kept.

A view belongs to the state nearest in amplitude: every state is a body that can exist, where a mixture of two states
would be a double image. The error of the position is at most depth / (2 (states - 1)).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from phantomsim.phantom import mix
from phantomsim.scanners.breathing_field import Body, body, carried, field
from phantomsim.scanners.ct.motion import amplitude
from phantomsim.scanners.ct.spec import Breathing
from phantomsim.scanners.ct.volume import Part

__all__ = ["Body", "States", "body", "field", "lung_share", "margin_rows", "states", "warped"]

LUNG = "lung"  # tissues with this in their name fill with air


class States(NamedTuple):
    """States of the body in a scan.

    Attributes:
        amplitudes: of the states, rising from 0 [state].
        view: state of each view [view].
    """

    amplitudes: np.ndarray
    view: np.ndarray


def states(motion: Breathing, times_s: np.typing.ArrayLike) -> States:
    """States that occur in a scan, even steps of amplitude, and which one each view sees."""
    steps = max(motion.phases - 1, 1)
    nearest = np.rint(amplitude(motion, times_s) * (steps if motion.phases > 1 else 0)).astype(int)
    used, view = np.unique(nearest, return_inverse=True)
    return States(used / steps, view)


def lung_share(part: Part, tissues: Sequence[str]) -> jax.Array:
    """Volume fraction of tissues that fill with air in a slab of a phantom, float32 [z, y, x]."""
    return mix(part.label, part.overlays, jnp.array([float(LUNG in name) for name in tissues]))


def margin_rows(motion: Breathing, row_mm: float) -> int:
    """Rows beyond those that the beam reaches which may move into it."""
    return int(np.ceil(motion.depth_mm / row_mm)) + 1


def warped(
    volumes: jax.Array | np.ndarray,
    lung: jax.Array | np.ndarray | float,
    place: Body,
    motion: Breathing,
    amplitude: float,
) -> jax.Array:
    """Basis volumes of one state.

    Args:
        volumes: at exhale, in excess of air [K, z, y, x].
        lung: see `lung_share`, of the same rows [z, y, x], or a scalar.
        place: see `body`.
        amplitude: 0 exhale to 1 inhale; at 0 the volumes come back as they are.
    Returns:
        float32 [K, z, y, x]; beyond the ends of the volumes their last rows and lines go on.
    """
    if amplitude == 0 or not (motion.depth_mm or motion.swell_mm):
        return volumes  # type: ignore[return-value]
    numbers = [-motion.depth_mm * amplitude, motion.swell_mm * amplitude, motion.reach_mm, place.depth_mm]
    axes = [jnp.asarray(a, jnp.float32) for a in (place.z_mm, place.y_mm)]
    return carried(jnp.asarray(volumes), jnp.asarray(lung, jnp.float32), *axes, jnp.asarray(numbers, jnp.float32))
