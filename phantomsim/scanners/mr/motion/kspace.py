"""What k-space and coils see of a patient in another pose.

A patient m(r) at rest becomes m(R^-1 (r - d)). Substituting r = R u + d in the Fourier integral of coil c,

    S'_c(k) = exp(-2 pi i k . d) integral m(u) C_c(R u + d) exp(-2 pi i (R^T k) . u) du:

the resting patient, sampled at turned k, under sensitivities (and a transmit field) seen where its points have gone.
B0 of the moved patient is taken to move along; it changes with the angle to B0, which is left out.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp


def moved_points(points_mm: jax.Array, rotation: jax.Array, shift_mm: jax.Array) -> jax.Array:
    """Where points of the resting patient are in a pose, R r + d.

    Args:
        points_mm: (x, y, z) from the isocentre [..., 3].
        rotation: [3, 3]; shift_mm: [3], see `Poses`.
    """
    return jnp.matmul(points_mm, jnp.swapaxes(rotation, -1, -2), precision="highest") + shift_mm


def moved_k(k_per_mm: jax.Array, rotation: jax.Array, shift_mm: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Where in the resting patient's k-space a sample lies, and the factor of its signal.

    Args:
        k_per_mm: (kx, ky, kz) that the gradients asked for [..., 3].
        rotation: [3, 3]; shift_mm: [3].
    Returns:
        R^T k [..., 3] 1/mm and exp(-2 pi i k . d), complex64 [...].
    """
    turned = jnp.matmul(k_per_mm, rotation, precision="highest")
    return turned, shift_phase(k_per_mm, shift_mm)


def shift_phase(k_per_mm: jax.Array, shift_mm: jax.Array) -> jax.Array:
    """Factor of the signal of a patient who is shifted, exp(-2 pi i k . d), complex64 [...]."""
    turns = jnp.sum(jnp.asarray(k_per_mm) * shift_mm, -1)
    angle = -2 * jnp.pi * (turns - jnp.round(turns))
    return jax.lax.complex(jnp.cos(angle), jnp.sin(angle))
