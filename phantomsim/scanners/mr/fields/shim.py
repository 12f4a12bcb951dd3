"""Shim: solid harmonics up to second order, fitted to the field where there is signal and taken off.

The harmonics are those that shim coils make (Romeo and Hoult 1984, doi:10.1002/mrm.1910010107).
"""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp

COUNT = {0: 1, 1: 4, 2: 9}  # harmonics up to an order
RIDGE = 1e-5  # over the mean of the normal matrix's diagonal
ROUNDS = 3  # the later ones fit what ridge and float32 left of the first


def harmonics(z_mm: jax.Array, y_mm: jax.Array, x_mm: jax.Array, order: int) -> jax.Array:
    """Real solid harmonics 1, z, y, x, z^2 - (x^2 + y^2)/2, zx, zy, x^2 - y^2, xy, [K, z, y, x] in mm^order.

    Args:
        z_mm, y_mm, x_mm: coordinates along each axis [z], [y], [x].
        order: 0, 1 or 2 (static).
    """
    z, y, x = z_mm[:, None, None], y_mm[None, :, None], x_mm[None, None, :]
    one = jnp.ones(jnp.broadcast_shapes(z.shape, y.shape, x.shape), jnp.float32)
    found = [one, z * one, y * one, x * one]
    if order == 2:
        found += [z**2 - (x**2 + y**2) / 2, z * x * one, z * y * one, (x**2 - y**2) * one, x * y * one]
    return jnp.stack(found[: COUNT[order]])


@partial(jax.jit, static_argnames=("order",))
def shimmed(field: jax.Array, weights: jax.Array, axes_mm: tuple[jax.Array, ...], order: int) -> jax.Array:
    """A field less its harmonics, fitted by weighted least squares.

    Args:
        field: [z, y, x], any unit.
        weights: how much each voxel counts, at least 0 [z, y, x].
        axes_mm: coordinates of voxels along z, y, x, from the isocentre.
        order: 0, 1 or 2 (static).
    Returns:
        float32 [z, y, x]; the field as it is where all weights are zero.
    """
    size = jnp.maximum(jnp.max(jnp.stack([jnp.max(jnp.abs(a)) for a in axes_mm])), 1e-6)
    z, y, x = (jnp.asarray(a, jnp.float32) / size for a in axes_mm)
    basis = harmonics(z, y, x, order)
    normal = jnp.einsum("kzyx,lzyx,zyx->kl", basis, basis, weights, precision="highest")
    # One voxel, or one row of them, does not tell all harmonics apart: the ridge keeps their coefficients small.
    ridge = RIDGE * jnp.trace(normal) / len(normal) + jnp.finfo(jnp.float32).tiny
    factor = jax.scipy.linalg.cho_factor(normal + ridge * jnp.eye(len(normal)))
    for _ in range(ROUNDS):
        moments = jnp.einsum("kzyx,zyx,zyx->k", basis, weights, field, precision="highest")
        fitted = jax.scipy.linalg.cho_solve(factor, moments)
        field = field - jnp.einsum("k,kzyx->zyx", fitted, basis, precision="highest")
    return field
