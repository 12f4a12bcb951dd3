"""Images with few wavelets: L1-regularised least squares.

Lustig et al. 2007, doi:10.1002/mrm.21391; by FISTA, Beck and Teboulle 2009, doi:10.1137/080716542.
"""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp

from phantomsim.scanners.mr.reconstruct.cg_sense import check
from phantomsim.scanners.mr.reconstruct.encoding import Encoding
from phantomsim.scanners.mr.reconstruct.wavelet import Name, analyse, coarse, padded, synthesise

Array = jax.Array

POWER_STEPS = 20  # of the power method
MARGIN = 1.05  # the power method comes from below


@partial(jax.jit, static_argnames=("iterations", "levels", "wavelet"))
def l1_wavelet(
    encoding: Encoding,
    data: Array,
    threshold: float = 0.005,
    iterations: int = 60,
    levels: int = 4,
    wavelet: Name = "db4",
    key: Array | None = None,
) -> Array:
    """Minimise |A x - y|^2 / 2 + threshold max|W A^H y| |W x|_1 over images x.

    Coefficients of the coarsest approximation are not sparse and are left out of the norm. Axes that cannot be halved
    often enough are continued beyond the image, where nothing was measured.

    Args:
        encoding: of whitened coils.
        data: whitened, complex64 [coil, ...].
        threshold: relative to the largest detail of A^H y; from 1 on only the approximation is left.
        iterations, levels, wavelet: static.
        key: shifts the wavelets' grid at random in every step, against block artefacts; None does not.
    Returns:
        complex64 [*N].
    Raises:
        ScannerError: iterations below 1, or data that do not fit the coils.
    """
    check(encoding, data, iterations)
    shape = encoding.maps.shape[1:]
    wide = padded(shape, levels)
    grown = [(0, w - n) for n, w in zip(shape, wide)]
    inside = tuple(slice(n) for n in shape)
    details = jnp.asarray(~coarse(wide, levels), jnp.float32)
    back = jnp.pad(encoding.adjoint(data), grown)
    level = threshold * jnp.max(jnp.abs(analyse(back, levels, wavelet)) * details)
    step = 1 / (MARGIN * largest(encoding, shape))

    def shrink(x: Array, shift: Array) -> Array:
        axes = tuple(range(x.ndim))
        coefficients = analyse(jnp.roll(x, shift, axes), levels, wavelet)
        return jnp.roll(synthesise(_soft(coefficients, step * level * details), levels, wavelet), -shift, axes)

    def iterate(state: tuple[Array, Array, Array], shift: Array) -> tuple[tuple[Array, Array, Array], None]:
        x, ahead, t = state
        gradient = jnp.pad(encoding.normal(ahead[inside]), grown) - back
        new = shrink(ahead - step * gradient, shift)
        later = (1 + jnp.sqrt(1 + 4 * t * t)) / 2
        return (new, new + (t - 1) / later * (new - x), later), None

    shifts = jnp.zeros((iterations, len(shape)), jnp.int32)
    if key is not None:
        shifts = jax.random.randint(key, shifts.shape, 0, 1 << levels)
    start = jnp.zeros_like(back)
    (image, *_), _ = jax.lax.scan(iterate, (start, start, jnp.float32(1)), shifts)
    return image[inside]


def largest(encoding: Encoding, shape: tuple[int, ...]) -> Array:
    """Largest eigenvalue of the normal operator, by the power method from one fixed start."""
    start = jax.random.normal(jax.random.key(0, impl="threefry2x32"), shape, jnp.complex64)

    def step(x: Array, _: None) -> tuple[Array, Array]:
        ahead = encoding.normal(x)
        norm = jnp.sqrt(jnp.sum(jnp.abs(ahead) ** 2))
        return ahead / jnp.maximum(norm, 1e-30), norm

    start = start / jnp.sqrt(jnp.sum(jnp.abs(start) ** 2))
    return jnp.maximum(jax.lax.scan(step, start, length=POWER_STEPS)[1][-1], 1e-30)


def _soft(coefficients: Array, level: Array) -> Array:
    size = jnp.abs(coefficients)
    return coefficients * jnp.where(size > level, 1 - level / jnp.where(size > level, size, 1), 0)
