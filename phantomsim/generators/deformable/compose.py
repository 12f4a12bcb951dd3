"""The whole way from a place in a new anatomy to the fine structure that is found there.

y -> S^-1 y -> inverse of the new field -> shell -> shifted folds -> the carrier's field -> its stretch and pose
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from flax import nnx
from jax.scipy.linalg import expm

from phantomsim.generators.deformable.affine import Affine
from phantomsim.generators.deformable.latent import Code, Decoder
from phantomsim.generators.deformable.lattice import Lattice, sample, smooth
from phantomsim.generators.deformable.layer import Shell, thickened
from phantomsim.generators.deformable.register import SIGMA
from phantomsim.generators.deformable.svf import derivative, determinant, exponential


class Shape(NamedTuple):
    """A new anatomy's shape: what `place` needs of a code.

    Attributes:
        unstretch: S^-1 [3, 3].
        back: displacement of the inverse of the new field on the model's lattice [mm].
        factor: of the shell's thickness.
        folds: displacement of folds on the lattice refined by two [mm].
    """

    unstretch: jax.Array
    back: jax.Array
    factor: jax.Array
    folds: jax.Array


class Way(NamedTuple):
    """From the mean to the fine structure: displacement on the model's lattice [mm], then pose."""

    on: jax.Array
    pose: Affine

    def __call__(self, points: jax.Array, lattice: Lattice) -> jax.Array:
        """Places in the fine structure's own frame of points of the mean, both [..., 3] (z, y, x) [mm]."""
        return self.pose(points + sample(self.on, lattice.index(points)))


@partial(jax.jit, static_argnames="graph")
def decode(graph: nnx.GraphDef, state: nnx.State, code: Code) -> tuple[jax.Array, jax.Array]:
    """S^-1, and the displacement of the inverse field, of a code."""
    decoder: Decoder = nnx.merge(graph, state)
    back = exponential(-smooth(decoder.velocity(code), SIGMA), decoder.lattice)
    return expm(-decoder.log_stretch(code)), back


@partial(jax.jit, static_argnames="lattice")
def way(velocity: jax.Array, pose: Affine, lattice: Lattice) -> Way:
    """Of a raw velocity field."""
    return Way(exponential(smooth(velocity, SIGMA), lattice), pose)


@partial(jax.jit, static_argnames="lattice")
def place(points: jax.Array, shape: Shape, shell: Shell | None, way: Way, lattice: Lattice) -> jax.Array:
    """Places in the fine structure's own frame of places in the new anatomy, both [..., 3] (z, y, x) [mm]."""
    fine = lattice.refined(2)
    at = points @ shape.unstretch.T
    at = at + sample(shape.back, lattice.index(at))
    if shell is not None:
        at = thickened(at, shell, lattice.refined(4), shape.factor)
    at = at + sample(shape.folds, fine.index(at))
    return way(at, lattice)


@partial(jax.jit, static_argnames="on")
def least_jacobian(places: jax.Array, on: Lattice) -> tuple[jax.Array, jax.Array]:
    """Smallest Jacobian of a map given at the nodes of `on`, and the share of nodes where it is not positive."""
    values = determinant(derivative(places, on.spacing_mm) - jnp.eye(3))[1:-1, 1:-1, 1:-1]  # of a map, not a shift
    return values.min(), (values <= 0).mean()
