"""Fourier transforms between centred samples and pixels that lie symmetrically about the middle of the field of view.

Sample j of N lies at (j - N // 2) / FOV; pixel p at (p - (N - 1) / 2) FOV / N. The scale is that of a plain inverse
discrete Fourier transform: 1 / N per axis from samples to pixels.
"""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

Array = jax.Array


def first_pixel_phase(count: int) -> np.ndarray:
    """exp(2 pi i k x) of every centred sample at the first pixel, complex128 [count]."""
    j = np.arange(count) - count // 2
    return np.exp(-1j * np.pi * j * (count - 1) / count)


def pixels(count: int) -> np.ndarray:
    """Pixel centres in fields of view, from the middle, float64 [count]."""
    return (np.arange(count) - (count - 1) / 2) / count


@partial(jax.jit, static_argnames="axes")
def to_pixels(samples: Array, axes: tuple[int, ...] = (-2, -1)) -> Array:
    """Inverse transform along `axes` (static, negative), complex64 of the same shape."""
    shifted = jnp.fft.ifftshift(samples * _phase(samples.shape, axes), axes)
    return _each(jnp.fft.ifft, shifted, axes)


@partial(jax.jit, static_argnames="axes")
def to_samples(image: Array, axes: tuple[int, ...] = (-2, -1)) -> Array:
    """Transform along `axes` (static, negative): the inverse of `to_pixels`, complex64 of the same shape."""
    return jnp.fft.fftshift(_each(jnp.fft.fft, image, axes), axes) * np.conj(_phase(image.shape, axes))


def _phase(shape: tuple[int, ...], axes: tuple[int, ...]) -> np.ndarray:
    """The half pixel between the middle of the field of view and a pixel, complex64, broadcast to `shape`."""
    phase = np.ones((), complex)
    for axis in axes:
        phase = phase * first_pixel_phase(shape[axis]).reshape((-1,) + (1,) * (-1 - axis))
    return phase.astype(np.complex64)


def _each(transform: object, values: Array, axes: tuple[int, ...]) -> Array:
    """One axis after another: jnp.fft.fftn takes at most three at once."""
    for axis in axes:
        values = transform(values, axis=axis)  # type: ignore[operator]
    return values
