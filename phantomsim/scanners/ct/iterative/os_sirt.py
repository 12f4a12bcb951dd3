"""OS-SIRT: simultaneous iterative reconstruction in ordered subsets.

Gilbert, J. Theor. Biol. 36 (1972) 105, doi:10.1016/0022-5193(72)90180-4 (SIRT), normalised by row and column sums as in
SART, subset by subset (Wang and Jiang, J. X-Ray Sci. Technol. 12 (2004) 169). One subset gives SIRT, one
view per subset gives SART. Converges to the least squares of residuals divided by the length of the ray in the image.
"""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp

from phantomsim.scanners.ct.iterative.system import Operator, System

TINY = 1e-6  # mm; rays and voxels that meet less of one another do not count


@partial(jax.jit, static_argnames=("iterations", "nonnegative"))
def os_sirt(
    data: jax.Array,
    weights: jax.Array | None,
    system: System,
    start: jax.Array,
    iterations: int = 10,
    relaxation: jax.Array | float = 1.0,
    nonnegative: bool = False,
) -> jax.Array:
    """Run so many passes over all subsets.

    Args:
        data: line integrals [K, view, row, column] [mm].
        weights: relative trust in each, same shape or None for all alike.
        system: operators of the subsets.
        start: first image [K, z, y, x].
        iterations: passes.
        relaxation: share of each correction that is made, above 0 and below 2.
        nonnegative: whether values below zero are raised to it after each correction.
    Returns:
        Image [K, z, y, x] [1].
    """
    lengths = system.forward(jnp.ones_like(start[:1]))
    trust = system.arrange_weights(weights) * (lengths > TINY)
    arranged = system.arrange(data)

    def correct(
        image: jax.Array, operator: Operator, data: jax.Array, trust: jax.Array, length: jax.Array
    ) -> jax.Array:
        residual = trust * (data - operator.forward(image)) / jnp.maximum(length, TINY)
        # Both adjoints in one pass: another volume beside the first costs a fraction.
        trust = jnp.broadcast_to(trust, (len(trust), *residual.shape[1:]))
        both = operator.adjoint(jnp.concatenate([residual, trust]))
        change, columns = both[: len(residual)], both[len(residual) :]
        image = image + relaxation * system.field * jnp.where(columns > TINY, change / jnp.maximum(columns, TINY), 0)
        return jnp.maximum(image, 0) if nonnegative else image

    def sweep(image: jax.Array, _: None) -> tuple[jax.Array, None]:
        return system.fold(correct, image, arranged, trust, lengths), None

    return jax.lax.scan(sweep, start * system.field, None, iterations)[0]
