"""Scatter correction of readings: what the kernel finds in them is taken away."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from phantomsim.scanners.ct.scatter import kernel
from phantomsim.scanners.ct.scatter.kernel import Kernel, Spread

LEAST = 0.05  # of a reading is always left: noise must not turn it negative


@jax.jit
def primary(
    measured: jax.Array,
    spread: Spread,
    air: jax.Array | None = None,
    model: Kernel = kernel.WATER,
    grid: float | jax.Array = 1.0,
) -> jax.Array:
    """Readings over air without their scatter, [view, row, column]; see `kernel.from_measured` for the arguments.

    Example: `primary(counts / air, kernel.spread(geometry), air)`.
    """
    scattered = kernel.from_measured(measured, spread, air, model, grid)
    return jnp.maximum(measured - scattered, LEAST * measured)
