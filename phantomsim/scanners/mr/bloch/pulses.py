"""RF pulses, with the gradients under them, as rotations of every isochromat, and what relaxation does meanwhile.

A rotation is kept as its Cayley-Klein parameters a, b (Pauly et al. 1991, doi:10.1109/42.75611): the product of those
of its samples, each of constant field. Relaxation needs, besides, how long the magnetisation that a pulse meets points
where: with u(t) = U(t)^T z, the integrals q of u and Q of u u^T. They belong to the pulse and not to T1 and T2; with
them relaxation during the pulse of length T is right but for terms of (T/T2)^2 that come of its order in time.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from phantomsim.errors import ScannerError
from phantomsim.scanners.mr.bloch.turns import cis, half_turn, once, wrap
from phantomsim.scanners.mr.sequences import Sequence
from phantomsim.scanners.mr.trajectory import inner

Array = Any  # numpy's on the host, JAX's in compiled code
LEAST_ROWS = 4  # of a pulse, for Simpson's rule; 2 of a short one, during which little relaxes
SHORT_s = 2e-4
LONG, STRIDE = 64, 4  # pulses of so many samples take the integrals of u at every fourth alone
COLUMNS = 8
MOST_TURNS = 1.0  # of one sample; those of more are cut up
FAR = np.array([300.0, 300.0, 300.0, 2000.0, 2.0])  # reach of spins of which nothing is known: mm, Hz and B1+


@partial(jax.tree_util.register_dataclass, data_fields=["rows", "duration_s", "after_turns", "one"], meta_fields=[])
@dataclass(frozen=True)
class PulseTable:
    """K kinds of pulses, by their number of samples.

    Attributes:
        rows: B1 (re, im) [turns], gradient (x, y, z) [1/mm], time [s], offset [turns] over one sample, and the weight
            of its start in integrals over time [s]; float32 [kinds of one length, sample, 8] for each length.
        duration_s: float32 [K].
        after_turns: by which the pulse's own offset turns the frame until its end, float32 [K].
        one: 1; see `turns.once`.
    """

    rows: tuple[Array, ...]
    duration_s: Array
    after_turns: Array
    one: Array


def pulse_table(sequence: Sequence, blocks: np.ndarray, reach: np.ndarray = FAR) -> tuple[PulseTable, np.ndarray]:
    """The table of the pulses of some blocks, float64 inside, and each one's place in it, int32 [K].

    Args:
        reach: largest |x|, |y|, |z| [mm], |f| [Hz] and B1+ over the nominal one of all spins [5].
    Raises:
        ScannerError: a pulse has no samples.
    """
    each = [cut(pulse_rows(sequence, b), reach) for b in blocks]
    lengths = np.array([len(r) for r in each], int)
    order = np.argsort(lengths, kind="stable")
    place = np.empty(len(order), np.int32)
    place[order] = np.arange(len(order))
    duration = np.array([sequence.pulses[sequence.pulse[b]].duration_s for b in blocks[order]])
    after = sequence.pulse_offset_Hz[blocks[order]] * duration
    rows = tuple(np.array([each[i] for i in order if lengths[i] == n], np.float32) for n in np.unique(lengths))
    left = (after - np.round(after)).astype(np.float32)
    return PulseTable(rows, duration.astype(np.float32), left, np.ones((), np.float32)), place


def pulse_rows(sequence: Sequence, block: int) -> np.ndarray:
    """Samples of one block's pulse [sample, 8], see `PulseTable`; runs of equal ones are merged into few."""
    pulse = sequence.pulses[sequence.pulse[block]]
    count = len(pulse.shape)
    if not count:
        raise ScannerError(f"the pulse of block {block} has no samples; leave it out")
    edges = inner(sequence, block, pulse.delay_s + np.arange(count + 1) * pulse.dwell_s)
    # The offset and B1's scale are left out of what tells samples apart: changing them must not change shapes.
    unit = np.column_stack([pulse.shape.real, pulse.shape.imag, np.diff(edges, axis=0) / pulse.dwell_s])
    new = np.ones(count, bool)
    new[1:] = np.abs(np.diff(unit, axis=0)).max(1) > 1e-9 * np.abs(unit).max()
    first = np.flatnonzero(new)
    run = np.diff(np.append(first, count))
    least = LEAST_ROWS if pulse.duration_s > SHORT_s else 2
    parts = np.maximum(2 * np.round(least / 2 * run / count).astype(int), 1)
    unit, dwell = np.repeat(unit[first], parts, 0), np.repeat(run / parts, parts) * pulse.dwell_s
    unit[:, :2] *= sequence.pulse_Hz[block]
    rows = np.column_stack([unit * dwell[:, None], -sequence.pulse_offset_Hz[block] * dwell, np.zeros(len(dwell))])
    if len(rows) >= LONG:
        rows = np.pad(rows, ((0, -len(rows) % STRIDE), (0, 0)))
        strides = rows[:, 5].reshape(-1, STRIDE).sum(1)
        rows[::STRIDE, 7] = (strides + np.append(0.0, strides[:-1])) / 2
        return rows
    weight = np.zeros(len(dwell) + 1)
    for start, n in zip(np.cumsum(parts) - parts, parts):
        weight[start : start + n + 1] += _weights(n) * dwell[start]
    rows[:, 7] = weight[:-1]
    return rows


