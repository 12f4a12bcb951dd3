"""From readings to line integrals: air calibration, low signals, logarithm; `water` takes it from there."""

from __future__ import annotations

import jax
import jax.numpy as jnp


@jax.jit
def line_integrals(counts: jax.Array, air: jax.Array, floor: jax.Array | float) -> jax.Array:
    """Minus the logarithm of readings over those in air.

    Low signals: a reading below `floor` is raised to it. That bounds streaks and keeps the logarithm finite,
    at the price of a bias towards less attenuation behind the most opaque paths.

    Args:
        counts: readings [view, row, column].
        air: readings in air, broadcast against them.
        floor: least reading taken at its word, in the unit of `counts`.
    """
    return -jnp.log(jnp.maximum(counts, floor) / air)
