"""Affine registration of a head to the mean, and the split of an affine map into pose and shape."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from phantomsim.generators.deformable.lattice import Lattice
from phantomsim.generators.deformable.loss import Image, mismatch

RATE = 0.01  # Adam's step, in units of 1 for the matrix and of SHIFT_MM for the translation
SHIFT_MM = 100.0


class Affine(NamedTuple):
    """The map p -> matrix p + shift from the mean anatomy to a head, (z, y, x) [mm].

    Attributes:
        matrix: [3, 3].
        shift: [3] [mm].
    """

    matrix: np.ndarray | jax.Array
    shift: np.ndarray | jax.Array

    def __call__(self, points: jax.Array) -> jax.Array:
        return points @ jnp.asarray(self.matrix).T + jnp.asarray(self.shift)


IDENTITY = Affine(np.eye(3, dtype=np.float32), np.zeros(3, np.float32))


@partial(jax.jit, static_argnames=("lattice", "iterations"))
def register(
    image: Image, target: jax.Array, weights: jax.Array, lattice: Lattice, start: Affine, iterations: int
) -> tuple[Affine, jax.Array]:
    """The affine map under which an image looks most like the target (Adam, Kingma and Ba 2015, arXiv:1412.6980).

    Args:
        image: a head's tissue groups.
        target: those of the mean [z, y, x, groups] on `lattice`.
        weights: of the groups.
    Returns:
        The map, and the loss at every iteration.
    """
    points = jnp.asarray(lattice.points())
    scaled = (jnp.asarray(start.matrix), jnp.asarray(start.shift) / SHIFT_MM)

    def loss(scaled: tuple[jax.Array, jax.Array]) -> jax.Array:
        return mismatch(image, Affine(scaled[0], scaled[1] * SHIFT_MM)(points), target, weights)

    adam = optax.adam(optax.cosine_decay_schedule(RATE, iterations, 0.05))

    def step(carry: tuple, _: None) -> tuple[tuple, jax.Array]:
        values, state = carry
        value, slope = jax.value_and_grad(loss)(values)
        change, state = adam.update(slope, state)
        return (optax.apply_updates(values, change), state), value

    (scaled, _), history = jax.lax.scan(step, (scaled, adam.init(scaled)), None, length=iterations)
    return Affine(scaled[0], scaled[1] * SHIFT_MM), history


def polar(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rotation R and symmetric stretch S with matrix = R S; S turned into its logarithm (both [3, 3])."""
    u, s, vt = np.linalg.svd(np.asarray(matrix, float))
    return u @ vt, vt.T @ np.diag(np.log(s)) @ vt


def stretch(log: np.ndarray) -> np.ndarray:
    """exp of a symmetric matrix [3, 3]."""
    values, vectors = np.linalg.eigh(log)
    return vectors @ np.diag(np.exp(values)) @ vectors.T
