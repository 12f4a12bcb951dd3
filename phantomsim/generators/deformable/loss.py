"""How unlike a head, seen through a map, is to the mean: squared differences of tissue groups."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from phantomsim.generators.deformable.lattice import sample


class Image(NamedTuple):
    """Shares of tissue groups in the blocks of a head, and where the head was seen.

    Attributes:
        values: [z, y, x, groups + 1]; the last channel is 1 inside the field of view.
        first_mm: point (z, y, x) of the middle of block [0, 0, 0], from the head's centre [mm].
        spacing_mm: of the blocks along z, y, x [mm].
    """

    values: jax.Array
    first_mm: jax.Array
    spacing_mm: jax.Array


def pull(image: Image, points: jax.Array) -> tuple[jax.Array, jax.Array]:
    """A head's groups at points of its own frame.

    Returns:
        Shares [..., groups], and the field of view [...]: 0 outside the file.
    """
    index = (points - image.first_mm) / image.spacing_mm
    top = jnp.asarray(image.values.shape[:3], jnp.float32) - 1
    inside = ((index > -0.5) & (index < top + 0.5)).all(axis=-1)
    found = sample(image.values, index)
    return found[..., :-1], found[..., -1] * inside


def mismatch(image: Image, points: jax.Array, target: jax.Array, weights: jax.Array) -> jax.Array:
    """Weighted mean squared difference between groups pulled to `points` and the target, inside the field of view."""
    groups, seen = pull(image, points)
    error = ((groups - target) ** 2 * weights).sum(axis=-1)
    return (error * seen).sum() / jnp.maximum(seen.sum(), 1.0)


def dice(groups: jax.Array, target: jax.Array, seen: jax.Array) -> jax.Array:
    """Soft Dice of each group [groups] inside the field of view: 2 sum min(a, b) / sum (a + b).

    It equals the Dice of sharp labels where both are 0 or 1 (Crum 2006, doi:10.1109/TMI.2006.880587).
    """
    seen = seen[..., None]
    axes = tuple(range(groups.ndim - 1))
    both = (jnp.minimum(groups, target) * seen).sum(axis=axes)
    return 2 * both / jnp.maximum(((groups + target) * seen).sum(axis=axes), 1e-6)
