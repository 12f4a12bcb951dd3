"""From k-space to coil images: the inverse Fourier transform of full or regularly undersampled lines; apodisation."""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

Array = jax.Array


@partial(jax.jit, static_argnames=("acceleration",))
def to_image(kspace: Array, fov_mm: tuple[float, float], acceleration: int = 1) -> Array:
    """Inverse Fourier transform on the pixels of the field of view, from samples at multiples of 1/FOV, or R/FOV in y.

    The middle of the image lies between the two central pixels: half a pixel of phase is taken out first.

    Args:
        kspace: complex64 [..., k_y, k_x], zero frequency at index N // 2.
        fov_mm: along (y, x), of the whole image.
        acceleration: R, every how many lines were sampled along k_y (static).
    Returns:
        complex64 [..., y, x], per mm^2; the lowest R-th of the field of view along y, which the others repeat.
    """
    ny, nx = kspace.shape[-2:]
    half = np.outer(_first_pixel(ny, acceleration), _first_pixel(nx, 1)).astype(np.complex64)
    image = jnp.fft.ifft2(jnp.fft.ifftshift(kspace * half, (-2, -1)))
    return image * (ny * nx / (fov_mm[0] * fov_mm[1]))


def _first_pixel(count: int, acceleration: int) -> np.ndarray:
    """exp(2 pi i k x) of the samples k = j R / FOV at the first pixel, x = -(R N - 1)/2 pixels of FOV / (R N)."""
    j = np.arange(count) - count // 2
    return np.exp(-1j * np.pi * j * (acceleration * count - 1) / count)


def hann(count: int) -> np.ndarray:
    """Apodisation of one axis of k-space: 1 at its centre, 0 just outside."""
    return np.cos(np.pi * (np.arange(count) - count // 2) / (count + 1)) ** 2
