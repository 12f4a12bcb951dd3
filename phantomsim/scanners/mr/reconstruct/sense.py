"""SENSE: unfolding of regularly undersampled lines by the coils' sensitivities.

Pruessmann et al. 1999, doi:10.1002/(SICI)1522-2594(199911)42:5<952::AID-MRM16>3.0.CO;2-S.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

Array = jax.Array
DEAF = 0.1  # of the median sensitivity of a slice, below which pixels are darkened (our choice)


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
        if acceleration == 1:
            # Where coils hear next to nothing (at the wires of a solenoid), noise is not made loud.
            inverse = 1 / np.maximum(normal.real, DEAF**2 * np.median(normal.real))
        else:
            inverse = np.linalg.inv(normal)
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
