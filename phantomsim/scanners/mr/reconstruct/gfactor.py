"""Noise and g-factor of any reconstruction by pseudo multiple replicas: Robson et al. 2008, doi:10.1002/mrm.21728."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from phantomsim.errors import ScannerError

Array = jax.Array


def noise_map(
    reconstruct: Callable[[Array], Array],
    kspace: Array,
    covariance: np.ndarray,
    key: Array,
    replicas: int = 64,
    measured: Array | np.ndarray | bool = True,
    at_once: int = 8,
    traceable: bool = True,
) -> Array:
    """SD of the noise of every pixel.

    Args:
        reconstruct: k-space to an image, real or complex.
        kspace: complex64 [coil, ...], without noise or with: the point about which a non-linear method is probed.
        covariance: E[n n^H] of the coils' noise in a sample [coil, coil].
        key: of JAX.
        replicas: how many; the SD's own relative error is 1 / sqrt(2 replicas), less for complex images.
        measured: 1 where samples were measured, broadcast to `kspace`: no noise is added elsewhere.
        at_once: replicas that are held in memory together.
        traceable: whether JAX can trace `reconstruct`; otherwise it is called replica by replica.
    Returns:
        float32, the image's shape: SD of a real image, or of either component of a complex one.
    Raises:
        ScannerError: fewer than two replicas.
    """
    if replicas < 2:
        raise ScannerError(f"{replicas} replicas; at least 2 are needed, and 50 or more for a map")
    root, mask = jnp.asarray(np.linalg.cholesky(covariance), jnp.complex64), jnp.asarray(measured)

    def departures(white: Array) -> Array:
        noisy = kspace + mask * jnp.einsum("ab,nb...->na...", root, white, precision="highest")
        images = jax.vmap(reconstruct)(noisy) if traceable else jnp.stack([reconstruct(k) for k in noisy])
        return images - centre

    centre = reconstruct(kspace)
    width = next(n for n in range(min(at_once, replicas), 0, -1) if replicas % n == 0)
    probe = jax.jit(departures) if traceable else departures
    total, squares = jnp.zeros_like(centre), jnp.zeros(centre.shape, jnp.float32)
    # Drawn outside and flat: else XLA takes ten seconds and more to compile the random numbers for a CPU.
    for group in range(replicas // width):
        white = jax.random.normal(jax.random.fold_in(key, group), (width * kspace.size,), jnp.complex64)  # E|n|^2 = 1
        found = probe(white.reshape(width, *kspace.shape))
        total, squares = total + found.sum(0), squares + jnp.sum(jnp.abs(found) ** 2, 0)
    parts = 2 if jnp.iscomplexobj(total) else 1
    return jnp.sqrt(jnp.maximum(squares - jnp.abs(total) ** 2 / replicas, 0) / (parts * (replicas - 1)))


def g_factor(accelerated: Array, full: Array, acceleration: float) -> Array:
    """g = SD of the accelerated scan over that of the full one, over sqrt(R); 0 where the full scan has no noise.

    Args:
        accelerated, full: SDs, of one shape, from `noise_map`, at the same noise per sample.
        acceleration: R, samples of the full scan over those of the accelerated one.
    """
    known = full > 0
    return jnp.where(known, accelerated / jnp.where(known, full, 1), 0) / jnp.sqrt(jnp.float32(acceleration))
