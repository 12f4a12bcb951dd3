"""CGLS: conjugate gradients on the normal equations, for weighted least squares.

Hestenes and Stiefel, J. Res. Natl. Bur. Stand. 49 (1952) 409, doi:10.6028/jres.049.044, section 10; in the form of
Bjorck, Numerical Methods for Least Squares Problems (SIAM 1996), algorithm 7.4.1. In exact arithmetic its iterates are
those of LSQR (Paige and Saunders, ACM Trans. Math. Softw. 8 (1982) 43, doi:10.1145/355984.355989).
Low frequencies converge first, so that stopping early smooths; many iterations bring out the noise.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp

from phantomsim.scanners.ct.iterative.system import System


class _State(NamedTuple):
    image: jax.Array
    residual: jax.Array
    direction: jax.Array
    gradient2: jax.Array


@partial(jax.jit, static_argnames=("iterations",))
def cgls(
    data: jax.Array, weights: jax.Array | None, system: System, start: jax.Array, iterations: int = 20
) -> jax.Array:
    """Minimise sum w (A x - p)^2 / 2 by so many steps.

    Args:
        data: line integrals p [K, view, row, column] [mm].
        weights: w, same shape or None for all alike.
        system: A.
        start: first image [K, z, y, x].
        iterations: steps.
    Returns:
        Image [K, z, y, x] [1].
    """
    trust = system.arrange_weights(weights)
    start = start * system.field
    residual = system.arrange(data) - system.forward(start)
    direction = system.adjoint(trust * residual)

    def step(state: _State, _: None) -> tuple[_State, None]:
        along = system.forward(state.direction)
        length = _ratio(state.gradient2, _sum_rays(trust * along**2))
        image = state.image + _volume(length) * state.direction
        residual = state.residual - _volume(length) * along
        gradient = system.adjoint(trust * residual)
        gradient2 = _sum_voxels(gradient**2)
        direction = gradient + _volume(_ratio(gradient2, state.gradient2)) * state.direction
        return _State(image, residual, direction, gradient2), None

    first = _State(start, residual, direction, _sum_voxels(direction**2))
    return jax.lax.scan(step, first, None, iterations)[0].image


def _ratio(above: jax.Array, below: jax.Array) -> jax.Array:
    """above / below, 0 where below is 0: at the solution nothing moves any more."""
    return jnp.where(below > 0, above / jnp.where(below > 0, below, 1), 0)


def _sum_rays(arranged: jax.Array) -> jax.Array:
    return arranged.sum((0, 2, 3, 4))


def _sum_voxels(image: jax.Array) -> jax.Array:
    return image.sum((1, 2, 3))


def _volume(number: jax.Array) -> jax.Array:
    return number[:, None, None, None]
