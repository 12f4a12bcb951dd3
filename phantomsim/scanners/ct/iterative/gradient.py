"""Forward differences of an image, and their transpose."""

from __future__ import annotations

import jax
import jax.numpy as jnp


def gradient(image: jax.Array, scale: tuple[float, float, float] | jax.Array = (1.0, 1.0, 1.0)) -> jax.Array:
    """Differences to the next voxel along z, y and x, 0 at the far ends.

    Args:
        image: [K, z, y, x].
        scale: what multiplies the differences along z, y, x.
    Returns:
        [3, K, z, y, x].
    """
    parts = []
    for axis in range(3):
        pad = [(0, 0)] * 4
        pad[axis + 1] = (0, 1)
        parts.append(scale[axis] * jnp.pad(jnp.diff(image, axis=axis + 1), pad))
    return jnp.stack(parts)


def transpose(field: jax.Array, scale: tuple[float, float, float] | jax.Array = (1.0, 1.0, 1.0)) -> jax.Array:
    """The transpose of `gradient` [K, z, y, x]: minus the divergence."""
    total = jnp.zeros_like(field[0])
    for axis in range(3):
        inner = jax.lax.slice_in_dim(field[axis], 0, field.shape[axis + 2] - 1, axis=axis + 1)
        before, after = [(0, 0)] * 4, [(0, 0)] * 4
        before[axis + 1], after[axis + 1] = (1, 0), (0, 1)
        total += scale[axis] * (jnp.pad(inner, before) - jnp.pad(inner, after))
    return total
