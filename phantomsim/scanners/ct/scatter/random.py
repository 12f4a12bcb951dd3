"""Random numbers for compiled loops: xoshiro128+, one small state per lane.

Blackman and Vigna, ACM Trans. Math. Softw. 47 (2021) 36, doi:10.1145/3460772. A draw is a dozen integer operations;
counter-based `jax.random` costs several times the rest of a flight. States come from a `jax.random` key.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

State = tuple[jax.Array, jax.Array, jax.Array, jax.Array]  # apart, so that compiled loops never have to slice them


def states(key: jax.Array, lanes: int) -> State:
    """Independent states, four times uint32 [lanes]; zeros throughout, which would stay zero, are excluded."""
    a, b, c, d = jax.random.bits(key, (4, lanes), jnp.uint32)
    return a | jnp.uint32(1), b, c, d


def uniform(state: State) -> tuple[State, jax.Array]:
    """Next state and numbers in (0, 1), float32 [lanes]: the 23 upper bits, in the middle of their steps."""
    a, b, c, d = state
    bits = a + d
    shifted = b << 9
    c, d = c ^ a, d ^ b
    b, a = b ^ c, a ^ d
    c = c ^ shifted
    d = (d << 11) | (d >> 21)
    return (a, b, c, d), ((bits >> 9).astype(jnp.float32) + 0.5) * 2.0**-23


def uniforms(state: State, count: int) -> tuple[State, list[jax.Array]]:
    """Next state and `count` independent draws."""
    drawn = []
    for _ in range(count):
        state, number = uniform(state)
        drawn.append(number)
    return state, drawn
