"""Concomitant fields: what a gradient adds to the field's size because it has curl and divergence zero.

Bernstein et al. 1998, doi:10.1002/mrm.1910390218: to second order in the gradients, for transverse gradient coils of
the usual symmetry (alpha = 1/2).
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from phantomsim.scanners.mr.fields.dipole import GAMMA_BAR_Hz_per_T

T_PER_mT_mm_PER_m = 1e-6  # 1 mT/m x 1 mm


def concomitant_Hz(
    points_mm: jax.Array, gradient_mT_per_m: jax.Array, field_T: float, field_axis: str = "z"
) -> jax.Array:
    """Off-resonance by concomitant fields, [...] Hz.

    With B0 along z: (Gx^2 z^2 + Gy^2 z^2 + Gz^2 (x^2 + y^2)/4 - Gx Gz x z - Gy Gz y z) / 2 B0; for other axes of B0 the
    three turn in a circle.

    Args:
        points_mm: (x, y, z) from the isocentre [..., 3].
        gradient_mT_per_m: (Gx, Gy, Gz) [..., 3]; broadcasts with the points.
        field_axis: axis of B0 (static).
    """
    axis = "xyz".index(field_axis)
    order = ((axis + 1) % 3, (axis + 2) % 3, axis)
    x, y, z = (jnp.asarray(points_mm)[..., i] for i in order)
    gx, gy, gz = (jnp.asarray(gradient_mT_per_m)[..., i] for i in order)
    square = (gx * z - gz * x / 2) ** 2 + (gy * z - gz * y / 2) ** 2
    return square * (T_PER_mT_mm_PER_m**2 / (2 * field_T) * GAMMA_BAR_Hz_per_T)
