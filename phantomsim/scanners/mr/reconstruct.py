"""From k-space to a magnitude image: Fourier transform, SENSE unfolding, sum of squares.

SENSE: Pruessmann et al. 1999, doi:10.1002/(SICI)1522-2594(199911)42:5<952::AID-MRM16>3.0.CO;2-S.
Sum of squares of whitened coils: Roemer et al. 1990, doi:10.1002/mrm.1910160203.
"""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp

Array = jax.Array


@partial(jax.jit, static_argnames=("axes",))
def to_image(kspace: Array, fov_mm: tuple[float, float], axes: tuple[int, int] = (-2, -1)) -> Array:
    """Inverse Fourier transform on the pixels of the field of view, from samples at multiples of 1/FOV.

    The middle of the image lies between the two central pixels: half a pixel of phase is taken out first.

    Args:
        kspace: complex64 [..., k_y, k_x], zero frequency at index N // 2.
        fov_mm: along (y, x).
    Returns:
        complex64 [..., y, x], per mm^2.
    """
    for axis in axes:
        count = kspace.shape[axis]
        j = jnp.arange(count) - count // 2
        # k x_0 with x_0 = -(N - 1)/2 pixels
        half = jnp.exp(-1j * jnp.pi * j * (count - 1) / count).astype(jnp.complex64)
        kspace = kspace * jnp.moveaxis(half.reshape((count,) + (1,) * (kspace.ndim - 1)), 0, axis)
    image = jnp.fft.ifft2(jnp.fft.ifftshift(kspace, axes), axes=axes)
    return image * (kspace.shape[axes[0]] * kspace.shape[axes[1]] / (fov_mm[0] * fov_mm[1]))


@partial(jax.jit, static_argnames=("acceleration",))
def unfolding(maps: Array, covariance: Array, acceleration: int, regularisation: float = 0.0) -> tuple[Array, ...]:
    """SENSE weights and g-factor of regular undersampling along the last axis but one.

    Args:
        maps: sensitivities, complex64 [slice, coil, phase, readout].
        covariance: of the coils' noise [coil, coil].
        acceleration: R; divides the phase axis.
        regularisation: relative to the mean squared (whitened) sensitivity.
    Returns:
        weights [slice, R, coil, phase/R, readout], which take the folded coil images (one per R-th of the field of
        view) to R pixels; g-factor [slice, phase, readout], 1 where nothing is lost; variance of an unfolded pixel
        [slice, phase, readout] for folded images of the given covariance.
    """
    slices, coils, phase, samples = maps.shape
    root = whitening(covariance)
    white = jnp.einsum("dc,scyx->sdyx", root, maps, precision="highest")
    folded = white.reshape(slices, coils, acceleration, phase // acceleration, samples)
    system = jnp.transpose(folded, (0, 3, 4, 1, 2))  # [slice, phase/R, readout, coil, R]
    adjoint = jnp.conj(jnp.swapaxes(system, -1, -2))
    normal = jnp.matmul(adjoint, system, precision="highest")
    power = jnp.real(jnp.diagonal(normal, axis1=-2, axis2=-1))
    load = regularisation * jnp.mean(power) + 1e-12 * jnp.max(power)
    normal = normal + load * jnp.eye(acceleration, dtype=normal.dtype)
    weights = jnp.linalg.solve(normal, adjoint)  # [slice, phase/R, readout, R, coil]
    spread = jnp.sum(jnp.abs(weights) ** 2, -1)

    def pixels(values: Array) -> Array:
        return jnp.transpose(values, (0, 3, 1, 2)).reshape(slices, phase, samples)

    weights = jnp.einsum("syxrd,dc->srcyx", weights, root, precision="highest")
    return weights, pixels(jnp.sqrt(spread * power)), pixels(spread)


def whitening(covariance: Array) -> Array:
    """Matrix that takes coils to virtual ones of white, unit-variance noise, complex64 [coil, coil]."""
    root = jnp.linalg.cholesky(covariance)
    return jax.scipy.linalg.solve_triangular(root, jnp.eye(len(root)), lower=True).astype(jnp.complex64)


@jax.jit
def unfold(images: Array, weights: Array) -> Array:
    """Apply SENSE weights to zero-filled coil images of the lattice's lines.

    Args:
        images: complex64 [slice, coil, phase, readout].
    Returns:
        complex64 [slice, phase, readout].
    """
    slices, acceleration, _, part, samples = weights.shape
    pixels = acceleration * jnp.sum(weights * images[:, None, :, :part], axis=2)
    return pixels.reshape(slices, acceleration * part, samples)


@jax.jit
def root_sum_of_squares(images: Array, maps: Array, covariance: Array) -> Array:
    """Magnitude of the whitened coils over that of their sensitivities; float32 [slice, phase, readout]."""
    white = partial(jnp.einsum, "dc,scyx->sdyx", whitening(covariance), precision="highest")
    seen, sensed = (jnp.sqrt(jnp.sum(jnp.abs(white(part)) ** 2, axis=1)) for part in (images, maps))
    return seen / sensed


def hann(count: int) -> Array:
    """Apodisation of one axis of k-space: 1 at its centre, 0 just outside."""
    j = jnp.arange(count) - count // 2
    return jnp.cos(jnp.pi * j / (count + 1)) ** 2
