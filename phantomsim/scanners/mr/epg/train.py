"""A train of pulses as one slice sees it, and its echoes in every tissue."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from phantomsim.errors import ScannerError
from phantomsim.scanners.mr.epg import states

Array = jax.Array
LIMIT = 256  # orders that are kept at most
LIVES, LEAST = 3.0, 32  # orders that are kept where a train never comes to rest: 3 T2 of them, and 32
LENGTH = 64  # steps whose factors are in memory at once, and between states that a gradient keeps
CHUNK = 256  # voxels at once on a CPU: their states stay in its cache


@dataclass(frozen=True, eq=False)
class Train:
    """P pulses and N shots. Numbers may be traced by JAX; integers (orders and indices) may not.

    Attributes:
        before_s: time since the previous pulse, 0 for the first [P].
        order: quanta of dephasing since then, int32 [P].
        spoiled: whether nothing transverse outlives that time, bool [P].
        flip_rad: flip angle where the transmit field is as nominal [P].
        linear: 1 where the flip grows as the transmit field does, 0 of adiabatic pulses [P].
        tilted_s: for which an adiabatic pulse keeps longitudinal magnetisation off its axis, where it relaxes by T2, as
            the square of the sine of its angle to z says; 0 of others [P].
        phase_in_rad, phase_out_rad: a pulse turns by -phase_in about z, by the flip about x, by phase_out about z.
            Both are the pulse's phase, but for pulses off resonance [P].
        shots: which shots of the sequence, int32 [N].
        step: pulse before each shot, int32 [N].
        echo: order that is in phase at the reference, counted just after that pulse, int32 [N].
        after_s: from that pulse to the reference [N].
        receiver_rad: the receiver's phase at the reference [N].
        reference_s: from the excitation to the reference [N].
        dephasing_s: time for which off-resonance has acted at the reference, signed [N].
        reference: sample of the shot at which amplitudes are given: nearest to the centre of k-space, int32 [N].
        quantum_per_mm: dephasing of one order, (x, y, z).
    """

    before_s: Any
    order: np.ndarray
    spoiled: np.ndarray
    flip_rad: Any
    linear: Any
    tilted_s: Any
    phase_in_rad: Any
    phase_out_rad: Any
    shots: np.ndarray
    step: np.ndarray
    echo: np.ndarray
    after_s: Any
    receiver_rad: Any
    reference_s: Any
    dephasing_s: Any
    reference: np.ndarray
    quantum_per_mm: np.ndarray


def orders_of(train: Train, T2_ms: float = np.inf, limit: int = LIMIT) -> int:
    """Orders to keep: those that can be reached since the last spoiling and still come back to an echo.

    Where a train never comes to rest that is no bound: then as many as `LIVES` times T2 dephases, or `limit`.
    """
    size = np.where(train.spoiled, 0, np.abs(train.order)).astype(np.int64)
    total, part = np.cumsum(size), np.cumsum(train.spoiled)
    begin = total[np.searchsorted(part, part)]
    # States that are further out than what remains until the part's last echo never return to be read.
    last = np.full(int(part.max(initial=0)) + 1, -(1 << 40))
    np.maximum.at(last, part[train.step], total[train.step] + np.abs(train.echo))
    need = int(np.minimum(total - begin, last[part] - total).max(initial=0))
    least = int(max(size.max(initial=0), np.abs(train.echo).max(initial=0), 1))
    rate = float(size.sum()) / max(float(np.sum(np.where(size > 0, np.asarray(train.before_s), 0.0))), 1e-9)
    lives = LEAST + LIVES * T2_ms / 1000 * rate
    grain = LEAST // 2
    return int(min(max(need, least), max(np.ceil(min(lives, limit) / grain) * grain, least), limit))


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
    chunk = _room(count, 8) if count <= CHUNK or jax.default_backend() != "cpu" else CHUNK
    xp = np if all(isinstance(v, np.ndarray) for v in voxels) else jnp
    padded = [xp.pad(v, (0, -count % chunk), mode="edge").reshape(-1, chunk) for v in voxels]
    steps, taps, largest = _steps(train, orders)
    found = _run(orders, largest, steps, _shots(train, taps), padded)
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


class _Steps(NamedTuple):
    before_ms: Any
    turn_rad: Any
    flip_rad: Any
    linear: Any
    keep: Any
    tilted_ms: Any
    order: Any
    taps: Any  # [step, tap]: orders that are read after the pulse


class _Shots(NamedTuple):
    step: Any
    tap: Any
    after_ms: Any
    phase_rad: Any
    dephasing_s: Any


def _steps(train: Train, limit: int) -> tuple[_Steps, np.ndarray, int]:
    """Steps padded to a length that many trains share, [block, LENGTH]; the tap of each shot; the largest shift."""
    xp = _arrays(train)
    out, into = xp.asarray(train.phase_out_rad), xp.asarray(train.phase_in_rad)
    turn = xp.concatenate([xp.zeros(1), out[:-1]]) - into
    lost = np.asarray(train.spoiled) | (np.abs(train.order) > limit)
    order = np.where(lost, 0, train.order).astype(np.int32)
    taps, of = _taps(train)
    count = len(order)
    length = _room(count, 1) if count <= LENGTH else LENGTH
    blocks = _room(-(-count // length), 1)

    def fit(row: Any, kind: Any = np.float32) -> Any:
        row = xp.asarray(row, kind)
        padded = xp.pad(row, [(0, length * blocks - count)] + [(0, 0)] * (row.ndim - 1))
        return padded.reshape(blocks, length, *row.shape[1:])

    before = xp.asarray(train.before_s) * 1000
    tilted = xp.asarray(train.tilted_s) * 1000
    before, turn, flip, linear, keep, tilted = map(fit, (before, turn, train.flip_rad, train.linear, ~lost, tilted))
    largest = min(int(2 ** np.ceil(np.log2(max(np.abs(order).max(initial=0), 1)))), limit)
    return _Steps(before, turn, flip, linear, keep, tilted, fit(order, np.int32), fit(taps, np.int32)), of, largest


def _arrays(train: Train) -> Any:
    """NumPy, which compiles nothing, unless JAX traces a number of the train."""
    traced = (train.before_s, train.flip_rad, train.linear, train.phase_in_rad, train.phase_out_rad)
    more = (train.after_s, train.receiver_rad, train.dephasing_s)
    return jnp if any(isinstance(value, jax.Array) for value in traced + more) else np


def _taps(train: Train) -> tuple[np.ndarray, np.ndarray]:
    """Orders read after each pulse [P, tap], and the tap of each shot [N]."""
    pairs, of = np.unique(np.stack([train.step, train.echo], -1).reshape(-1, 2), axis=0, return_inverse=True)
    first = np.searchsorted(pairs[:, 0], pairs[:, 0])
    within = np.arange(len(pairs)) - first
    taps = np.zeros((len(train.order), int(within.max(initial=0)) + 1), np.int32)
    taps[pairs[:, 0], within] = pairs[:, 1]
    return taps, within[of.ravel()]


def _shots(train: Train, tap: np.ndarray) -> _Shots:
    xp = _arrays(train)
    phase = xp.asarray(train.phase_out_rad)[train.step] - xp.asarray(train.receiver_rad)
    more = _room(len(train.step), 1) - len(train.step)
    rows = (xp.asarray(train.after_s) * 1000, phase, train.dephasing_s)
    after, phase, dephasing = (xp.pad(xp.asarray(row, np.float32), (0, more)) for row in rows)
    return _Shots(np.pad(train.step, (0, more)), np.pad(tap, (0, more)).astype(np.int32), after, phase, dephasing)


def _room(count: int, least: int) -> int:
    """A length at or above `count`, at most an eighth more: eight of them in each octave, so few are compiled."""
    grain = max(1 << max(count.bit_length() - 4, 0), least)
    return max(-(-count // grain), 1) * grain


@partial(jax.jit, static_argnums=(0, 1))
def _run(orders: int, largest: int, steps: _Steps, shots: _Shots, voxels: list[Any]) -> Array:
    return jax.lax.map(partial(_chunk, orders, largest, steps, shots), tuple(voxels))


def _chunk(orders: int, largest: int, steps: _Steps, shots: _Shots, voxels: tuple[Array, ...]) -> Array:
    T1_ms, T2_ms, transmit, off_Hz = voxels

    def block(now: states.States, some: _Steps) -> tuple[states.States, tuple[Array, Array]]:
        before, turn, flip, linear, keep, tilted = (a[:, None] for a in some[:6])
        turned = turn + 2e-3 * jnp.pi * before * off_Hz
        field = 1 + linear * (transmit - 1)
        factors = states.step_of(before, turned, flip * field, T1_ms, T2_ms, keep, tilted)
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
    t = shots.after_ms[:, None]
    # Off-resonance since the last pulse, less what the encoding will add.
    angle = shots.phase_rad[:, None] + 2 * jnp.pi * off_Hz * (t / 1000 - shots.dephasing_s[:, None])
    m = F * jnp.exp(-t / T2_ms) * jax.lax.complex(jnp.cos(angle), jnp.sin(angle))
    return jnp.conj(1j * m).T
