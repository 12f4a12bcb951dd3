"""Coil images into one image.

Sum of squares of whitened coils and optimal combination: Roemer et al. 1990, doi:10.1002/mrm.1910160203. Adaptive
combination, where sensitivities are not known: Walsh, Gmitro and Marcellin 2000,
doi:10.1002/(SICI)1522-2594(200005)43:5<682::AID-MRM10>3.0.CO;2-G.
"""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from phantomsim.errors import ScannerError
from phantomsim.scanners.mr.reconstruct.espirit import ROWS_BYTES, dominant
from phantomsim.scanners.mr.reconstruct.sense import whitening as whitening_of

Array = jax.Array


def sum_of_squares(images: Array, covariance: np.ndarray | None = None, axis: int = -3) -> Array:
    """Root of the sum of squares of the coils, without sensitivities.

    Args:
        images: complex64 [..., coil, y, x].
        covariance: of the coils' noise [coil, coil]: the coils are whitened first; None: as they are.
        axis: of the coils: -3, or -4 for [..., coil, z, y, x].
    Returns:
        float32 without the coil axis; in SDs of the noise where a covariance is given.
    """
    whitened = images if covariance is None else whiten(images, covariance, axis)
    return jnp.sqrt(jnp.sum(jnp.abs(whitened) ** 2, axis=axis))


def whiten(images: Array, covariance: np.ndarray, axis: int = -3) -> Array:
    """Virtual coils of white noise, E|n|^2 = 1; complex64 of the same shape; `axis` is that of the coils."""
    coils = images.shape[axis]
    if np.shape(covariance) != (coils, coils):
        raise ScannerError(f"a noise covariance of {np.shape(covariance)} for {coils} coils; wanted {(coils, coils)}")
    return _mix(images, whitening_of(np.asarray(covariance)).astype(np.complex64), axis)


def optimal(images: Array, maps: Array, covariance: np.ndarray, axis: int = -3) -> Array:
    """Combination of highest SNR, unbiased where maps are known: (s^H C^-1 d) / (s^H C^-1 s).

    Args:
        images: complex64 [..., coil, y, x].
        maps: sensitivities, of the same shape or broadcast to it.
        covariance: of the coils' noise [coil, coil].
        axis: of the coils.
    Returns:
        complex64 without the coil axis; zero where all sensitivities are.
    """
    return _matched(whiten(images, covariance, axis), whiten(maps, covariance, axis), axis)


def adaptive(
    images: Array, covariance: np.ndarray, block: int | tuple[int, ...] = 9, iterations: int = 32
) -> tuple[Array, Array]:
    """Combination by the dominant eigenvector of the coils' local covariance, which stands for their sensitivities.

    Args:
        images: complex64 [coil, y, x] or [coil, z, y, x].
        covariance: of the coils' noise [coil, coil].
        block: pixels along every axis, or each, over which the local covariance is summed; odd.
        iterations: see `dominant`.
    Returns:
        image complex64 [(z,) y, x], in SDs (E|n|^2 = 1) of the noise, phase relative to the first principal virtual
        coil; the unit eigenvectors of the whitened coils, complex64 [coil, (z,) y, x].
    Raises:
        ScannerError: an even or too large block.
    """
    sizes = (block,) * (images.ndim - 1) if isinstance(block, int) else tuple(block)
    if images.ndim not in (3, 4) or len(sizes) != images.ndim - 1 or any(b < 1 or b % 2 == 0 for b in sizes):
        raise ScannerError(
            f"coil images of {images.ndim} axes with blocks of {sizes} pixels; wanted [coil, (z,) y, x], and an odd "
            "number for each axis but the coils'"
        )
    white = whiten(images, covariance, -images.ndim)
    rows = max(1, ROWS_BYTES // (8 * len(images) ** 2 * int(np.prod(images.shape[2:]))))
    return _adaptive(white, sizes, min(rows, images.shape[1]), iterations)


@partial(jax.jit, static_argnames=("sizes", "rows", "iterations"))
def _adaptive(white: Array, sizes: tuple[int, ...], rows: int, iterations: int) -> tuple[Array, Array]:
    """Some rows of the first axis at a time, with those that their blocks reach."""
    flat = white.reshape(len(white), -1)
    reference = jnp.linalg.eigh(jnp.matmul(flat, flat.conj().T, precision="highest"))[1][:, -1]
    count, halo = white.shape[1], sizes[0] // 2
    padded = jnp.pad(white, [(0, 0), (halo, halo + -count % rows), *((b // 2, b // 2) for b in sizes[1:])])

    def some(start: Array) -> Array:
        part = jax.lax.dynamic_slice_in_dim(padded, start, rows + 2 * halo, axis=1)
        return dominant(_boxes(part[:, None] * jnp.conj(part), sizes), reference, iterations)[0]

    vectors = jnp.moveaxis(jax.lax.map(some, jnp.arange(0, count, rows)), 1, 0)
    vectors = vectors.reshape(len(white), -1, *white.shape[2:])[:, :count]
    return jnp.sum(jnp.conj(vectors) * white, axis=0), vectors


def _boxes(values: Array, sizes: tuple[int, ...]) -> Array:
    """Sums over boxes along the last axes, only where they lie inside."""
    for axis, size in enumerate(sizes, start=values.ndim - len(sizes)):
        window = tuple(size if i == axis else 1 for i in range(values.ndim))
        values = jax.lax.reduce_window(values, np.complex64(0), jax.lax.add, window, (1,) * values.ndim, "valid")
    return values


@partial(jax.jit, static_argnames="axis")
def _mix(images: Array, matrix: Array, axis: int) -> Array:
    mixed = jnp.tensordot(matrix, images, axes=(1, images.ndim + axis), precision="highest")
    return jnp.moveaxis(mixed, 0, axis)


@partial(jax.jit, static_argnames="axis")
def _matched(images: Array, maps: Array, axis: int) -> Array:
    power = jnp.sum(jnp.abs(maps) ** 2, axis=axis)
    return jnp.sum(jnp.conj(maps) * images, axis=axis) / jnp.where(power > 0, power, jnp.inf)
