"""The echoes of a train in every tissue."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from phantomsim.errors import ScannerError
from phantomsim.scanners.mr.epg import states
from phantomsim.scanners.mr.epg.actions import Kinds, actions_of, taken
from phantomsim.scanners.mr.epg.padded import Shots, Steps, room, shots_of, steps_of
from phantomsim.scanners.mr.epg.train import Train, orders_of

Array = jax.Array
CHUNK = 256  # voxels at once on a CPU: their states stay in its cache


def run(
    train: Train,
    T1_ms: Any,
    T2_ms: Any,
    transmit: Any = 1.0,
    off_Hz: Any = 0.0,
    orders: int | None = None,
) -> Array:
    """Amplitude of every shot at its reference, in each tissue at equilibrium magnetisation 1.

    With T1 and T2 from the first pulse on, but without T2' and without the phase exp(-2 pi i off_Hz dephasing_s) that
    off-resonance gives to the reference: who encodes adds both. Off-resonance still acts on steady states (bSSFP).

    Args:
        T1_ms, T2_ms: relaxation times [V].
        transmit: transmit field over its nominal value [V], or one for all.
        off_Hz: frequency above the scanner's [V], or one for all.
        orders: how many are kept; None: `orders_of(train, T2)`. Costs grow with it.
    Returns:
        complex64 [V, N], real and positive after one pulse and a receiver of phase 0.
    Raises:
        ScannerError: an array is not [V], or a time is not positive.
    """
    voxels = _voxels(T1_ms, T2_ms, transmit, off_Hz)
    if orders is not None or isinstance(voxels[1], jax.core.Tracer):
        return _whole(train, voxels, orders or orders_of(train))
    # Few tissues live long enough to need many orders: they go alone.
    T2 = np.asarray(voxels[1])
    many = np.array([orders_of(train, t) for t in np.unique(T2)])[np.unique(T2, return_inverse=True)[1]]
    long = many > 2 * many.min()
    if not long.any():
        return _whole(train, voxels, int(many.max()))
    parts = [_whole(train, [v[which] for v in voxels], int(many[which].max())) for which in (~long, long)]
    back = np.argsort(np.concatenate([np.flatnonzero(~long), np.flatnonzero(long)]))
    return jnp.concatenate(parts)[back]


def _whole(train: Train, voxels: list[Any], orders: int) -> Array:
    count = voxels[0].shape[0]
    chunk = room(count, 8) if count <= CHUNK or jax.default_backend() != "cpu" else CHUNK
    xp = np if all(isinstance(v, np.ndarray) for v in voxels) else jnp
    padded = [xp.pad(v, (0, -count % chunk), mode="edge").reshape(-1, chunk) for v in voxels]
    steps, kinds, taps, largest = steps_of(train, orders)
    found = _run(orders, largest, steps, kinds, shots_of(train, taps), padded)
    return found.reshape(-1, found.shape[-1])[:count, : len(train.step)]


def _voxels(*values: Any) -> list[Any]:
    """T1, T2, transmit and off-resonance as float32 [V]."""
    xp = jnp if any(isinstance(v, jax.Array) for v in values) else np
    arrays = [xp.atleast_1d(xp.asarray(v, np.float32)) for v in values]
    count = max(a.shape[0] for a in arrays)
    for name, a in zip(("T1_ms", "T2_ms", "transmit", "off_Hz"), arrays):
        if a.ndim != 1 or a.shape[0] not in (1, count):
            raise ScannerError(f"epg: {name} has shape {a.shape}; allowed is one number, or one for each of {count}")
        if name[0] == "T" and not isinstance(a, jax.core.Tracer) and not bool((a > 0).all()):
            raise ScannerError(f"epg: {name} has a value that is not above 0")
    return [xp.broadcast_to(a, (count,)) for a in arrays]


@partial(jax.jit, static_argnums=(0, 1))
def _run(orders: int, largest: int, steps: Steps, kinds: Kinds, shots: Shots, voxels: list[Any]) -> Array:
    return jax.lax.map(partial(_chunk, orders, largest, steps, kinds, shots), tuple(voxels))


def _chunk(orders: int, largest: int, steps: Steps, kinds: Kinds, shots: Shots, voxels: tuple[Array, ...]) -> Array:
    T1_ms, T2_ms, transmit, off_Hz = voxels
    pulses = actions_of(kinds, T1_ms, T2_ms, transmit)

    def block(now: states.States, some: Steps) -> tuple[states.States, tuple[Array, Array]]:
        before, apart, turn, keep = (a[:, None] for a in some[:4])
        turned = turn + 2e-3 * jnp.pi * apart * off_Hz
        pulse = taken(pulses, some.kind)
        factors = states.step_of(before, turned, T1_ms, T2_ms, pulse, keep, kinds.one)
        return jax.lax.scan(step, now, (factors, some.order, some.taps))

    def one(now: states.States, row: tuple[states.Step, Array, Array]) -> Any:
        now = states.advance(now, row[1], row[0], largest)
        read = [states.transverse(now, row[2][i]) for i in range(row[2].shape[0])]
        return now, tuple(jnp.stack(parts) for parts in zip(*read))

    start = states.equilibrium(orders, T1_ms.shape[0])
    # The gradient of a long train keeps the states between blocks alone, and runs each block again.
    long = steps.order.shape[0] > 1
    step = jax.checkpoint(one, prevent_cse=False) if long else one  # type: ignore[arg-type]
    re, im = jax.lax.scan(jax.checkpoint(block) if long else block, start, steps)[1]
    F = jax.lax.complex(re, im).reshape(-1, *re.shape[2:])[shots.step, shots.tap]
    after, apart = shots.after_ms[:, None], shots.apart_ms[:, None]
    # Off-resonance since the last pulse, less what the encoding will add.
    angle = shots.phase_rad[:, None] + 2 * jnp.pi * off_Hz * (apart / 1000 - shots.dephasing_s[:, None])
    m = F * jnp.exp(-after / T2_ms) * jax.lax.complex(jnp.cos(angle), jnp.sin(angle))
    return jnp.conj(1j * m).T
