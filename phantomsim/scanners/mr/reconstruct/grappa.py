"""GRAPPA: unmeasured lines as combinations of their measured neighbours in all coils.

Griswold et al. 2002, doi:10.1002/mrm.10171. The g-factor follows from the weights in image space (Breuer et al. 2009,
doi:10.1002/mrm.22066). Axes are [coil, z, y, x] inside, x being the readout; a 2D matrix has one z.
"""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from phantomsim.errors import ScannerError
from phantomsim.scanners.mr.reconstruct.centred import pixels
from phantomsim.scanners.mr.reconstruct.grappa_calibrate import Kernel, calibrate, offsets_of
from phantomsim.scanners.mr.reconstruct.lattice import find_lattice, mask_of, reach_of, steps_of

__all__ = ["Kernel", "calibrate", "fill", "find_lattice", "g_factor", "grappa", "image_weights"]

Array = jax.Array


def fill(kspace: Array, kernel: Kernel, first: tuple[int, int] | int) -> Array:
    """Fill the lines between those of the lattice; other lines of the input are neither used nor kept.

    Args:
        kspace: complex64 [coil, y, x] or [coil, z, y, x].
        kernel: from `calibrate`.
        first: index of the lattice's first line: y, or (z, y).
    Returns:
        complex64 of the same shape. Beyond the edges of k-space sources count as zero.
    """
    full = kspace if kspace.ndim == 4 else kspace[:, None]
    start = (0, first) if isinstance(first, int) else first
    rows = [_rows(*axis) for axis in zip(full.shape[1:3], start, kernel.acceleration)]
    return _fill(full, kernel, *rows).reshape(kspace.shape)


def grappa(
    kspace: Array,
    taken: np.ndarray,
    acceleration: tuple[int, int] | int,
    sources: tuple[int, int, int] | None = None,
    regularisation: float = 1e-6,
    kernel: Kernel | None = None,
) -> Array:
    """Calibrate on the fully sampled centre, fill, and keep every line that was measured.

    Args:
        kspace: complex64 [coil, y, x] or [coil, z, y, x], unmeasured lines zero.
        taken: which lines were measured, bool [y] or [z, y].
        acceleration, sources, regularisation: as for `calibrate`; R need not divide the number of lines.
        kernel: of an earlier calibration.
    Returns:
        complex64, full matrix. Lines beyond the lattice's ends (partial Fourier) stay empty.
    Raises:
        ScannerError: see `find_lattice`, `calibrate`; or the mask does not fit the matrix.
    """
    mask, full = mask_of(taken), kspace if kspace.ndim == 4 else kspace[:, None]
    if mask.shape != full.shape[1:3]:
        raise ScannerError(f"a mask of {mask.shape} lines for k-space of {full.shape[1:3]}; they must be the same")
    lattice = find_lattice(taken, acceleration)
    if kernel is None:
        z, y = lattice.calibration
        block = np.asarray(full[:, z, y])
        kernel = calibrate(block[:, 0] if kspace.ndim == 3 else block, acceleration, sources, regularisation)
    filled = fill(kspace, kernel, lattice.first).reshape(full.shape)
    reach = reach_of(mask, lattice.first, kernel.acceleration)
    return jnp.where(mask[:, :, None], full, jnp.where(reach[:, :, None], filled, 0)).reshape(kspace.shape)


@partial(jax.jit, static_argnames="shape")
def image_weights(kernel: Kernel, shape: tuple[int, ...]) -> Array:
    """Weights as factors in image space: coil images of the lattice's lines alone, times these, are the unfolded ones.

    Args:
        shape: pixels (y, x) or (z, y, x) (static).
    Returns:
        complex64 [coil out, coil in, *shape]; the identity (times one) for the measured lines themselves included.
    """
    rz, ry = kernel.acceleration
    counts = kernel.weights.shape[3:]
    size = shape if len(shape) == 3 else (1, *shape)
    coils = kernel.weights.shape[1]
    total = jnp.eye(coils, dtype=jnp.complex64)[:, :, None, None, None]
    for (tz, ty), weights in zip(kernel.targets, kernel.weights):
        distances = offsets_of(counts[0], rz) - tz, offsets_of(counts[1], ry) - ty, offsets_of(counts[2], 1)
        # A source at distance d from its target turns by exp(-2 pi i d r).
        terms = [np.exp(-2j * np.pi * np.outer(d, pixels(n))).astype(np.complex64) for d, n in zip(distances, size)]
        total = total + jnp.einsum("oizyx,za,yb,xc->oiabc", weights, *terms, precision="highest")
    return total.reshape(coils, coils, *shape)


def g_factor(weights: Array, combination: Array, covariance: np.ndarray, acceleration: tuple[int, int] | int) -> Array:
    """Analytic g-factor of GRAPPA without its calibration lines (Breuer 2009, eq. 8).

    Args:
        weights: from `image_weights` [out, in, ...].
        combination: complex [coil, ...], what the unfolded coil images are multiplied by and summed.
        covariance: of the coils' noise [coil, coil].
        acceleration: R, or (R_z, R_y).
    Returns:
        float32 [...]; the SD of the image is g sqrt(R) times that of full sampling.
    """
    return _g(weights, combination, np.linalg.cholesky(covariance).astype(np.complex64)) / np.prod(
        steps_of(acceleration)
    )


@jax.jit
def _g(weights: Array, combination: Array, root: Array) -> Array:
    joint = jnp.einsum("o...,oi...->i...", combination, weights, precision="highest")
    noise = [
        jnp.sum(jnp.abs(jnp.einsum("i...,ij->j...", p, root, precision="highest")) ** 2, 0)
        for p in (joint, combination)
    ]
    return jnp.sqrt(noise[0] / jnp.maximum(noise[1], jnp.finfo(jnp.float32).tiny))


def _rows(count: int, first: int, step: int) -> np.ndarray:
    """Lines of the lattice; where it begins after line 0, also the one before it, which counts as zero."""
    begin = first % step
    return np.arange(begin - step if begin else begin, count, step)


@jax.jit
def _fill(kspace: Array, kernel: Kernel, rows_z: Array, rows_y: Array) -> Array:
    rows = rows_z[:, None], rows_y[None, :]
    inside = (rows[0] >= 0) & (rows[1] >= 0)
    lines = jnp.where(inside[:, :, None], kspace[:, jnp.maximum(rows[0], 0), jnp.maximum(rows[1], 0)], 0)
    found = _convolve(lines, jnp.asarray(kernel.weights))
    full = jnp.zeros_like(kspace)
    for target, part in zip([(0, 0), *kernel.targets], [lines, *found]):
        at = [jnp.where(r + t < 0, n, r + t) for r, t, n in zip(rows, target, kspace.shape[1:])]
        full = full.at[:, at[0], at[1]].set(part, mode="drop")
    return full


def _convolve(lines: Array, weights: Array) -> Array:
    """Weighted neighbours of every line of the lattice, [target, coil, z, y, x]; one real convolution."""
    targets, out, into, *counts = weights.shape
    w = weights.reshape(targets * out, into, *counts)
    real = jnp.concatenate([jnp.concatenate([w.real, -w.imag], 1), jnp.concatenate([w.imag, w.real], 1)])
    pad = [(-int(o[0]), int(o[-1])) for o in (offsets_of(n, 1) for n in counts)]
    parts = jnp.concatenate([lines.real, lines.imag])[None]
    found = jax.lax.conv_general_dilated(parts, real, (1, 1, 1), pad, precision="highest")[0]
    half = targets * out
    return jax.lax.complex(found[:half], found[half:]).reshape(targets, out, *lines.shape[1:])
