"""The latent model of shape: global components, a coarse field that blends them locally, and the stretch.

    v(u) = sum_k c_k(u) B_k(u),   c_k(u) = sqrt(rho) g_k + sqrt(1 - rho) sum_n b_n(u) w_kn,   log S = sum_j e_j M_j

g, w and e are standard normal. The bumps b_n are linear between nodes and scaled to sum b_n^2 = 1, so that c_k has
variance 1 everywhere: point by point the fields vary as in a principal component model with the same B, but places far
apart vary less together. A few people cannot span the shapes of a population globally; they nearly do locally.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from phantomsim.generators.deformable.lattice import Lattice, matrices, products

STRETCHES = 6  # of a symmetric 3 x 3 matrix


class Code(NamedTuple):
    """A point of the latent space, standard normal.

    Attributes:
        whole: of the global components [components].
        local: of the nodes [z, y, x, components].
        stretch: [6].
    """

    whole: jax.Array
    local: jax.Array
    stretch: jax.Array


class Fixed(nnx.Variable):
    """What training leaves as it is."""


class Decoder(nnx.Module):
    """From codes to velocity fields and log-stretches.

    Attributes:
        basis: fields B_k [components, z, y, x, 3] [mm], before smoothing.
        stretches: M_j [6, 3, 3]; they span all stretches, so that there is nothing to train.
        lattice, nodes: of the fields and of the bumps (static).
        global_share: rho.
    """

    def __init__(
        self, basis: jax.Array, stretches: jax.Array, lattice: Lattice, blend_mm: float, global_share: float
    ) -> None:
        self.basis = nnx.Param(jnp.asarray(basis, jnp.float32))
        self.stretches = Fixed(jnp.asarray(stretches, jnp.float32))
        self.lattice = lattice
        self.nodes = nodes(lattice, blend_mm)
        self.global_share = global_share

    def coefficients(self, code: Code) -> jax.Array:
        """c_k(u), [z, y, x, components]."""
        local = products(code.local, *(jnp.asarray(m) for m in _bumps(self.nodes, self.lattice)))
        rho = self.global_share
        return jnp.sqrt(rho) * code.whole + jnp.sqrt(1 - rho) * local

    def velocity(self, code: Code) -> jax.Array:
        """[z, y, x, 3] [mm], before smoothing."""
        return jnp.einsum("zyxk,kzyxc->zyxc", self.coefficients(code), self.basis[...])

    def log_stretch(self, code: Code) -> jax.Array:
        """Symmetric [3, 3]."""
        return jnp.einsum("j,jab->ab", code.stretch, self.stretches[...])

    def zero(self) -> Code:
        """The code of the mean."""
        components = self.basis.shape[0]
        return Code(jnp.zeros(components), jnp.zeros((*self.nodes.shape, components)), jnp.zeros(STRETCHES))

    def draw(self, key: jax.Array) -> Code:
        """A random code."""
        keys = jax.random.split(key, 3)
        return Code(*(jax.random.normal(k, a.shape) for k, a in zip(keys, self.zero())))


def nodes(lattice: Lattice, blend_mm: float) -> Lattice:
    """Nodes about `blend_mm` apart, the outermost at or beyond the lattice's faces."""
    shape = tuple(int(np.ceil(n * lattice.spacing_mm / blend_mm)) + 1 for n in lattice.shape)
    return Lattice(shape, blend_mm, lattice.centre_mm)  # type: ignore[arg-type]


@lru_cache(maxsize=8)
def _bumps(coarse: Lattice, fine: Lattice) -> tuple[np.ndarray, ...]:
    """Linear bumps along each axis with unit sum of squares at every place."""
    return tuple(m / np.sqrt((m**2).sum(axis=1, keepdims=True)) for m in matrices(coarse, fine))


def principal(
    velocities: np.ndarray, logs: np.ndarray, components: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Principal components to begin with.

    Args:
        velocities: [people, z, y, x, 3] of zero mean; logs: log-stretches [people, 3, 3] of zero mean.
    Returns:
        Fields [components, z, y, x, 3] scaled to scores of unit variance, and the scores [people, components];
        the same of stretches, [6, 3, 3] and [people, 6].
    """
    fields, scores = _components(velocities.reshape(len(velocities), -1), components)
    stretches, stretch_scores = _components(logs.reshape(len(logs), -1), STRETCHES)
    return fields.reshape(components, *velocities.shape[1:]), scores, stretches.reshape(STRETCHES, 3, 3), stretch_scores


def _components(rows: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    u, s, vt = np.linalg.svd(rows, full_matrices=False)
    count_there = min(count, len(s))
    scale = s[:count_there] / np.sqrt(len(rows))
    basis = np.zeros((count, rows.shape[1]), np.float32)
    scores = np.zeros((len(rows), count), np.float32)
    basis[:count_there] = scale[:, None] * vt[:count_there]
    scores[:, :count_there] = u[:, :count_there] * np.sqrt(len(rows))
    return basis, scores
