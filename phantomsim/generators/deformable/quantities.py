"""Volumes of a deformed anatomy, their law among the people trained on, and codes whose volumes are those wanted."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax.flatten_util import ravel_pytree

from phantomsim.generators.deformable.latent import Code, Decoder
from phantomsim.generators.deformable.lattice import sample, smooth
from phantomsim.generators.deformable.register import SIGMA
from phantomsim.generators.deformable.svf import exponential

STEPS = 4  # of Gauss and Newton; volumes are nearly linear in the code
CUT_SD = 2.0  # of drawn log volumes: the spread of ventricles is that of people, and their tail no longer


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


def law(volumes_mL: np.ndarray, quantities: Mapping[str, tuple[str, ...]]) -> dict[str, object]:
    """The joint lognormal law of volumes [people, quantities], as `drawn_log` takes it."""
    logs = np.log(volumes_mL)
    return {
        "names": list(quantities),
        "groups": [list(groups) for groups in quantities.values()],
        "mean_log": np.round(logs.mean(axis=0), 5).tolist(),
        "covariance_log": np.round(np.cov(logs, rowvar=False, ddof=1).reshape(2 * logs.shape[1:]), 7).tolist(),
    }


def drawn_log(
    known: Mapping[str, Any], quantities: Mapping[str, tuple[str, ...]], asked: Mapping[str, float], key: jax.Array
) -> dict[str, float]:
    """Log volumes [log mL] by name: as asked, and the others drawn from their law among people, given those asked.

    Blending locally makes places vary apart from each other, which takes from the variance of whole volumes: codes
    alone would give an intracranial volume two thirds of the spread that people have.

    Args:
        known: what `law` gave; quantities that it does not know, or of other groups, are left to the code.
        quantities: groups of those that are asked for or drawn.
        asked: [mL].
    """
    wanted = {name: float(np.log(value)) for name, value in asked.items()}
    names = list(known.get("names", ()))
    usable = [n for n, groups in zip(names, known.get("groups", ())) if tuple(groups) == tuple(quantities.get(n, ()))]
    given, free = [n for n in usable if n in asked], [n for n in usable if n not in asked]
    if not free:
        return wanted
    a, b = ([names.index(n) for n in some] for some in (given, free))
    mean, cov = np.array(known["mean_log"]), np.array(known["covariance_log"])
    gain = cov[np.ix_(b, a)] @ np.linalg.pinv(cov[np.ix_(a, a)])
    centre = mean[b] + gain @ (np.array([wanted[n] for n in given]) - mean[a])
    size, axes = np.linalg.eigh(cov[np.ix_(b, b)] - gain @ cov[np.ix_(a, b)])
    z = np.asarray(jax.random.truncated_normal(key, -CUT_SD, CUT_SD, (len(free),)))
    return wanted | dict(zip(free, (centre + axes @ (np.sqrt(np.maximum(size, 0)) * z)).tolist()))
