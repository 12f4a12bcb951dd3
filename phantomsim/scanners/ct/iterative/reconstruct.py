"""One interface for all iterative methods."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np

from phantomsim.errors import ScannerError
from phantomsim.scanners.ct.geometry import Geometry
from phantomsim.scanners.ct.iterative import penalty as penalties
from phantomsim.scanners.ct.iterative.cgls import cgls
from phantomsim.scanners.ct.iterative.extent import Extent, extent
from phantomsim.scanners.ct.iterative.os_sirt import os_sirt
from phantomsim.scanners.ct.iterative.penalty import Penalty, Potential
from phantomsim.scanners.ct.iterative.pwls import pwls
from phantomsim.scanners.ct.iterative.sart import sart
from phantomsim.scanners.ct.iterative.strength import EDGE, scale, texture
from phantomsim.scanners.ct.iterative.system import Operator, System, system
from phantomsim.scanners.ct.iterative.tv import tv

Method = Literal["sart", "os-sirt", "cgls", "tv", "pwls"]
ITERATIONS: dict[str, int] = {"sart": 3, "os-sirt": 10, "cgls": 15, "tv": 150, "pwls": 10}

TV_SHARE = 3.0  # of the edge penalty's steepest slope: no quadratic part, so more of it for the same smoothing
WARM = 12  # steps of "cgls" to the first image of "tv" and "pwls", where none is given


@dataclass(frozen=True)
class Setup:
    """What is made once for a scan, an image grid and a number of subsets.

    Attributes:
        system: the projectors.
        extent: the grid that they work on.
    """

    system: System
    extent: Extent


def setup(
    geometry: Geometry,
    shape: tuple[int, int, int],
    spacing_mm: tuple[float, float, float],
    centre_mm: np.typing.ArrayLike = (0.0, 0.0, 0.0),
    subsets: int = 1,
    footprint: Literal["cell", "point"] = "cell",
    beyond: float = 0.0,
) -> Setup:
    """Make the projectors (host side); arguments as `extent.extent`, and footprint as the projector's."""
    from phantomsim.scanners.ct.projector import Projector

    grid = extent(geometry, shape, spacing_mm, centre_mm, beyond)

    def operator(views: np.ndarray) -> Operator:
        return Projector(geometry.subset(views), grid.shape, grid.spacing_mm, grid.centre_mm, footprint)

    return Setup(system(operator, geometry.views, subsets, grid.field), grid)


def reconstruct(
    method: Method,
    paths_mm: jax.Array,
    setup: Setup,
    weights: jax.Array | None = None,
    iterations: int | None = None,
    strength: float | jax.Array = 1.0,
    start: jax.Array | None = None,
    potential: Potential = "huber",
    nonnegative: bool = False,
) -> jax.Array:
    """Reconstruct from water paths, so that HU = 1000 (x - 1). Differentiable by `paths_mm`.

    Args:
        method: which.
        paths_mm: line integrals [view, row, column], or of several images that share the scan [K, view, row, column].
        setup: of the scan and the wanted grid.
        weights: inverse variances [1/mm^2], same shape ("cgls", "tv", "pwls"; "sart" and "os-sirt" use them as trust);
            None for all alike.
        iterations: passes over the data; None for the method's own.
        strength: of the penalty of "tv" and "pwls"; 1 is moderate, see `strength`.
        start: first image on the grown grid `setup.extent`, [z, y, x] or [K, z, y, x]; None for zero, or for
            "tv" and "pwls" an image by a few steps of "cgls".
        potential: of "pwls".
        nonnegative: whether values below zero (below air) are forbidden; not for "cgls".
    Returns:
        float32 [z, y, x] or [K, z, y, x], the wanted grid.
    Raises:
        ScannerError: an unknown method.
    """
    if method not in ITERATIONS:
        raise ScannerError(f'no method "{method}"; there are {", ".join(ITERATIONS)}')
    data = paths_mm.reshape(-1, *paths_mm.shape[-3:])
    trust = None if weights is None else weights.reshape(-1, *weights.shape[-3:])
    grid, steps = setup.extent, iterations or ITERATIONS[method]
    first = jnp.zeros((len(data), *grid.shape), jnp.float32)
    if start is not None:
        first = first + start.reshape(-1, *grid.shape)
    elif method in ("tv", "pwls"):
        first = cgls(data, None, setup.system, first, WARM)
    run = {
        "sart": partial(sart, iterations=steps, nonnegative=nonnegative),
        "os-sirt": partial(os_sirt, iterations=steps, nonnegative=nonnegative),
        "cgls": partial(cgls, iterations=steps),
        "tv": partial(_tv, grid, strength, iterations=steps, nonnegative=nonnegative),
        "pwls": partial(_pwls, grid, strength, iterations=steps, potential=potential, nonnegative=nonnegative),
    }[method]
    image = run(data, trust, setup.system, first)  # type: ignore[operator]
    return image[(..., *grid.wanted)].reshape(*paths_mm.shape[:-3], *(s.stop - s.start for s in grid.wanted))


