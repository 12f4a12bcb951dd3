"""Volumes of a deformed anatomy, and codes whose volumes are those asked for."""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
from flax import nnx
from jax.flatten_util import ravel_pytree

from phantomsim.generators.deformable.latent import Code, Decoder
from phantomsim.generators.deformable.lattice import sample, smooth
from phantomsim.generators.deformable.register import SIGMA
from phantomsim.generators.deformable.svf import exponential

STEPS = 4  # of Gauss and Newton; volumes are nearly linear in the code


def log_volumes(decoder: Decoder, code: Code, parts: jax.Array) -> jax.Array:
    """log of the volumes [mL] that parts of the mean take once deformed, counted where the inverse map finds them.

    That is how they are painted. The integral of the parts over the forward map's Jacobian is the same in theory; on a
    coarse lattice, with thin ventricles, it was a tenth off.

    Args:
        parts: shares [z, y, x, quantities] on the refinement by two of the decoder's lattice.
    """
    lattice = decoder.lattice
    fine = lattice.refined(2)
    back = exponential(-smooth(decoder.velocity(code), SIGMA), lattice)
    points = jnp.asarray(fine.points())
    found = sample(parts, fine.index(points + sample(back, lattice.index(points))))
    sums = found.sum(axis=(0, 1, 2)) * fine.spacing_mm**3 / 1000
    return jnp.log(sums) + jnp.trace(decoder.log_stretch(code))


@partial(jax.jit, static_argnames="graph")
def conditioned(
    graph: nnx.GraphDef, state: nnx.State, code: Code, parts: jax.Array, wanted_log: jax.Array
) -> tuple[Code, jax.Array]:
    """The code nearest to a random one whose log volumes are those wanted, and its log volumes.

    A standard normal draw moved by the least change that fulfils linear conditions is a draw from the conditional
    law (Hoffman and Ribak 1991, doi:10.1086/186160); volumes are not quite linear, hence a few steps.
    """
    decoder = nnx.merge(graph, state)
    flat, unflat = ravel_pytree(code)
    volumes = lambda z: log_volumes(decoder, unflat(z), parts)  # noqa: E731

    def step(z: jax.Array, _: None) -> tuple[jax.Array, None]:
        slope = jax.jacrev(volumes)(z)
        miss = wanted_log - volumes(z)
        return z + slope.T @ jnp.linalg.solve(slope @ slope.T, miss), None

    flat, _ = jax.lax.scan(step, flat, None, length=STEPS)
    return unflat(flat), volumes(flat)
