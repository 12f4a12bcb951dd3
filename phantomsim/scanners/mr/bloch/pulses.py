"""RF pulses, with the gradients under them, as rotations of every isochromat, and what relaxation does meanwhile.

A rotation is kept as its Cayley-Klein parameters a, b (Pauly et al. 1991, doi:10.1109/42.75611): the product of those
of its samples, each of constant field. Relaxation needs, besides, how long the magnetisation that a pulse meets points
where: with u(t) = U(t)^T z, the integrals q of u and Q of u u^T. They belong to the pulse and not to T1 and T2; with
them relaxation during the pulse of length T is right but for terms of (T/T2)^2 that come of its order in time.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from phantomsim.errors import ScannerError
from phantomsim.scanners.mr.bloch.turns import cis, half_turn, wrap
from phantomsim.scanners.mr.sequences import Sequence
from phantomsim.scanners.mr.trajectory import inner

Array = jax.Array | np.ndarray
LEAST_ROWS = 4  # of a pulse, for Simpson's rule
COLUMNS = 8
MOST_TURNS = 1.0  # of one sample; those of more are cut up
FAR = np.array([300.0, 300.0, 300.0, 2000.0, 2.0])  # reach of spins of which nothing is known: mm, Hz and B1+


@partial(jax.tree_util.register_dataclass, data_fields=["rows", "duration_s", "after_turns"], meta_fields=[])
@dataclass(frozen=True)
class PulseTable:
    """K kinds of pulses, by their number of samples.

    Attributes:
        rows: B1 (re, im) [turns], gradient (x, y, z) [1/mm], time [s], offset [turns] over one sample, and the weight
            of its end in integrals over time [s]; float32 [kinds of one length, sample, 8] for each length.
        duration_s: float32 [K].
        after_turns: by which the pulse's own offset turns the frame until its end, float32 [K].
    """

    rows: tuple[Array, ...]
    duration_s: Array
    after_turns: Array


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
    return PulseTable(rows, duration.astype(np.float32), (after - np.round(after)).astype(np.float32)), place


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
    parts = np.maximum(2 * np.round(LEAST_ROWS / 2 * run / count).astype(int), 1)
    unit, dwell = np.repeat(unit[first], parts, 0), np.repeat(run / parts, parts) * pulse.dwell_s
    unit[:, :2] *= sequence.pulse_Hz[block]
    weight = np.concatenate([_weights(n) for n in parts]) * dwell
    weight[np.cumsum(parts)[:-1] - 1] += [_weights(n)[-1] * d for n, d in zip(parts[1:], dwell[np.cumsum(parts)[:-1]])]
    return np.column_stack([unit * dwell[:, None], -sequence.pulse_offset_Hz[block] * dwell, weight])


def _weights(count: int) -> np.ndarray:
    """Simpson's rule for the ends of an even number of equal samples, or half of one sample; starts are left out."""
    if count == 1:
        return np.array([0.5])
    return np.tile([4.0, 2.0], count // 2) / 3 - np.eye(count)[-1] / 3


def cut(rows: np.ndarray, reach: np.ndarray) -> np.ndarray:
    """Rows cut into equal parts until none turns any spin more than the series of a rotation bears."""
    least = np.hypot(rows[:, 0], rows[:, 1]) * reach[4] + np.abs(rows[:, 2:6]) @ reach[:4] + np.abs(rows[:, 6])
    parts = 1 << max(int(np.ceil(np.log2(max(least.max() / MOST_TURNS, 1.0)))), 0)
    if parts == 1:
        return rows
    found = np.repeat(rows / parts, parts, 0)
    found[:, 7] = np.where(np.arange(len(found)) % parts == parts - 1, np.repeat(rows[:, 7], parts), 0.0)
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
        half = rows[:, 5].sum() - rows[:, 7].sum()  # the weight of the start, where u = z
        start = Effect(
            (zero + 1, zero), (zero, zero), (zero, zero, zero + half), (zero, zero, zero + half, *[zero] * 3)
        )
        return jax.lax.scan(lambda e, row: (_step(e, row, coordinates, strength), None), start, rows)[0]

    if not table.rows:
        return one(jnp.zeros((1, COLUMNS)))
    found = [jax.lax.map(one, jnp.asarray(rows)) for rows in table.rows]
    every = found[0] if len(found) == 1 else jax.tree.map(lambda *parts: jnp.concatenate(parts), *found)
    c, s = cis(wrap(table.after_turns / 2)[:, None])  # Rz(2 w) maps a to a exp(-i w) and b to b exp(+i w)
    (ar, ai), (br, bi) = every.a, every.b
    return Effect((ar * c + ai * s, ai * c - ar * s), (br * c - bi * s, bi * c + br * s), every.q, every.Q)


def _step(e: Effect, row: jax.Array, coordinates: jax.Array, strength: jax.Array) -> Effect:
    """One more sample, a rotation of constant axis."""
    (ar, ai), (br, bi) = e.a, e.b
    x, y = row[0] * strength, row[1] * strength
    z = row[2] * coordinates[0] + row[3] * coordinates[1] + row[4] * coordinates[2] + row[5] * coordinates[3] + row[6]
    c, s = half_turn(x * x + y * y + z * z)
    # Barriers keep the compiler from computing again for each of the many results what they have in common.
    c, x, y, z = jax.lax.optimization_barrier((c, x * s, y * s, z * s))
    # a' = c - i z, b' = y - i x; the product's a = a' a - conj(b') b, b = b' a + conj(a') b
    a = c * ar + z * ai - (y * br - x * bi), c * ai - z * ar - (y * bi + x * br)
    b = y * ar + x * ai + c * br - z * bi, y * ai - x * ar + c * bi + z * br
    a, b = jax.lax.optimization_barrier((a, b))
    u = jax.lax.optimization_barrier(third_row(a, b))
    wx, wy, wz = (row[7] * v for v in u)
    squares = (wx * u[0], wy * u[1], wz * u[2], wx * u[1], wx * u[2], wy * u[2])
    return Effect(
        a,
        b,
        tuple(q + w for q, w in zip(e.q, (wx, wy, wz))),
        tuple(q + w for q, w in zip(e.Q, squares)),  # type: ignore[arg-type]
    )


def third_row(a: Pair, b: Pair) -> Vector:
    """Of the rotation: mz' = (|a|^2 - |b|^2) mz - 2 Re(conj(a b) m)."""
    (ar, ai), (br, bi) = a, b
    return -2 * (ar * br - ai * bi), -2 * (ar * bi + ai * br), ar * ar + ai * ai - br * br - bi * bi
