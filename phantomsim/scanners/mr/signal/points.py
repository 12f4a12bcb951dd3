"""Samples that lie on no lattice: a NUFFT of every mode and coil."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from phantomsim.scanners.mr.nufft import Kernel, to_points

Array = jax.Array
ACCURATE = Kernel.within(1e-4)


@jax.jit
def samples(images: Array, k_per_mm: Array, spacing_mm: Array, middle_mm: Array, kind: Array, basis: Array) -> Array:
    """Samples of one slice (or slab) along any paths; boxes are integrated exactly.

    Args:
        images: complex64 [R, coil, (z,) y, x].
        k_per_mm: in the order of the images' axes [shot, sample, d].
        spacing_mm: of pixels along them [d].
        middle_mm: of the image from the isocentre along them [d].
        kind: of each shot, int32 [shot].
        basis: complex64 [kind, sample, R].
    Returns:
        complex64 [coil, shot, sample].
    """
    shots, count, _ = k_per_mm.shape
    flat = k_per_mm.reshape(-1, k_per_mm.shape[-1])
    factor = jnp.prod(jnp.sinc(flat * spacing_mm) * spacing_mm, -1)
    turns = flat * middle_mm
    angle = -2 * jnp.pi * jnp.sum(turns - jnp.round(turns), -1)
    factor = factor * jax.lax.complex(jnp.cos(angle), jnp.sin(angle))
    found = to_points(images, flat * spacing_mm, ACCURATE) * factor
    found = found.reshape(*images.shape[:2], shots, count)
    return jnp.einsum("kcns,nsk->cns", found, basis[kind], precision="highest")


def in_order(k_per_mm: np.ndarray, dimensions: int) -> np.ndarray:
    """(kx, ky, kz) in the order of an image's axes, float32 [..., d]."""
    return np.ascontiguousarray(k_per_mm[..., :dimensions][..., ::-1], np.float32)
