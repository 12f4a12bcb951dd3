"""Total variation by a primal-dual hybrid gradient.

min sum w (A x - p)^2 / 2 + lambda sum |grad x|, grad in pixels along x. Chambolle and Pock, J. Math. Imaging Vis. 40
(2011) 120, doi:10.1007/s10851-010-0251-1; for CT: Sidky, Jorgensen and Pan, Phys. Med. Biol. 57 (2012) 3065,
doi:10.1088/0031-9155/57/10/3065; step lengths of each ray and voxel from row and column sums: Pock and Chambolle, ICCV
2011, doi:10.1109/ICCV.2011.6126441, lemma 2 with alpha = 1.
"""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp

from phantomsim.scanners.ct.iterative.gradient import gradient, transpose
from phantomsim.scanners.ct.iterative.system import System

TINY = 1e-6  # mm


@partial(jax.jit, static_argnames=("iterations", "nonnegative"))
def tv(
    data: jax.Array,
    weights: jax.Array | None,
    system: System,
    start: jax.Array,
    strength: jax.Array | float,
    iterations: int = 200,
    z_scale: jax.Array | float = 1.0,
    balance: jax.Array | float = 3.0,
    nonnegative: bool = False,
) -> jax.Array:
    """Run so many steps.

    Args:
        data: line integrals p [K, view, row, column] [mm].
        weights: w, same shape, of the order of 1, or None for all 1.
        system: A.
        start: first image [K, z, y, x].
        strength: lambda [mm^2].
        iterations: steps.
        z_scale: pitch along x over pitch along z; multiplies differences along z.
        balance: steps of the dual variables over those of the image; changes the way, not the end.
        nonnegative: whether images below zero are forbidden.
    Returns:
        Image [K, z, y, x] [1].
    """
    trust, arranged = system.arrange_weights(weights), system.arrange(data)
    lengths = system.forward(jnp.ones_like(start[:1]))
    columns = system.adjoint((trust[:, :1] > 0) * jnp.ones_like(lengths))
    scale = jnp.asarray([z_scale, 1.0, 1.0]) * columns.max() / 6  # rays and differences pull alike
    step = 1 / (balance * (columns + 2 * scale.sum()))
    of_rays = balance * jnp.where(lengths > TINY, 1 / jnp.maximum(lengths, TINY), 0)
    of_edges = balance / (2 * scale[:, None, None, None, None])
    limit = strength / scale[2]

    def one(state: tuple, _: None) -> tuple[tuple, None]:
        image, ahead, rays, edges = state
        rays = trust * (rays + of_rays * (system.forward(ahead) - arranged)) / jnp.maximum(trust + of_rays, TINY)
        edges = edges + of_edges * gradient(ahead, scale)
        edges /= jnp.maximum(1, _norm(edges) / limit)
        new = image - step * system.field * (system.adjoint(rays) + transpose(edges, scale))
        new = jnp.maximum(new, 0) if nonnegative else new
        return (new, 2 * new - image, rays, edges), None

    start = start * system.field
    first = (start, start, jnp.zeros_like(arranged), jnp.zeros((3, *start.shape), start.dtype))
    return jax.lax.scan(one, first, None, iterations)[0][0]


def _norm(field: jax.Array) -> jax.Array:
    """Length of the vector of each voxel [K, z, y, x], with a finite derivative at zero."""
    square = (field**2).sum(0)
    return jnp.where(square > 0, jnp.sqrt(jnp.where(square > 0, square, 1)), 0)


def objective(
    image: jax.Array,
    data: jax.Array,
    weights: jax.Array | None,
    system: System,
    strength: jax.Array | float,
    z_scale: float = 1.0,
) -> jax.Array:
    """What `tv` minimises, of each of K images [K]."""
    residual = system.arrange(data) - system.forward(image)
    fit = (system.arrange_weights(weights) * residual**2).sum((0, 2, 3, 4)) / 2
    return fit + strength * _norm(gradient(image, (z_scale, 1.0, 1.0))).sum((1, 2, 3))
