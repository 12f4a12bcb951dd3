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
    return _levels(image, _sizes(image.shape, levels), name, 1)


@partial(jax.jit, static_argnames=("levels", "name"))
def synthesise(coefficients: Array, levels: int, name: Name = "db4") -> Array:
    """The inverse of `analyse`, which is its adjoint."""
    return _levels(coefficients, _sizes(coefficients.shape, levels)[::-1], name, 0)


def _levels(image: Array, sizes: list[tuple[int, ...]], name: Name, contracted: int) -> Array:
    """Multiply the corner of every level, along every axis, by the level's matrix or its transpose.

    A dense matrix of one axis is quicker to compile than taps and rolls, and as quick to run up to some 500 pixels.
    """
    parts = jnp.stack([image.real, image.imag]) if jnp.iscomplexobj(image) else image[None]
    for size in sizes:
        corner = (slice(None), *[slice(n) for n in size])
        here = parts[corner]
        for axis, n in enumerate(size, 1):
            if image.shape[axis - 1] >= SHORTEST:
                turned = jnp.tensordot(_matrix(name, n), here, ((contracted,), (axis,)), precision="highest")
                here = jnp.moveaxis(turned, 0, axis)
        parts = parts.at[corner].set(here)
    return jax.lax.complex(parts[0], parts[1]) if jnp.iscomplexobj(image) else parts[0]


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


@lru_cache(maxsize=64)
def _matrix(name: Name, count: int) -> np.ndarray:
    """One level of a periodic axis, orthonormal, float32 [coefficient, pixel]: approximations, then details."""
    low = low_pass(name)
    high = low[::-1] * (-1.0) ** np.arange(len(low))
    matrix = np.zeros((count, count))
    row = np.arange(count // 2)
    for k, taps in enumerate(zip(low, high)):
        for block, tap in enumerate(taps):
            np.add.at(matrix, (row + block * (count // 2), (2 * row + k) % count), tap)
    return matrix.astype(np.float32)


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
