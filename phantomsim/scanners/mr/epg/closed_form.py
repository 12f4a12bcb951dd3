"""Transverse magnetisation at the echo, by sequence, relative to that of water at equilibrium.

Steady states of ideally spoiled, instantaneous pulses, on resonance. For spoiled gradient echoes the Ernst formula
stands; with RF spoiling the true steady state departs from it at short TR (up to 12 % in brain at TR 10 ms).
Sources: Bernstein, King and Zhou, Handbook of MRI Pulse Sequences (2004), ch. 14; Ernst and Anderson 1966,
doi:10.1063/1.1719961. Every function takes arrays of equal shape and gives signed values: a tissue that is still
inverted is negative and cancels others in the same voxel.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

Array = jax.Array


@jax.jit
def spin_echo(T1_ms: Array, T2_ms: Array, TR_ms: float, TE_ms: float, flip_deg: float) -> Array:
    """Excitation, 180 degree pulse at TE/2, echo at TE.

    The refocusing pulse inverts what has recovered by then, hence the term in TR - TE/2.
    """
    cos, sin = _turn(flip_deg)
    late, whole = jnp.exp(-(TR_ms - TE_ms / 2) / T1_ms), jnp.exp(-TR_ms / T1_ms)
    longitudinal = (1 - 2 * late + whole) / (1 + cos * whole)
    return longitudinal * sin * jnp.exp(-TE_ms / T2_ms)


@jax.jit
def spoiled_gre(T1_ms: Array, T2star_ms: Array, TR_ms: float, TE_ms: float, flip_deg: float) -> Array:
    """Excitation and gradient echo at TE, transverse magnetisation spoiled before the next (Ernst)."""
    cos, sin = _turn(flip_deg)
    rest = -jnp.expm1(-TR_ms / T1_ms)
    # 1 - cos E1, without cancellation at small angles and TR << T1.
    return sin * rest / (1 - cos + cos * rest) * jnp.exp(-TE_ms / T2star_ms)


@jax.jit
def inversion_recovery(T1_ms: Array, T2_ms: Array, TR_ms: float, TE_ms: float, TI_ms: float, flip_deg: float) -> Array:
    """Inversion, TI, then a spin echo; TR from inversion to inversion."""
    cos, sin = _turn(flip_deg)
    inverted, late = jnp.exp(-TI_ms / T1_ms), jnp.exp(-(TR_ms - TE_ms / 2) / T1_ms)
    whole = jnp.exp(-TR_ms / T1_ms)
    longitudinal = (1 - 2 * inverted + 2 * late - whole) / (1 - cos * whole)
    return longitudinal * sin * jnp.exp(-TE_ms / T2_ms)


def ernst_deg(T1_ms: float, TR_ms: float) -> Array:
    """Flip angle of the largest spoiled gradient echo [deg]: arccos exp(-TR/T1)."""
    return jnp.degrees(jnp.arccos(jnp.exp(-TR_ms / T1_ms)))


def null_TI_ms(T1_ms: float, TR_ms: float) -> Array:
    """Inversion time that nulls a tissue, TE -> 0 [ms]: T1 (ln 2 - ln(1 + exp(-TR/T1)))."""
    return T1_ms * (jnp.log(2.0) - jnp.log1p(jnp.exp(-TR_ms / T1_ms)))


def _turn(flip_deg: float) -> tuple[Array, Array]:
    angle = jnp.deg2rad(flip_deg)
    return jnp.cos(angle), jnp.sin(angle)
