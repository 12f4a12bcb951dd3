"""Coil images into one image.

Sum of squares of whitened coils: Roemer et al. 1990, doi:10.1002/mrm.1910160203.
"""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp

Array = jax.Array


@jax.jit
def root_sum_of_squares(images: Array, maps: Array, whitening: Array) -> Array:
    """Magnitude of the whitened coils over that of their sensitivities; float32 [slice, phase, readout]."""
    white = partial(jnp.einsum, "dc,scyx->sdyx", whitening, precision="highest")
    seen, sensed = (jnp.sqrt(jnp.sum(jnp.abs(white(part)) ** 2, axis=1)) for part in (images, maps))
    return seen / sensed
