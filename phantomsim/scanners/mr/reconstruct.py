"""From k-space to a magnitude image: Fourier transform, SENSE unfolding, sum of squares.

SENSE: Pruessmann et al. 1999, doi:10.1002/(SICI)1522-2594(199911)42:5<952::AID-MRM16>3.0.CO;2-S.
Sum of squares of whitened coils: Roemer et al. 1990, doi:10.1002/mrm.1910160203.
"""

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


@partial(jax.jit, static_argnames=("slices", "acceleration"))
def folded_images(
    kspace: Array, taken: Array, window: Array, fov_mm: tuple[float, float], slices: int, acceleration: int
) -> Array:
    """Images of all coils from every R-th line, folded along the phase axis.

    Args:
        kspace: complex64 [coil, shot, sample], slice by slice.
        taken: which of a slice's measured lines to use [line].
        window: apodisation [line, sample].
        fov_mm: along (phase, readout).
    Returns:
        complex64 [slice, coil, phase/R, readout], per mm^2.
    """
    coils, _, samples = kspace.shape
    lines = jnp.swapaxes(kspace.reshape(coils, slices, -1, samples)[:, :, taken], 0, 1)
    return to_image(lines * window, fov_mm, acceleration)


def unfolding(
    maps: np.ndarray, covariance: np.ndarray, acceleration: int, regularisation: float = 0.0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """SENSE weights and g-factor of regular undersampling along the last axis but one; host side, float64 inside.

    Args:
        maps: sensitivities, complex64 [slice, coil, phase, readout].
        covariance: of the coils' noise [coil, coil].
        acceleration: R; divides the phase axis.
        regularisation: relative to the mean squared (whitened) sensitivity.
    Returns:
        weights complex64 [slice, R, coil, phase/R, readout], which take the folded coil images (one per R-th of the
        field of view) to R pixels; g-factor float32 [slice, phase, readout], 1 where nothing is lost; variance of an
        unfolded pixel, float32 [slice, phase, readout], for folded images of the given covariance.
    """
    slices, coils, phase, samples = maps.shape
    root = whitening(covariance)
    weights = np.empty((slices, acceleration, coils, phase // acceleration, samples), np.complex64)
    g, spread = np.empty((2, slices, phase, samples), np.float32)
    for i, here in enumerate(maps):
        white = (root @ here.reshape(coils, -1)).reshape(coils, acceleration, phase // acceleration, samples)
        system = np.moveaxis(white, (2, 3), (0, 1))  # [phase/R, readout, coil, R]
        adjoint = np.conj(np.swapaxes(system, -1, -2))
        normal = adjoint @ system
        power = np.real(np.diagonal(normal, axis1=-2, axis2=-1)).copy()
        normal += (regularisation * power.mean() + 1e-14 * power.max()) * np.eye(acceleration)
        inverse = 1 / normal if acceleration == 1 else np.linalg.inv(normal)
        unfold = inverse @ adjoint
        variance = np.sum(np.abs(unfold) ** 2, -1)
        weights[i] = np.moveaxis(unfold @ root, (0, 1), (2, 3))
        spread[i] = np.moveaxis(variance, -1, 0).reshape(phase, samples)
        g[i] = np.moveaxis(np.sqrt(variance * power), -1, 0).reshape(phase, samples)
    return weights, g, spread


def whitening(covariance: np.ndarray) -> np.ndarray:
    """Matrix that takes coils to virtual ones of white, unit-variance noise, float64 or complex128 [coil, coil]."""
    return np.linalg.inv(np.linalg.cholesky(np.asarray(covariance, np.promote_types(covariance.dtype, float))))


@jax.jit
def unfold(images: Array, weights: Array) -> Array:
    """Apply SENSE weights to coil images of the lattice's lines.

    Args:
        images: complex64 [slice, coil, phase/R, readout], or with all repetitions of it along the phase axis.
    Returns:
        complex64 [slice, phase, readout].
    """
    slices, acceleration, _, part, samples = weights.shape
    pixels = acceleration * jnp.sum(weights * images[:, None, :, :part], axis=2)
    return pixels.reshape(slices, acceleration * part, samples)


@jax.jit
def root_sum_of_squares(images: Array, maps: Array, whitening: Array) -> Array:
    """Magnitude of the whitened coils over that of their sensitivities; float32 [slice, phase, readout]."""
    white = partial(jnp.einsum, "dc,scyx->sdyx", whitening, precision="highest")
    seen, sensed = (jnp.sqrt(jnp.sum(jnp.abs(white(part)) ** 2, axis=1)) for part in (images, maps))
    return seen / sensed


def hann(count: int) -> np.ndarray:
    """Apodisation of one axis of k-space: 1 at its centre, 0 just outside."""
    return np.cos(np.pi * (np.arange(count) - count // 2) / (count + 1)) ** 2
