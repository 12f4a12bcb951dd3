"""Phases in turns, kept exact in float32, and the phasors that belong to them.

A spin far from the isocentre turns hundreds of times under a spoiler, and float32 would lose 1e-4 rad there. So
positions and moments are split into coarse parts whose products are exact in float32 (multiples of 2^-9 turns, up to
2^15 turns), and rests whose products are small. What is left is wrapped before anything is lost.
"""

from __future__ import annotations

from typing import TypeVar

import jax
import jax.numpy as jnp
import numpy as np

Values = TypeVar("Values")
# Steps of the coarse parts of x, y, z [mm] and f [Hz], and of their moments k [1/mm] and t [s].
COORDINATE_STEP = np.array([2.0**-4, 2.0**-4, 2.0**-4, 2.0**-2], np.float32)
MOMENT_STEP = np.array([2.0**-5, 2.0**-5, 2.0**-5, 2.0**-7])
# Taylor's series of sin(pi w) and cos(pi w) about 0; the next terms are below 6e-8 for |w| <= 1/2.
_SINE = (np.pi, -(np.pi**3) / 6, np.pi**5 / 120, -(np.pi**7) / 5040, np.pi**9 / 362880, -(np.pi**11) / 39916800)
_COSINE = (1.0, -(np.pi**2) / 2, np.pi**4 / 24, -(np.pi**6) / 720, np.pi**8 / 40320, -(np.pi**10) / 3628800,
           np.pi**12 / 479001600)  # fmt: skip


def split_moments(moments: np.ndarray) -> np.ndarray:
    """Coarse parts and rests of moments (kx, ky, kz [1/mm], t [s]), float64 [..., 4] to float32 [..., 8]."""
    coarse = np.round(moments / MOMENT_STEP) * MOMENT_STEP
    return np.concatenate([coarse, moments - coarse], -1).astype(np.float32)


def split_coordinates(coordinates: jax.Array) -> jax.Array:
    """Coarse parts, rests and wholes of (x, y, z [mm], f [Hz]), float32 [4, N] to [12, N]."""
    step = jnp.asarray(COORDINATE_STEP)[:, None]
    coarse = jnp.round(coordinates / step) * step
    return jnp.concatenate([coarse, coordinates - coarse, coordinates])


def turns(moments: jax.Array, coordinates: jax.Array, axes: tuple[int, ...] = (0, 1, 2, 3)) -> jax.Array:
    """k . r + f t, wrapped to [-1/2, 1/2].

    Args:
        moments: split, float32 [..., 8].
        coordinates: split, float32 [12, N].
        axes: of x, y, z and f, those along which the moments are not zero (static).
    Returns:
        float32 [..., N].
    """
    m = moments[..., None]
    exact, rest = jnp.zeros(()), jnp.zeros(())
    for a in axes:
        exact = exact + m[..., a, :] * coordinates[a]
        rest = rest + m[..., a, :] * coordinates[4 + a] + m[..., 4 + a, :] * coordinates[8 + a]
    return wrap(wrap(exact) + rest)


def once(values: Values, one: jax.Array) -> Values:
    """The same, computed once: else the compiler would compute them again for each result that needs them.

    It keeps only what it takes for dear, such as a division, of which it cannot know that it is by 1.

    Args:
        one: 1, as an argument of what is compiled.
    """
    return jax.tree.map(lambda v: v / one, values)


def wrap(w: jax.Array) -> jax.Array:
    """To within half a turn of zero."""
    return w - jnp.round(w)


def cis(w: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Cosine and sine of w turns, |w| <= 1/2, within 3e-7: series of half the angle, then doubled."""
    square = w * w
    sine, cosine = w * _series(_SINE, square), _series(_COSINE, square)
    return 1 - 2 * sine * sine, 2 * sine * cosine


def half_turn(square: jax.Array) -> tuple[jax.Array, jax.Array]:
    """cos(pi t) and sin(pi t) / t of the square of t turns, t <= 1: those of half of it, then doubled; no root."""
    quarter = square / 4
    sine, cosine = _series(_SINE, quarter), _series(_COSINE, quarter)
    return 1 - 2 * quarter * sine * sine, sine * cosine


def _series(coefficients: tuple[float, ...], x: jax.Array) -> jax.Array:
    total = jnp.full_like(x, coefficients[-1])
    for c in coefficients[-2::-1]:
        total = total * x + c
    return total
