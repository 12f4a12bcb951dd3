"""Random fields of one wavelength."""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

TILE = 128  # voxels; periodic
WIDTH = 0.25  # relative standard deviation of the spatial frequency


def band_noise(key: jax.Array, period: float) -> np.ndarray:
    """Gaussian noise of waves about `period` voxels long, of zero mean and unit variance, periodic, float32 [128^3]."""
    return np.asarray(_band(key, jnp.float32(1 / period), TILE))


@partial(jax.jit, static_argnames="tile")
def _band(key: jax.Array, frequency: jax.Array, tile: int) -> jax.Array:
    f, g = jnp.fft.fftfreq(tile), jnp.fft.rfftfreq(tile)
    radius = jnp.sqrt(f[:, None, None] ** 2 + f[None, :, None] ** 2 + g[None, None, :] ** 2)
    gain = jnp.exp(-0.5 * ((radius - frequency) / (WIDTH * frequency)) ** 2)
    field = jnp.fft.irfftn(jnp.fft.rfftn(jax.random.normal(key, (tile,) * 3)) * gain, (tile,) * 3)
    return (field - field.mean()) / field.std()
