"""Steady states of repeated pulses, without a sequence."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from phantomsim.scanners.mr.epg.play import run
from phantomsim.scanners.mr.epg.train import Train

Array = jax.Array
SETTLED = 8.0  # T1 after which a steady state is taken to be reached: exp(-8) = 3e-4 of the way is left


def repeated(TR_ms: float, flip_deg: Any, phase_rad: np.ndarray, order: int = 1) -> Train:
    """One pulse after another, `order` quanta of dephasing between them, each read at once with its own phase.

    Args:
        flip_deg: one, or one for each pulse [P].
        phase_rad: of the pulses and the receiver [P].
    """
    count = len(phase_rad)
    index, zeros = np.arange(count, dtype=np.int32), np.zeros(count)
    first = index == 0
    flip = jnp.deg2rad(flip_deg) * jnp.ones(count) if isinstance(flip_deg, jax.Array) else np.deg2rad(flip_deg)
    phase = np.remainder(phase_rad + np.pi, 2 * np.pi) - np.pi
    return Train(
        before_s=np.where(first, 0.0, TR_ms / 1000),
        order=np.where(first, 0, order).astype(np.int32),
        spoiled=np.zeros(count, bool),
        flip_rad=flip if isinstance(flip, jax.Array) else np.broadcast_to(flip, (count,)),
        linear=np.ones(count),
        early_s=zeros,
        late_s=zeros,
        course_s=np.zeros((count, 9)),
        phase_in_rad=phase,
        phase_out_rad=phase,
        shots=index,
        step=index,
        echo=np.zeros(count, np.int32),
        after_s=zeros,
        receiver_rad=phase,
        reference_s=zeros,
        dephasing_s=zeros,
        reference=np.zeros(count, np.int32),
        quantum_per_mm=np.zeros(3),
    )


def rf_spoiled(
    T1_ms: Any, T2_ms: Any, TR_ms: float, flip_deg: Any, increment_deg: float = 117.0, transmit: Any = 1.0
) -> Array:
    """Spoiled gradient echo at TE -> 0 in the steady state of quadratic phases (Zur 1991, doi:10.1002/mrm.1910210210).

    Follows every repetition until `SETTLED` T1 have passed, without diffusion.

    Returns:
        complex64 [V]; multiply by exp(-TE/T2*).
    """
    count = int(np.ceil(SETTLED * float(np.max(T1_ms)) / TR_ms)) + 2
    n = np.arange(count)
    phase = np.deg2rad(np.remainder(increment_deg * (n * (n + 1) // 2), 360.0))
    return run(repeated(TR_ms, flip_deg, phase), T1_ms, T2_ms, transmit)[:, -1]


@jax.jit
def bssfp(T1_ms: Any, T2_ms: Any, TR_ms: Any, TE_ms: Any, flip_deg: Any, turn_rad: Any = 0.0) -> Array:
    """Balanced steady state of pulses of alternating sign (Freeman and Hill 1971, doi:10.1016/0022-2364(71)90111-3).

    Args:
        turn_rad: precession off resonance in TR; all arguments broadcast.
    Returns:
        complex64, with the phase that off-resonance gives from the pulse to TE.
    """
    a, b = jnp.deg2rad(flip_deg), turn_rad + jnp.pi
    E1, E2 = jnp.exp(-TR_ms / T1_ms), jnp.exp(-TR_ms / T2_ms)
    below = (1 - E1 * jnp.cos(a)) * (1 - E2 * jnp.cos(b)) - E2 * (E1 - jnp.cos(a)) * (E2 - jnp.cos(b))
    scale = (1 - E1) * jnp.sin(a) * jnp.exp(-TE_ms / T2_ms) / below
    after = scale * jax.lax.complex(*jnp.broadcast_arrays(1 - E2 * jnp.cos(b), -E2 * jnp.sin(b)))
    return after * jnp.exp(-1j * turn_rad * TE_ms / TR_ms)


def bssfp_flip_deg(T1_ms: Any, T2_ms: Any) -> Array:
    """Flip angle of the largest balanced signal on resonance where TR << T2: arccos((T1 - T2) / (T1 + T2)) [deg].

    Hargreaves et al. 2001, doi:10.1002/mrm.1170.
    """
    T1, T2 = jnp.asarray(T1_ms, jnp.float32), jnp.asarray(T2_ms, jnp.float32)
    return jnp.degrees(jnp.arccos((T1 - T2) / (T1 + T2)))
