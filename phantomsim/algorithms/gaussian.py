"""Gaussian smoothing whose width is exact on any grid.

The discrete Gaussian of Lindeberg (1990, doi:10.1109/34.49051) is the heat kernel of the three-point
Laplacian: its variance is exactly the one asked for even when a voxel is wider than the kernel, and two
passes add their variances. With reflecting edges the cosine transform (DCT-II) diagonalises it.
"""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np

#: Variance of a Gaussian over its squared full width at half maximum: 1 / (8 ln 2).
VARIANCE_PER_FWHM2 = 1.0 / (8.0 * math.log(2.0))


def smooth(
    image: np.ndarray | jax.Array,
    spacing_mm: tuple[float, float, float],
    fwhm_mm: float,
    mode: str = "volume",
) -> np.ndarray:
    """Smooth a volume by a Gaussian that is round in millimetres.

    Args:
        image: [z, y, x], any unit.
        spacing_mm: distance of voxel centres along z, y, x [mm].
        fwhm_mm: full width at half maximum [mm]; 0 gives the image back.
        mode: "volume", or "slice" to leave z alone.
    Returns:
        float32 [z, y, x]; the mean is kept, edges reflect.
    """
    scale = 0.0 if mode == "slice" else 1.0
    variance = fwhm_mm**2 * VARIANCE_PER_FWHM2 * np.array([scale, 1.0, 1.0]) / np.square(spacing_mm)
    image = np.asarray(image, np.float32)
    offset = np.float32(image.mean(dtype=np.float64))  # keeps the -1000 HU of air out of the transform's rounding
    return np.asarray(_diffuse(jnp.asarray(image - offset), jnp.asarray(variance, jnp.float32))) + offset


@jax.jit
def _diffuse(image: jax.Array, variance: jax.Array) -> jax.Array:
    """Heat flow for a time of half the variance [voxel^2] along each axis, edges reflecting."""
    exponent = jnp.zeros(image.shape, jnp.float32)
    for axis, count in enumerate(image.shape):
        omega = jnp.pi * jnp.arange(count, dtype=jnp.float32) / count
        # 2 sin^2(w/2) = 1 - cos(w), without the cancellation at low frequency.
        decay = variance[axis] * 2.0 * jnp.sin(omega / 2) ** 2
        exponent = exponent + decay.reshape([-1 if a == axis else 1 for a in range(image.ndim)])
    spectrum = jax.scipy.fft.dctn(image, type=2, norm="ortho")
    return jax.scipy.fft.idctn(spectrum * jnp.exp(-exponent), type=2, norm="ortho")
