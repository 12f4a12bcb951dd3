"""The Fourier integral of boxes along one axis: by FFT where the lattices fit, else by a matrix; exact in both ways.

Voxels of width d at centres r_0 + i d and samples k = j / F. Where F / d is a whole number n, voxels n apart give the
same at every sample, so they are added up and one FFT of length n does.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

Array = jax.Array
LARGEST_FFT = 4  # times as many points as voxels; beyond, the matrix is cheaper


class Axis(NamedTuple):
    """How one axis is transformed; arrays are arguments of compiled code, `length` is static (0: by matrix).

    Attributes:
        matrix: complex64 [k, voxel] mm, or [0, 0].
        take: which output of the FFT each sample is, int32 [k].
        phase: what it is multiplied by, complex64 [k] mm.
        length: of the FFT.
    """

    matrix: np.ndarray
    take: np.ndarray
    phase: np.ndarray
    length: int


def axis(indices: np.ndarray, field_mm: float, centres_mm: np.ndarray, width_mm: float) -> Axis:
    """Transform from voxels to samples k = indices / field.

    Args:
        indices: whole numbers [k].
        field_mm: F.
        centres_mm: of the voxels, evenly spaced by width_mm [voxel].
    """
    indices = np.asarray(indices)
    k = indices / field_mm
    ratio = field_mm / width_mm
    length = round(ratio)
    box = width_mm * np.sinc(k * width_mm)
    fits = abs(ratio - length) < 1e-6 * ratio and 8 <= length <= LARGEST_FFT * max(len(centres_mm), len(k))
    if not fits:
        matrix = box[:, None] * np.exp(-2j * np.pi * np.outer(k, centres_mm))
        return Axis(matrix.astype(np.complex64), np.zeros(0, np.int32), np.zeros(0, np.complex64), 0)
    phase = (box * np.exp(-2j * np.pi * k * centres_mm[0])).astype(np.complex64)
    return Axis(np.zeros((0, 0), np.complex64), (indices % length).astype(np.int32), phase, length)


def transform(values: Array, along: Axis, dimension: int) -> Array:
    """Apply to one dimension of complex values."""
    if along.length == 0:
        moved = jnp.tensordot(along.matrix, values, axes=(1, dimension), precision="highest")
        return jnp.moveaxis(moved, 0, dimension)
    folded = _fold(values, along.length, dimension)
    spectrum = jnp.fft.fft(folded, axis=dimension)
    taken = jnp.take(spectrum, along.take, axis=dimension)
    shape = [1] * values.ndim
    shape[dimension % values.ndim] = -1
    return taken * along.phase.reshape(shape)


def _fold(values: Array, length: int, dimension: int) -> Array:
    count = values.shape[dimension]
    times = -(-count // length)
    pad = [(0, 0)] * values.ndim
    pad[dimension] = (0, times * length - count)
    if times == 1:
        return jnp.pad(values, pad)
    padded = jnp.moveaxis(jnp.pad(values, pad), dimension, 0)
    return jnp.moveaxis(padded.reshape(times, length, *padded.shape[1:]).sum(0), 0, dimension)


@partial(jax.jit, static_argnames=("count", "oversampling"))
def decimate(samples: Array, count: int, oversampling: int) -> Array:
    """The receiver's filter: oversampled samples to an image line, cropped to the field of view, and back.

    What lies outside along the readout does not fold in, and white noise stays white. Last axis; sample
    j is at k = (j - N // 2) / (oversampling x FOV), pixels lie evenly about the middle.
    """
    if oversampling == 1:
        return samples
    total = count * oversampling
    first = (total - count) // 2
    return _shifted_back(_shifted(samples, total)[..., first : first + count], count) / oversampling


def _half(count: int) -> np.ndarray:
    """exp(-i pi j (N - 1) / N) of j = -N // 2 ...: puts the first pixel half a field from the middle."""
    j = np.arange(count) - count // 2
    return np.exp(-1j * np.pi * j * (count - 1) / count).astype(np.complex64)


def _shifted(samples: Array, count: int) -> Array:
    return jnp.fft.ifft(jnp.fft.ifftshift(samples * _half(count), -1), axis=-1) * count


def _shifted_back(line: Array, count: int) -> Array:
    return jnp.fft.fftshift(jnp.fft.fft(line, axis=-1), -1) * np.conj(_half(count)) / count
