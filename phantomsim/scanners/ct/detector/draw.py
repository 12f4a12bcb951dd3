"""Random numbers of Poisson and normal distributions, drawn from uniform ones."""

from __future__ import annotations

import math
from functools import partial

import jax
import jax.numpy as jnp

FEW = 50.0  # photons; below, Poisson numbers are drawn, above, normal ones of the same mean and variance
MOST = 120  # photons: ten standard deviations above FEW
_State = tuple[jax.Array, jax.Array, jax.Array, jax.Array]


@partial(jax.jit, static_argnums=1)
def uniform(key: jax.Array, shape: tuple[int, ...]) -> jax.Array:
    """Numbers between -1 and 1, both left out.

    Call this outside of the function that uses them: fused into its users, the generator would be compiled (a second
    each) and run several times.
    """
    limit = 1 - float(jnp.finfo(jnp.float32).epsneg)
    return jax.random.uniform(key, shape, minval=-limit, maxval=limit)


def normal(uniform: jax.Array) -> jax.Array:
    """Standard normal numbers from numbers between -1 and 1."""
    return math.sqrt(2) * jax.lax.erf_inv(uniform)


def normals(key: jax.Array, shape: tuple[int, ...]) -> jax.Array:
    """Standard normal numbers, made outside of the function that uses them: see `uniform`."""
    return _normals(uniform(key, shape))


_normals = jax.jit(normal, donate_argnums=0)


def poisson(uniform: jax.Array, mean: jax.Array) -> jax.Array:
    """Poisson numbers of mean 0 to FEW by inverting their distribution at a number between -1 and 1."""
    mean = jnp.minimum(mean, FEW)
    uniform = 0.5 + 0.5 * uniform

    def more(state: _State) -> jax.Array:
        k, _, _, below = state
        return (k < MOST) & jnp.any(uniform >= below)

    def step(state: _State) -> _State:
        k, number, chance, below = state
        chance = chance * mean / (k + 1)
        return k + 1, number + (uniform >= below), chance, below + chance

    chance = jnp.exp(-mean)
    return jax.lax.while_loop(more, step, (jnp.int32(0), jnp.zeros_like(mean), chance, chance))[1]


def counts(uniform: jax.Array, mean: jax.Array) -> jax.Array:
    """Poisson numbers of any mean; normal ones above FEW."""
    few = mean < FEW
    many = mean + jnp.sqrt(jnp.maximum(mean, 0)) * normal(uniform)
    return jnp.where(few, poisson(uniform, jnp.where(few, mean, 0.0)), many)
