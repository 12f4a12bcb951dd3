"""How far each ray is to be trusted."""

from __future__ import annotations

import jax
import jax.numpy as jnp


def inverse_variance(
    readings: jax.Array, quantum: jax.Array | float, electronic: jax.Array | float, slope_per_mm: jax.Array | float
) -> jax.Array:
    """Inverse variance of water paths, estimated from the readings themselves.

    A reading I has the variance quantum x I + electronic^2; its logarithm that over I^2, to first order (Sauer and
    Bouman, IEEE Trans. Signal Process. 41 (1993) 534, doi:10.1109/78.193196; with electronic noise: Thibault et al.,
    Proc. SPIE 6065 (2006) 60650X, doi:10.1117/12.660281).

    Args:
        readings: I [..., view, row, column], in any unit.
        quantum: variance of a reading free of electronic noise over its mean, in that unit: for absorbed energy
            E(keV^2) / E(keV), for counts 1.
        electronic: SD of the electronic noise, in that unit.
        slope_per_mm: derivative of the log reading by the water path, about .02.
    Returns:
        [1/mm^2], 0 for readings that are not above 0.
    """
    signal = jnp.maximum(readings, 0)
    variance = quantum * signal + electronic**2
    return slope_per_mm**2 * signal**2 / jnp.where(variance > 0, variance, 1)