def _weights(count: int) -> np.ndarray:
    """Simpson's rule for the edges of an even number of samples of length 1; the trapezium's for one."""
    if count == 1:
        return np.array([0.5, 0.5])
    return np.append(np.tile([2.0, 4.0], count // 2), 1.0) / 3 - np.eye(count + 1)[0] / 3


def cut(rows: np.ndarray, reach: np.ndarray) -> np.ndarray:
    """Rows cut into equal parts until none turns any spin more than the series of a rotation bears."""
    least = np.hypot(rows[:, 0], rows[:, 1]) * reach[4] + np.abs(rows[:, 2:6]) @ reach[:4] + np.abs(rows[:, 6])
    parts = 1 << max(int(np.ceil(np.log2(max(least.max() / MOST_TURNS, 1.0)))), 0)
    if parts == 1:
        return rows
    found = np.repeat(rows / parts, parts, 0)
    found[:, 7] = np.where(np.arange(len(found)) % parts == 0, np.repeat(rows[:, 7], parts), 0.0)
    return found


Pair = tuple[jax.Array, jax.Array]
Vector = tuple[jax.Array, jax.Array, jax.Array]


@partial(jax.tree_util.register_dataclass, data_fields=["a", "b", "q", "Q"], meta_fields=[])
@dataclass(frozen=True)
class Effect:
    """What pulses do to N isochromats, float32 [K, N] each.

    Attributes:
        a, b: Cayley-Klein parameters, real and imaginary; the pulse's phase and that of B1+ are left out.
        q: integral of u (x, y, z) [s].
        Q: integrals of u u^T (xx, yy, zz, xy, xz, yz) [s].
    """

    a: Pair
    b: Pair
    q: Vector
    Q: tuple[jax.Array, ...]


def effects(table: PulseTable, coordinates: jax.Array, strength: jax.Array) -> Effect:
    """What every kind of pulse does.

    Args:
        coordinates: (x, y, z [mm], f [Hz]), float32 [4, N].
        strength: |B1+| over the nominal one [N].
    """
    zero = jnp.zeros(coordinates.shape[1], jnp.float32)

    def one(rows: jax.Array) -> Effect:
        start = Effect((zero + 1, zero), (zero, zero), (zero,) * 3, (zero,) * 6)
        step = partial(_step, coordinates=coordinates, strength=strength, one=table.one)
        stride = STRIDE if len(rows) >= LONG else 1

        def few(e: Effect, rows: jax.Array) -> tuple[Effect, None]:
            e = _gathered(e, rows[0, 7])
            a, b = jax.lax.scan(lambda ab, row: (step(ab, row), None), (e.a, e.b), rows)[0]
            return Effect(a, b, e.q, e.Q), None

        e = jax.lax.scan(few, start, rows.reshape(-1, stride, COLUMNS))[0]
        return _gathered(e, rows[:, 5].sum() - rows[:, 7].sum())  # what the end weighs

    found = [jax.lax.map(one, jnp.asarray(rows)) for rows in table.rows]
    every = found[0] if len(found) == 1 else jax.tree.map(lambda *parts: jnp.concatenate(parts), *found)
    c, s = cis(wrap(table.after_turns / 2)[:, None])  # Rz(2 w) maps a to a exp(-i w) and b to b exp(+i w)
    (ar, ai), (br, bi) = every.a, every.b
    return Effect((ar * c + ai * s, ai * c - ar * s), (br * c - bi * s, bi * c + br * s), every.q, every.Q)


def _step(
    ab: tuple[Pair, Pair], row: jax.Array, coordinates: jax.Array, strength: jax.Array, one: jax.Array
) -> tuple[Pair, Pair]:
    """a and b after one more sample, a rotation of constant axis."""
    (ar, ai), (br, bi) = ab
    x, y = row[0] * strength, row[1] * strength
    z = row[2] * coordinates[0] + row[3] * coordinates[1] + row[4] * coordinates[2] + row[5] * coordinates[3] + row[6]
    c, s = once(half_turn(x * x + y * y + z * z), one)
    x, y, z = x * s, y * s, z * s
    # a' = c - i z, b' = y - i x; the product's a = a' a - conj(b') b, b = b' a + conj(a') b
    a = c * ar + z * ai - (y * br - x * bi), c * ai - z * ar - (y * bi + x * br)
    b = y * ar + x * ai + c * br - z * bi, y * ai - x * ar + c * bi + z * br
    return a, b


def _gathered(e: Effect, weight: jax.Array) -> Effect:
    """With the integrals taken on by u where they stand."""
    u = third_row(e.a, e.b)
    x, y, z = (weight * v for v in u)
    squares = (x * u[0], y * u[1], z * u[2], x * u[1], x * u[2], y * u[2])
    q = e.q[0] + x, e.q[1] + y, e.q[2] + z
    return Effect(e.a, e.b, q, tuple(old + new for old, new in zip(e.Q, squares)))


def third_row(a: Pair, b: Pair) -> Vector:
    """Of the rotation: mz' = (|a|^2 - |b|^2) mz - 2 Re(conj(a b) m)."""
    (ar, ai), (br, bi) = a, b
    return -2 * (ar * br - ai * bi), -2 * (ar * bi + ai * br), ar * ar + ai * ai - br * br - bi * bi
