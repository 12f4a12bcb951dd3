"""Readings and their noise."""

from __future__ import annotations

import math
from functools import partial

import jax
import jax.numpy as jnp

FEW = 50.0  # photons; below, Poisson numbers are drawn, above, normal ones of the same mean and variance
MOST = 120  # photons: ten standard deviations above FEW


def measure(
    key: jax.Array, mean_keV: jax.Array, variance_keV2: jax.Array, electronic_keV: jax.Array | float
) -> jax.Array:
    """Draw readings: compound Poisson and electronic noise, exact in mean and variance.

    The sum of the energies of a Poisson number of photons is taken as (variance / mean) times a Poisson
    number of mean^2 / variance: its first two moments are the right ones at any number of photons.

    Args:
        key: random key (threefry).
        mean_keV, variance_keV2: of the absorbed energy [view, row, column].
        electronic_keV: SD of the electronic noise.
    Returns:
        float32 readings [keV]; electronic noise may make them negative.
    """
    # Drawn apart: fused into its users, the generator would be compiled (a second each) and run several times.
    return _measure(_uniform(key, (2, *mean_keV.shape)), mean_keV, variance_keV2, electronic_keV)


@partial(jax.jit, static_argnums=1)
def _uniform(key: jax.Array, shape: tuple[int, ...]) -> jax.Array:
    limit = 1 - float(jnp.finfo(jnp.float32).epsneg)
    return jax.random.uniform(key, shape, minval=-limit, maxval=limit)


@jax.jit
def _measure(
    uniform: jax.Array, mean_keV: jax.Array, variance_keV2: jax.Array, electronic_keV: jax.Array | float
) -> jax.Array:
    def view(data: tuple[jax.Array, ...]) -> jax.Array:
        uniform, electronic, mean, variance = data
        quantum = variance / jnp.maximum(mean, jnp.finfo(jnp.float32).tiny)
        photons = mean / jnp.maximum(quantum, jnp.finfo(jnp.float32).tiny)
        many = photons + jnp.sqrt(2 * photons) * jax.lax.erf_inv(uniform)
        few = photons < FEW
        drawn = jax.lax.cond(jnp.any(few), lambda: jnp.where(few, _poisson(uniform, photons), many), lambda: many)
        return drawn * quantum + electronic_keV * math.sqrt(2) * jax.lax.erf_inv(electronic)

    # View by view, so that only views with few photons pay for drawing them one by one.
    return jax.lax.map(view, (uniform[0], uniform[1], mean_keV, variance_keV2))


def _poisson(uniform: jax.Array, mean: jax.Array) -> jax.Array:
    """Poisson numbers of mean 0 to FEW by inverting their distribution at a number between -1 and 1."""
    mean = jnp.minimum(mean, FEW)
    uniform = 0.5 + 0.5 * uniform

    def step(k: jax.Array, state: tuple[jax.Array, jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array, jax.Array]:
        number, chance, below = state
        chance = chance * mean / (k + 1)
        return number + (uniform >= below), chance, below + chance

    chance = jnp.exp(-mean)
    return jax.lax.fori_loop(0, MOST, step, (jnp.zeros_like(mean), chance, chance))[0]
