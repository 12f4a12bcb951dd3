"""Random numbers for compiled loops: xoshiro128+, one small state per lane.

Blackman and Vigna, ACM Trans. Math. Softw. 47 (2021) 36, doi:10.1145/3460772. A draw is a dozen integer operations;
counter-based `jax.random` costs several times the rest of a flight. States come from a `jax.random` key.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp


def states(key: jax.Array, lanes: int) -> jax.Array:
    """Independent states, uint32 [4, lanes]; a state of zeros, which would stay zero, is excluded."""
    return jax.random.bits(key, (4, lanes), jnp.uint32) | jnp.array([[1], [0], [0], [0]], jnp.uint32)


def uniform(state: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Next state and numbers in (0, 1), float32 [lanes]: the 23 upper bits, in the middle of their steps."""
    a, b, c, d = state
    bits = a + d
    shifted = b << 9
    c, d = c ^ a, d ^ b
    b, a = b ^ c, a ^ d
    c = c ^ shifted
    d = (d << 11) | (d >> 21)
    return jnp.stack([a, b, c, d]), ((bits >> 9).astype(jnp.float32) + 0.5) * 2.0**-23


def uniforms(state: jax.Array, count: int) -> tuple[jax.Array, list[jax.Array]]:
    """Next state and `count` independent draws."""
    drawn = []
    for _ in range(count):
        state, number = uniform(state)
        drawn.append(number)
    return state, drawn
