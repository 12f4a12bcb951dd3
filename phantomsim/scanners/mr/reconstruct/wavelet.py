"""Orthonormal wavelets of periodic images: Haar and Daubechies' with four vanishing moments (8 taps).

Daubechies 1988, doi:10.1002/cpa.3160410705; pyramid: Mallat 1989, doi:10.1109/34.192463.
"""

from __future__ import annotations

from functools import lru_cache, partial
from math import comb
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np

from phantomsim.errors import ScannerError

Array = jax.Array
Name = Literal["haar", "db4"]

MOMENTS = {"haar": 1, "db4": 4}
SHORTEST = 8  # an axis of fewer pixels is not transformed


@partial(jax.jit, static_argnames=("levels", "name"))
def analyse(image: Array, levels: int, name: Name = "db4") -> Array:
    """Wavelet coefficients, as many as pixels: the coarse part first along each axis, details after it.

    Args:
        image: real or complex [*N], all axes transformed; sizes as `padded` gives them.
        levels: static.
        name: "haar" or "db4" (static).
    Raises:
        ScannerError: an axis cannot be halved so often.
    """
    for size in _sizes(image.shape, levels):
        part = image[tuple(slice(n) for n in size)]
        for axis in _split(image.shape, levels):
            part = _halve(part, axis, name)
        image = image.at[tuple(slice(n) for n in size)].set(part)
    return image


@partial(jax.jit, static_argnames=("levels", "name"))
def synthesise(coefficients: Array, levels: int, name: Name = "db4") -> Array:
    """The inverse of `analyse`, which is its adjoint."""
    for size in reversed(_sizes(coefficients.shape, levels)):
        part = coefficients[tuple(slice(n) for n in size)]
        for axis in reversed(_split(coefficients.shape, levels)):
            part = _join(part, axis, name)
        coefficients = coefficients.at[tuple(slice(n) for n in size)].set(part)
    return coefficients


def padded(shape: tuple[int, ...], levels: int) -> tuple[int, ...]:
    """The next shape whose axes can be halved `levels` times; short axes are left alone."""
    return tuple(n if n < SHORTEST else -(-n >> levels) << levels for n in shape)


def coarse(shape: tuple[int, ...], levels: int) -> np.ndarray:
    """Where the coefficients of the coarsest approximation stand, bool [*N]."""
    inside = np.zeros(shape, bool)
    inside[tuple(slice(n >> levels if n >= SHORTEST else n) for n in shape)] = True
    return inside


@lru_cache(maxsize=8)
def low_pass(name: Name) -> np.ndarray:
    """Scaling filter of least phase, float64 [tap]: Daubechies' polynomial, by its roots inside the unit circle."""
    moments = MOMENTS[name]
    roots = np.roots([comb(moments - 1 + k, k) for k in range(moments)][::-1])
    taps = np.ones(1)
    for y in roots:
        # y = (2 - z - 1/z) / 4
        pair = np.roots([1, 4 * y - 2, 1])
        taps = np.convolve(taps, [1, -pair[np.argmin(np.abs(pair))]])
    for _ in range(moments):
        taps = np.convolve(taps, [1, 1])
    return np.real(taps) * np.sqrt(2) / np.sum(np.real(taps))


def _filters(name: Name) -> tuple[np.ndarray, np.ndarray]:
    low = low_pass(name)
    return low.astype(np.float32), (low[::-1] * (-1.0) ** np.arange(len(low))).astype(np.float32)


def _halve(x: Array, axis: int, name: Name) -> Array:
    """Approximation and detail: sum over k of filter_k x[2 n + k]."""
    even, odd = (jax.lax.slice_in_dim(x, start, x.shape[axis], 2, axis) for start in (0, 1))
    parts = [
        sum(tap * jnp.roll((even, odd)[k % 2], -(k // 2), axis) for k, tap in enumerate(taps))
        for taps in _filters(name)
    ]
    return jnp.concatenate(parts, axis)


def _join(x: Array, axis: int, name: Name) -> Array:
    parts = jnp.split(x, 2, axis)
    both = [
        sum(
            taps[k] * jnp.roll(part, k // 2, axis)
            for part, taps in zip(parts, _filters(name))
            for k in range(first, len(taps), 2)
        )
        for first in (0, 1)
    ]
    return jnp.stack(both, axis + 1).reshape(x.shape)


def _split(shape: tuple[int, ...], levels: int) -> list[int]:
    axes = [axis for axis, n in enumerate(shape) if n >= SHORTEST]
    for axis in axes:
        if levels < 1 or shape[axis] % (1 << levels):
            raise ScannerError(
                f"wavelets of {levels} levels on {shape[axis]} pixels: give 1 or more levels and pad the image to"
                f" {padded(shape, max(levels, 1))}"
            )
    return axes


def _sizes(shape: tuple[int, ...], levels: int) -> list[tuple[int, ...]]:
    axes = _split(shape, levels)
    return [tuple(n >> level if axis in axes else n for axis, n in enumerate(shape)) for level in range(levels)]
