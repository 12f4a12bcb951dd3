"""Conjugate gradients for Hermitian positive systems (Hestenes and Stiefel 1952, doi:10.6028/jres.049.044)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp

Array = jax.Array


def conjugate_gradient(operator: Callable[[Array], Array], right: Array, iterations: int) -> tuple[Array, Array]:
    """Solve operator(x) = right from x = 0 in a fixed number of steps, which can be differentiated.

    Args:
        operator: Hermitian and not negative.
        right: complex64, any shape.
        iterations: steps (static).
    Returns:
        x; and the residual's norm over that of `right` after each step, float32 [iteration].
    """
    start = (jnp.zeros_like(right), right, right, _energy(right))
    (x, *_), left = jax.lax.scan(partial(_step, operator, _energy(right)), start, length=iterations)
    return x, left


def _step(operator, whole, state, _):  # type: ignore[no-untyped-def]
    x, residual, direction, energy = state
    ahead = operator(direction)
    curvature = jnp.sum(jnp.real(jnp.conj(direction) * ahead))
    # Once nothing is left, steps stand still rather than divide by zero.
    moving = (curvature > 0) & (energy > 1e-14 * whole)
    step = jnp.where(moving, energy / jnp.where(moving, curvature, 1), 0)
    x, residual = x + step * direction, residual - step * ahead
    now = _energy(residual)
    turn = jnp.where(moving, now / jnp.where(moving, energy, 1), 0)
    share = jnp.sqrt(jnp.where(whole > 0, now / jnp.where(whole > 0, whole, 1), 0))
    return (x, residual, residual + turn * direction, now), share


def _energy(z: Array) -> Array:
    return jnp.sum(jnp.square(z.real) + jnp.square(z.imag))
