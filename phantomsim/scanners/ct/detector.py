"""Readings and their noise."""

from __future__ import annotations

import jax
import jax.numpy as jnp

FEW = 50.0  # photons; below, Poisson numbers are drawn, above, normal ones of the same mean and variance
MOST = 120  # photons: ten standard deviations above FEW


@jax.jit
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
    normal_key, poisson_key, electronic_key = jax.random.split(key, 3)
    quantum = variance_keV2 / jnp.maximum(mean_keV, jnp.finfo(jnp.float32).tiny)
    photons = mean_keV / jnp.maximum(quantum, jnp.finfo(jnp.float32).tiny)
    few = photons < FEW

    normal = photons + jnp.sqrt(photons) * jax.random.normal(normal_key, photons.shape)
    drawn = jax.lax.cond(jnp.any(few), lambda: jnp.where(few, _poisson(poisson_key, photons), normal), lambda: normal)
    return drawn * quantum + electronic_keV * jax.random.normal(electronic_key, photons.shape)


def _poisson(key: jax.Array, mean: jax.Array) -> jax.Array:
    """Poisson numbers of mean 0 to FEW by inverting the distribution (jax.random.poisson takes 4 s to compile)."""
    mean = jnp.minimum(mean, FEW)
    uniform = jax.random.uniform(key, mean.shape)

    def step(k: jax.Array, state: tuple[jax.Array, jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array, jax.Array]:
        number, chance, below = state
        chance = chance * mean / (k + 1)
        return number + (uniform >= below), chance, below + chance

    chance = jnp.exp(-mean)
    return jax.lax.fori_loop(0, MOST, step, (jnp.zeros_like(mean), chance, chance))[0]
