"""Partial Fourier: images from a little more than half of the phase-encoding lines.

Homodyne: Noll, Nishimura and Macovski 1991, doi:10.1109/42.79473. Projection onto convex sets (POCS): Haacke, Lindskog
and Lin 1991, doi:10.1016/0022-2364(91)90253-P. The phase axis is the last but one; the measured lines reach from one
end of k-space past its centre.
"""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np

from phantomsim.errors import ScannerError
from phantomsim.scanners.mr.reconstruct.centred import to_pixels, to_samples
from phantomsim.scanners.mr.reconstruct.fourier import to_image

Array = jax.Array


def partial_lines(count: int, fraction: float, early: bool = False) -> np.ndarray:
    """Which lines a partial Fourier scan measures, bool [count].

    Args:
        count: lines of the full matrix.
        fraction: of them that are measured; above 1/2, up to 1. The number of lines is rounded up.
        early: keep the lines of lowest index; otherwise those of highest.
    Raises:
        ScannerError: the lines would not reach past the centre.
    """
    if not 0.5 < fraction <= 1:
        raise ScannerError(f"partial Fourier {fraction:g}; must be above 0.5, up to 1. Take 0.625 or 0.75")
    taken = np.zeros(count, bool)
    lines = math.ceil(fraction * count - 1e-9)
    taken[slice(lines) if early else slice(count - lines, None)] = True
    symmetric_half_width(taken)
    return taken


def symmetric_half_width(taken: np.ndarray) -> int:
    """H, so that the lines of offset -H to H from the centre were all measured.

    Raises:
        ScannerError: the lines are not one run that begins or ends at an end of k-space and goes past the centre.
    """
    taken = np.asarray(taken, bool)
    at = np.flatnonzero(taken) - len(taken) // 2
    whole = len(at) > 0 and at[-1] - at[0] + 1 == len(at) and (taken[0] or taken[-1])
    if not whole or min(-at[0], at[-1]) < 1:
        raise ScannerError(
            f"{int(taken.sum())} of {len(taken)} lines were measured; partial Fourier needs one run of lines from "
            "an end of k-space to at least one line past its centre. Measure more lines, or fill gaps by GRAPPA first"
        )
    return int(min(-at[0], at[-1]))


def weighting(taken: np.ndarray, ramp: int = 8) -> np.ndarray:
    """Noll's trapezoid: W(j) + W(-j) = 2, zero at unmeasured lines; float64 [line].

    Args:
        taken: measured lines, bool [line].
        ramp: lines over which the weight goes from 0 to 1 and from 1 to 2; at most the symmetric half width.
    """
    taken, half = np.asarray(taken, bool), symmetric_half_width(taken)
    j = np.arange(len(taken)) - len(taken) // 2
    if taken.all():
        return np.ones(len(taken))
    ahead = j if taken[-1] else -j
    width = min(max(ramp, 1), half)
    rise = np.clip((ahead + half + 0.5) / width, 0, 1) + np.clip((ahead - half - 0.5) / width + 1, 0, 1)
    own = (2 * j == -len(taken)) & taken  # the line at the Nyquist frequency is its own mirror image
    return np.where(own, 1.0, np.where(taken, rise, 0.0))


def centre_window(taken: np.ndarray) -> np.ndarray:
    """Hann window of the symmetric centre, for the low-resolution phase; float64 [line]."""
    half = symmetric_half_width(taken)
    j = np.arange(len(taken)) - len(taken) // 2
    return np.where(abs(j) <= half, np.cos(np.pi * j / (2 * half + 2)) ** 2, 0.0)


def zero_filled(kspace: Array, fov_mm: tuple[float, float]) -> Array:
    """Image of the measured lines alone: complex64 [..., y, x], per mm^2 (see `to_image`)."""
    return to_image(kspace, fov_mm)


def homodyne(kspace: Array, taken: np.ndarray, fov_mm: tuple[float, float], ramp: int = 8) -> Array:
    """Homodyne image: weighted lines, turned by the phase of the symmetric centre.

    Args:
        kspace: complex64 [..., line, sample], zero where unmeasured; one coil or many, each turned by its own phase.
        taken: measured lines, bool [line].
        fov_mm: along (phase, readout).
        ramp: see `weighting`.
    Returns:
        complex64 [..., y, x], per mm^2, low-resolution phase removed: the real part is the estimate.
    Raises:
        ScannerError: see `symmetric_half_width`.
    """
    return _homodyne(kspace, _column(weighting(taken, ramp)), _column(centre_window(taken)), fov_mm)


@jax.jit
def _homodyne(kspace: Array, weights: Array, window: Array, fov_mm: tuple[float, float]) -> Array:
    return to_image(kspace * weights, fov_mm) * jnp.conj(_unit(to_image(kspace * window, fov_mm)))


def pocs(kspace: Array, taken: np.ndarray, fov_mm: tuple[float, float], iterations: int = 12, ramp: int = 8) -> Array:
    """Projections in turn onto images of the low-resolution phase and onto the measured lines.

    Args:
        kspace, taken, fov_mm: as for `homodyne`.
        iterations: how often.
        ramp: lines next to the unmeasured ones in which measured and estimated samples blend.
    Returns:
        complex64 [..., y, x], per mm^2, phase kept.
    """
    kept = np.minimum(weighting(taken, ramp), 1.0)
    return _pocs(kspace, _column(kept), _column(centre_window(taken)), fov_mm, iterations)


@jax.jit
def _pocs(kspace: Array, kept: Array, window: Array, fov_mm: tuple[float, float], iterations: int) -> Array:
    phase = _unit(to_pixels(kspace * window))
    lines = to_pixels(kspace, (-1,))

    def project(_: int, guess: Array) -> Array:
        real = phase * jnp.maximum(jnp.real(guess * jnp.conj(phase)), 0)
        return to_pixels(kept * lines + (1 - kept) * to_samples(real, (-2,)), (-2,))

    image = jax.lax.fori_loop(0, iterations, project, to_pixels(lines, (-2,)))
    ny, nx = kspace.shape[-2:]
    return image * (ny * nx / (fov_mm[0] * fov_mm[1]))


def _column(values: np.ndarray) -> np.ndarray:
    return values.astype(np.float32)[:, None]


def _unit(values: Array) -> Array:
    """Phase factors; 1 where there is nothing."""
    size = jnp.abs(values)
    return jnp.where(size > 0, values / jnp.where(size > 0, size, 1), 1)
