"""From readings to water paths: air calibration, low signals, logarithm, beam hardening."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from phantomsim.scanners.ct.beam import PATH_MM, Bases

LONGEST_MM = 600.0  # of water; longer paths go on with the last ratio
DEGREE = 7


@jax.jit
def line_integrals(counts: jax.Array, air: jax.Array, floor: jax.Array | float) -> jax.Array:
    """Minus the logarithm of readings over those in air.

    Low signals: a reading below `floor` is raised to it. That bounds streaks and keeps the logarithm finite,
    at the price of a bias towards less attenuation behind the most opaque paths.

    Args:
        counts: readings [view, row, column].
        air: readings in air, broadcast against them.
        floor: least reading taken at its word, in the unit of `counts`.
    """
    return -jnp.log(jnp.maximum(counts, floor) / air)


def water_polynomial(bases: Bases, beam_hardening: str) -> np.ndarray:
    """Coefficients of path / line integral as a polynomial in line integral / LONGEST (host side).

    Herman, Phys. Med. Biol. 24 (1979) 81, doi:10.1088/0031-9155/24/1/008: the water correction.

    Returns:
        float32 [DEGREE + 2], highest power first, then the line integral of LONGEST_MM of water.
    """
    path = np.linspace(0.1, LONGEST_MM, 1200)
    integral = bases.water_curve(path)
    if beam_hardening == "none":
        ratio = np.zeros(DEGREE + 1)
        ratio[-1] = PATH_MM / bases.water_curve(np.array([PATH_MM]))[0]
    else:
        ratio = np.polyfit(integral / integral[-1], path / integral, DEGREE)
    return np.append(ratio, integral[-1]).astype(np.float32)


@jax.jit
def water_paths(integrals: jax.Array, polynomial: jax.Array) -> jax.Array:
    """Path of water that gives each line integral [mm]; see `water_polynomial`."""
    position = jnp.clip(integrals / polynomial[-1], 0, 1)
    return integrals * jnp.polyval(polynomial[:-1], position)
