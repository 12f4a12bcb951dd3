"""ESPIRiT: coil sensitivities from the fully sampled centre of k-space.

Uecker et al. 2014, doi:10.1002/mrm.24751. Patches of the calibration lines span a subspace; the sensitivities are the
eigenvectors of eigenvalue 1, pixel by pixel, of the projection onto it. The projection's kernels are summed in k-space
first, so that only coils x coils images are transformed, some rows at a time.
"""

from __future__ import annotations

from functools import partial
from itertools import product

import jax
import jax.numpy as jnp
import numpy as np

from phantomsim.errors import ScannerError
from phantomsim.scanners.mr.reconstruct.centred import pixels

Array = jax.Array

ROWS_BYTES = 2**22  # of the matrices that are held at a time


def espirit(
    calibration: Array | np.ndarray,
    shape: tuple[int, ...],
    kernel: int | tuple[int, ...] = 6,
    threshold: float = 0.02,
    crop: float = 0.9,
    iterations: int = 48,
) -> tuple[Array, Array]:
    """Coil sensitivities of one set of maps.

    Args:
        calibration: complex [coil, (z,) y, x], fully sampled block about the centre of k-space; best whitened.
        shape: pixels of the maps ((z,) y, x), over the same field of view.
        kernel: patch size in samples, along every axis or each.
        threshold: singular values of the calibration matrix below this share of the largest count as noise.
        crop: maps are zero where the eigenvalue lies below.
        iterations: of the power method.
    Returns:
        maps complex64 [coil, (z,) y, x], sum of squares 1 (or zero), phase relative to the calibration lines' first
        principal virtual coil; eigenvalue float32 [(z,) y, x], near 1 where there is signal.
    Raises:
        ScannerError: the block is smaller than the kernel, of the wrong dimensions or empty.
    """
    block = np.asarray(calibration, np.complex64)
    sizes = (kernel,) * len(shape) if isinstance(kernel, int) else tuple(kernel)
    _check(block, shape, sizes)
    patches = _correlation(_projection(block, sizes, threshold), len(block), sizes)
    axes = [np.exp(-2j * np.pi * np.outer(np.arange(1 - n, n), pixels(s))) for n, s in zip(sizes, shape)]
    waves = [a.astype(np.complex64) for a in axes]
    rows = max(1, ROWS_BYTES // (8 * len(block) ** 2 * int(np.prod(shape[1:]))))
    maps, value = _eigenmaps(patches, waves, jnp.asarray(_principal(block)), min(rows, shape[0]), iterations)
    return jnp.where(value > crop, maps, 0), value


def calibration_block(kspace: Array, widths: tuple[int, ...]) -> Array:
    """The block of `widths` samples about the centre of the last axes, coils first."""
    take = [slice(n // 2 - w // 2, n // 2 - w // 2 + w) for n, w in zip(kspace.shape[-len(widths) :], widths)]
    return kspace[(..., *take)]


def _projection(block: np.ndarray, sizes: tuple[int, ...], threshold: float) -> np.ndarray:
    """Projection onto the space of the patches, complex64 [coil patch, coil patch]; host side."""
    windows = np.lib.stride_tricks.sliding_window_view(block, sizes, tuple(range(1, block.ndim)))
    coils, dims = len(block), len(sizes)
    order = (0, *range(1 + dims, 1 + 2 * dims), *range(1, 1 + dims))
    patches = windows.transpose(order).reshape(coils * int(np.prod(sizes)), -1)
    wide = patches.shape[0] > patches.shape[1]  # many coils: fewer patches than samples in one
    value, vectors = np.linalg.eigh(patches.conj().T @ patches if wide else patches @ patches.conj().T)
    kept = value > threshold**2 * value[-1]
    basis = patches @ (vectors[:, kept] / np.sqrt(value[kept])) if wide else vectors[:, kept]
    return basis @ basis.conj().T


def _correlation(projection: np.ndarray, coils: int, sizes: tuple[int, ...]) -> np.ndarray:
    """Sum of the projection over patch positions of equal distance, complex64 [coil, coil, *distance]."""
    shape = (coils, *sizes, coils, *sizes)
    full, dims = projection.reshape(shape), len(sizes)
    total = np.zeros((coils, coils, *(2 * n - 1 for n in sizes)), np.complex64)
    for at in product(*map(range, sizes)):
        start = tuple(slice(n - 1 - a, 2 * n - 1 - a) for n, a in zip(sizes, at))
        total[(slice(None), slice(None), *start)] += np.moveaxis(full, range(1, 1 + dims), range(dims))[at]
    return total / np.float32(np.prod(sizes))


@partial(jax.jit, static_argnames=("rows", "iterations"))
def _eigenmaps(patches: Array, waves: list[Array], reference: Array, rows: int, iterations: int) -> tuple[Array, Array]:
    """Dominant eigenvector and eigenvalue at every pixel, some rows of the first axis at a time."""
    for wave in waves[:0:-1]:  # all axes but the first, the last one first
        patches = jnp.moveaxis(jnp.einsum("...d,dp->...p", patches, wave, precision="highest"), -1, 3)
    count = waves[0].shape[1]
    padded = jnp.pad(waves[0], ((0, 0), (0, -count % rows)))
    chunks = jnp.moveaxis(padded.reshape(padded.shape[0], -1, rows), 1, 0)

    def some(wave: Array) -> tuple[Array, Array]:
        matrix = jnp.einsum("cdk...,kp->cdp...", patches, wave, precision="highest")
        return dominant(matrix, reference, iterations)

    maps, value = jax.lax.map(some, chunks)
    maps = jnp.moveaxis(maps, 1, 0)
    return maps.reshape(maps.shape[0], -1, *maps.shape[3:])[:, :count], value.reshape(-1, *value.shape[2:])[:count]


def dominant(matrix: Array, reference: Array, iterations: int) -> tuple[Array, Array]:
    """Dominant eigenvector of Hermitian, non-negative matrices by the power method.

    Args:
        matrix: complex64 [coil, coil, ...].
        reference: complex64 [coil], the virtual coil relative to which phases are given.
        iterations: how often (static).
    Returns:
        unit vectors complex64 [coil, ...], zero where the matrix is; eigenvalues float32 [...].
    """

    def step(vector: Array, _: None) -> tuple[Array, None]:
        # Coil by coil: XLA makes one loop of it, several times faster on CPUs than a product of small matrices.
        return _unit(sum(matrix[:, coil] * vector[coil] for coil in range(len(vector)))), None

    # The column of the largest diagonal element is never orthogonal to the eigenvector that is sought.
    largest = jnp.argmax(jnp.real(jnp.diagonal(matrix)), axis=-1)
    start = _unit(jnp.take_along_axis(matrix, largest[None, None], axis=1)[:, 0])
    vector, _ = jax.lax.scan(step, start, length=iterations)
    turned = sum(matrix[:, coil] * vector[coil] for coil in range(len(vector)))
    value = jnp.real(jnp.sum(jnp.conj(vector) * turned, axis=0))
    turn = jnp.einsum("a,a...->...", jnp.conj(reference), vector, precision="highest")
    size = jnp.abs(turn)
    return vector * jnp.where(size > 0, jnp.conj(turn) / jnp.where(size > 0, size, 1), 1), value


def _unit(vector: Array | int) -> Array:
    size = jnp.sqrt(jnp.sum(jnp.abs(vector) ** 2, axis=0))
    return vector / jnp.where(size > 0, size, 1)


def _principal(block: np.ndarray) -> np.ndarray:
    """First principal virtual coil of the calibration lines, unit vector complex64 [coil]."""
    flat = block.reshape(len(block), -1).astype(complex)
    return np.linalg.eigh(flat @ flat.conj().T)[1][:, -1].astype(np.complex64)


def _check(block: np.ndarray, shape: tuple[int, ...], sizes: tuple[int, ...]) -> None:
    if block.ndim != len(shape) + 1 or len(shape) not in (2, 3) or len(sizes) != len(shape):
        raise ScannerError(
            f"calibration lines of shape {block.shape} for maps of shape {tuple(shape)}; wanted [coil, (z,) y, x] and "
            "((z,) y, x), of as many axes"
        )
    if any(n < k for n, k in zip(block.shape[1:], sizes)):
        raise ScannerError(
            f"calibration lines {block.shape[1:]} for a kernel of {sizes}; the block must be at least as large. "
            "Measure more calibration lines (24 are usual) or take a smaller kernel"
        )
    if not np.isfinite(block).all() or not block.any():
        raise ScannerError("the calibration lines hold no finite signal. Check that they were measured")
