"""What a voxel holds while organs are painted: two organs and the share of the second.

On a grid the three are packed into one number a voxel: compiled code then writes one array an organ, not three that
each draw the organ anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp

_QUANTA = 65535 * 2  # of a share in 16 bits; it is at most one half


class Painted(NamedTuple):
    """Organs of a grid; a pytree.

    Attributes:
        first: the organ that fills most of each voxel, index into the region's organs, uint8 [z, y, x].
        second: the one that fills the rest; as `first` where there is no rest.
        share: of the second, from 0 to 0.5, float32.
    """

    first: jax.Array
    second: jax.Array
    share: jax.Array


def packed(painted: Painted) -> jax.Array:
    """All three in one number, uint32."""
    parts = jnp.round(painted.share * _QUANTA).astype(jnp.int32).astype(jnp.uint32)
    return (painted.first.astype(jnp.uint32) << 24) | (painted.second.astype(jnp.uint32) << 16) | parts


def unpacked(ink: jax.Array) -> Painted:
    """What `packed` packed, its organs as uint32: numbers of one width throughout are what processors like."""
    share = (ink & 0xFFFF).astype(jnp.int32).astype(jnp.float32) * (1.0 / _QUANTA)
    return Painted(ink >> 24, (ink >> 16) & 0xFF, share)


def bytes_of(painted: Painted) -> Painted:
    """With organs as uint8; a second organ without a share is the first."""
    second = jnp.where(painted.share > 0, painted.second, painted.first)
    return Painted(painted.first.astype(jnp.uint8), second.astype(jnp.uint8), painted.share)


def among(painted: Painted, labels: Sequence[int]) -> tuple[jax.Array, jax.Array]:
    """1 where a voxel's first and second organ is one of these, else 0."""
    first, second = jnp.bool_(False), jnp.bool_(False)
    for low, high in _runs(labels):
        first, second = first | _within(painted.first, low, high), second | _within(painted.second, low, high)
    return first.astype(jnp.float32), second.astype(jnp.float32)


def over(now: Painted, index: jax.Array, cover: jax.Array, takes_first: jax.Array, takes_second: jax.Array) -> Painted:
    """Lay an organ over the first and the second one, as far as it may take each; the least of three goes.

    The second organ of a voxel that one fills is any.
    """
    rest = 1.0 - now.share
    a, b = rest * (1.0 - cover * takes_first), now.share * (1.0 - cover * takes_second)
    c = cover * (rest * takes_first + now.share * takes_second)
    is_a = now.first == index
    is_b = (now.second == index) & ~is_a
    a, b, c = jnp.where(is_a, a + c, a), jnp.where(is_b, b + c, b), jnp.where(is_a | is_b, 0.0, c)
    high, low = jnp.maximum(a, b), jnp.minimum(a, b)
    leader, follower = jnp.where(b > a, now.second, now.first), jnp.where(b > a, now.first, now.second)
    first = jnp.where(c > high, index, leader)
    second = jnp.where(c > high, leader, jnp.where(c > low, index, follower))
    top, next_ = jnp.maximum(high, c), jnp.where(c > high, high, jnp.maximum(low, c))
    share = next_ / (top + next_)
    return Painted(first, second, share)


def _runs(labels: Sequence[int]) -> list[tuple[int, int]]:
    """First and last of each run of successive labels: two comparisons for a run instead of one for each of many."""
    out: list[tuple[int, int]] = []
    for label in sorted(set(labels)):
        out = [*out[:-1], (out[-1][0], label)] if out and out[-1][1] == label - 1 else [*out, (label, label)]
    return out


def _within(label: jax.Array, low: int, high: int) -> jax.Array:
    return label == low if low == high else (label >= low) & (label <= high)
