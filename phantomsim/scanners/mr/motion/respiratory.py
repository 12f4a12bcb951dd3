"""A breathing patient: a few states from exhale to inhale, each a warp of volumes; a shot belongs to the nearest state.

The field of displacements is that of `scanners.breathing_field`. The error of the position is at most
depth / (2 (states - 1)). Magnetisation is carried along; that of lung thins as it takes up air.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from phantomsim.scanners.breathing_field import Body, carried
from phantomsim.scanners.mr.spec.motion import Breathing


class States(NamedTuple):
    """States of the body in a scan.

    Attributes:
        amplitudes: of the states, rising from 0 exhale to 1 inhale [state].
        state: of each shot, int32 [shot].
    """

    amplitudes: np.ndarray
    state: np.ndarray


class Truth(NamedTuple):
    """Where the body truly is at each shot, before states are rounded.

    Attributes:
        time_s: [shot].
        amplitude: 0 exhale to 1 inhale [shot].
        front_mm: way of the body's front at the diaphragm, (x, y, z) [shot, 3].
    """

    time_s: np.ndarray
    amplitude: np.ndarray
    front_mm: np.ndarray


def amplitude(motion: Breathing, times_s: np.typing.ArrayLike) -> np.ndarray:
    """0 exhale to 1 inhale at times [shot]: sin^4 (pi (t / period + phase)).

    That is the cos^4 of Lujan et al. (Med. Phys. 26 (1999) 715, doi:10.1118/1.598577) from inhale on.
    """
    return np.sin(np.pi * (np.asarray(times_s, float) / motion.period_s + motion.phase)) ** 4


def truth(motion: Breathing, times_s: np.typing.ArrayLike) -> Truth:
    """Amplitude and displacement at the times of shots [shot]."""
    share = amplitude(motion, times_s)
    return Truth(np.asarray(times_s, float), share, share[:, None] * [0.0, motion.swell_mm, -motion.depth_mm])


def states(motion: Breathing, times_s: np.typing.ArrayLike) -> States:
    """States that occur in a scan, even steps of amplitude, and which one each shot sees."""
    steps = motion.phases - 1
    used, state = np.unique(np.rint(amplitude(motion, times_s) * steps).astype(int), return_inverse=True)
    return States(used / steps, state.astype(np.int32))


def warped(
    volumes: jax.Array, place: Body, motion: Breathing, amplitude: float, lung: jax.Array | float = 0.0
) -> jax.Array:
    """Volumes of one state.

    Args:
        volumes: at exhale, float32 or complex64 [K, z, y, x]; off-resonance and the like go with `lung` 0.
        place: `breathing_field.body` of the motion and the phantom.
        amplitude: 0 exhale to 1 inhale; at 0 the volumes come back as they are.
        lung: volume fraction of lung, whose values thin as it swells [z, y, x].
    Returns:
        As `volumes`; beyond their ends their last rows and lines go on.
    """
    if amplitude == 0 or not (motion.depth_mm or motion.swell_mm):
        return volumes
    ways = [-motion.depth_mm * amplitude, motion.swell_mm * amplitude, motion.reach_mm, place.depth_mm]
    axes = [jnp.asarray(a, jnp.float32) for a in (place.z_mm, place.y_mm)]
    parts = jnp.concatenate([volumes.real, volumes.imag]) if jnp.iscomplexobj(volumes) else jnp.asarray(volumes)
    found = carried(parts, jnp.asarray(lung, jnp.float32), *axes, jnp.asarray(ways, jnp.float32))
    if not jnp.iscomplexobj(volumes):
        return found
    real, imaginary = jnp.split(found, 2)
    return jax.lax.complex(real, imaginary)
