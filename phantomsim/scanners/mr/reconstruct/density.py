"""How much of k-space each sample stands for, and the reconstruction that needs no more than that.

Iterative: Pipe and Menon 1999, doi:10.1002/(SICI)1522-2594(199901)41:1<179::AID-MRM25>3.0.CO;2-V.
"""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from phantomsim.scanners.mr.nufft import Plan
from phantomsim.scanners.mr.nufft.transform import regrid

Array = jax.Array


@partial(jax.jit, static_argnames="iterations")
def pipe_menon(plan: Plan, iterations: int = 30) -> Array:
    """Density compensation of any trajectory: weights that the gridding kernel spreads evenly over the samples.

    Args:
        plan: of the trajectory, for the image that will be made.
        iterations: static.
    Returns:
        float32 [point], in (cycles per pixel)^axes: such that `gridded` keeps an image's values.
    """

    def step(weights: Array, _: None) -> tuple[Array, None]:
        return weights / jnp.maximum(regrid(weights, plan.blocks), 1e-12), None

    weights, _ = jax.lax.scan(step, jnp.ones(plan.count, jnp.float32), length=iterations)
    weights = jnp.maximum(weights, 0)
    # A pixel in the middle has data of 1 everywhere, and so it should come back; edges of k-space, where weights make
    # up for what lies beyond, do not count.
    return weights / jnp.median(jnp.real(plan.to_points(plan.to_image(weights.astype(jnp.complex64)))))


def radial(spokes: int, samples: int, spacing: float) -> np.ndarray:
    """What each sample of full spokes counts for, at equal angles over half a turn.

    Rings' areas, but for the middle: the trapezoid's rule for |k| f errs by f(0) dk^2 / 12 on either side
    (Euler-Maclaurin), so that the middle counts for two thirds of its disc. With its area an object a third of the
    field wide would be 2 % too bright.

    Args:
        spokes, samples: counts; samples are (j - samples // 2) x spacing along a spoke.
        spacing: cycles per pixel.
    Returns:
        float32 [spoke, sample] (cycles per pixel)^2.
    """
    r = np.abs(np.arange(samples) - samples // 2) * spacing
    area = np.where(r > 0, r, spacing / 6) * spacing * np.pi / spokes
    return np.broadcast_to(area, (spokes, samples)).astype(np.float32)


@jax.jit
def gridded(maps: Array, plan: Plan, data: Array, density: Array) -> Array:
    """Density-compensated adjoint, combined by the maps: one pass, no iterations.

    Args:
        maps: whitened sensitivities, complex64 [coil, *N].
        data: whitened, complex64 [coil, point].
        density: float32 [point] (cycles per pixel)^axes.
    Returns:
        complex64 [*N]; 0 where no coil sees.
    """
    images = jnp.sum(jnp.conj(maps) * plan.to_image(data * density), 0)
    seen = jnp.sum(jnp.abs(maps) ** 2, 0)
    return jnp.where(seen > 0, images / jnp.where(seen > 0, seen, 1), 0)