def _pwls(
    grid: Extent,
    strength: float | jax.Array,
    data: jax.Array,
    weights: jax.Array | None,
    system: System,
    start: jax.Array,
    **options: Any,
) -> jax.Array:
    penalty = Penalty(penalties.pair_weights(grid.spacing_mm), _uniform(system, weights, start), EDGE)
    measured, edge = _measure(grid, weights, system, penalty)
    penalty = penalty._replace(edge=edge)
    return pwls(data, weights, system, start, strength * measured, penalty, **options)


def _tv(
    grid: Extent,
    strength: float | jax.Array,
    data: jax.Array,
    weights: jax.Array | None,
    system: System,
    start: jax.Array,
    **options: Any,
) -> jax.Array:
    mean = 1.0 if weights is None else weights.mean((1, 2, 3), keepdims=True)
    penalty = Penalty(penalties.pair_weights(grid.spacing_mm), jnp.ones((1, 1, 1, 1)), EDGE)
    measured, edge = _measure(grid, weights, system, penalty)
    relative = None if weights is None else weights / mean
    limit = strength * TV_SHARE * measured * edge / mean
    z_scale = grid.spacing_mm[2] / grid.spacing_mm[0]
    return tv(data, relative, system, start, limit, z_scale=z_scale, **options)


def _measure(grid: Extent, weights: jax.Array | None, system: System, penalty: Penalty) -> tuple[jax.Array, jax.Array]:
    """Beta of strength 1 and the edge of the penalty, each [K, 1, 1, 1]; constants of the data's derivative."""
    wave, frequency = texture(grid.shape, grid.spacing_mm)
    cells = frequency**2 * grid.spacing_mm[1] * grid.spacing_mm[2]
    found = scale(system, weights, jnp.asarray(wave), penalty, cells)
    edge = jnp.full_like(found.noise, EDGE) if weights is None else jnp.maximum(EDGE, found.noise)
    return found.beta[:, None, None, None], edge[:, None, None, None]


@jax.jit
def _uniform(system: System, weights: jax.Array | None, start: jax.Array) -> jax.Array:
    """Square root of the mean weight of the rays through each voxel; see `penalty`."""
    if weights is None:
        return jnp.ones((1, 1, 1, 1), jnp.float32)
    lengths = system.forward(jnp.ones_like(start[:1]))
    trust = system.arrange_weights(weights) * (lengths > 0)
    met = system.adjoint(system.arrange_weights(None) * (lengths > 0) * jnp.ones_like(lengths))
    mean = system.adjoint(jnp.broadcast_to(trust, (len(trust), trust.shape[1], *lengths.shape[2:])))
    local = jnp.sqrt(jnp.where(met > 0, mean / jnp.where(met > 0, met, 1), 0))
    # Voxels that few rays met are held to their neighbours as the average voxel is.
    average = jnp.sqrt((local**2 * system.field).mean((1, 2, 3), keepdims=True) / system.field.mean())
    return jnp.maximum(local, 0.01 * average)
