"""What happens to isochromats under a sequence, told once for all of them: host side, float64, equal steps merged.

A plan is the list of pulses, of the free precession between them, and of what is read. Equal pulses and equal
intervals are kept once; each shot keeps its own k and time, so that the rounding of a file's gradients is not lost.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import numpy as np

from phantomsim.errors import ScannerError
from phantomsim.scanners.mr.bloch.pulses import FAR, PulseTable, pulse_table
from phantomsim.scanners.mr.bloch.turns import split_moments
from phantomsim.scanners.mr.sequences import NONE, Sequence
from phantomsim.scanners.mr.trajectory import inner, moments

Array = Any  # numpy's on the host, JAX's in compiled code
SAME = 1e-9  # moments (1/mm, s) nearer than this are equal: 1e-6 turns at 1 m and 1 kHz


@partial(
    jax.tree_util.register_dataclass,
    data_fields=["pulses", "pair", "phase_rad", "pair_kind", "pair_interval", "moments", "end_moments", "end_rad"],
    meta_fields=[],
)
@dataclass(frozen=True)
class Plan:
    """P pulses of K kinds, with J kinds of intervals before them, in Q different pairs of an interval and a pulse.

    Attributes:
        pulses: the kinds.
        pair: of each pulse, int32 [P].
        phase_rad: each pulse's own, float32 [P].
        pair_kind, pair_interval: each pair's pulse and interval, int32 [Q].
        moments: of intervals: (kx, ky, kz, t) from the end of one pulse to the start of the next, split float32 [J, 8].
        end_moments: the same from the last pulse to the end of the sequence.
        end_rad: phase of the last pulse.
    """

    pulses: PulseTable
    pair: Array
    phase_rad: Array
    pair_kind: Array
    pair_interval: Array
    moments: Array
    end_moments: Array
    end_rad: Array


@dataclass(frozen=True)
class Played:
    """Blocks with a pulse, and where they lie (kx, ky, kz [1/mm], t [s]), float64, since the sequence's start.

    Attributes:
        block: of the pulse [P].
        start, end: at the pulse's first and last edges [P, 4].
        kind, first: index of each pulse among the different ones [P], and one block of each of these [K].
    """

    block: np.ndarray
    start: np.ndarray
    end: np.ndarray
    kind: np.ndarray
    first: np.ndarray


def played(sequence: Sequence) -> Played:
    """All pulses of a sequence."""
    blocks = np.flatnonzero(sequence.pulse != NONE)
    key = np.column_stack(
        [
            sequence.pulse[blocks], sequence.waveform[blocks], sequence.gradient_Hz_per_mm[blocks],
            sequence.pulse_Hz[blocks], sequence.pulse_offset_Hz[blocks],
        ]
    )  # fmt: skip
    _, first, kind = np.unique(np.round(key, 12), axis=0, return_index=True, return_inverse=True)
    edges = np.array([inner(sequence, b, _edges_s(sequence, b)) for b in blocks[first]]).reshape(-1, 2, 4)
    at = moments(sequence)[blocks][:, None] + edges[kind.ravel()]
    return Played(blocks, at[:, 0], at[:, 1], kind.ravel().astype(np.int32), blocks[first])


def _edges_s(sequence: Sequence, block: int) -> np.ndarray:
    pulse = sequence.pulses[sequence.pulse[block]]
    return np.array([pulse.delay_s, pulse.delay_s + pulse.duration_s])


def plan(sequence: Sequence, pulses: Played | None = None, reach: np.ndarray = FAR) -> Plan:
    """The plan of a sequence without its readouts.

    Args:
        reach: of the spins, see `pulse_table`.
    Raises:
        ScannerError: the sequence has no blocks, or pulses that overlap.
    """
    if not sequence.blocks:
        raise ScannerError("the sequence has no blocks; there is nothing to simulate")
    p = pulses or played(sequence)
    before = np.concatenate([np.zeros((1, 4)), p.end])
    rows = p.start - before[:-1]
    late = np.flatnonzero(rows[:, 3] < -SAME)
    if len(late):
        raise ScannerError(f"the pulse of block {p.block[late[0]]} starts before the pulse ahead of it has ended")
    rows[:1] = rows[1:2] if len(rows) > 1 else rows[:1]  # whatever comes before the first pulse, all is in equilibrium
    kinds, interval = merged(rows)
    table, place = pulse_table(sequence, p.first, reach)
    pairs, pair = np.unique(np.column_stack([place[p.kind], interval]), axis=0, return_inverse=True)
    left = moments(sequence)[-1] - before[-1]
    return Plan(
        table,
        pair.ravel().astype(np.int32),
        sequence.pulse_phase_rad[p.block].astype(np.float32),
        pairs[:, 0].astype(np.int32),
        pairs[:, 1].astype(np.int32),
        split_moments(kinds),
        split_moments(left),
        np.float32(sequence.pulse_phase_rad[p.block[-1]] if len(p.block) else 0.0),
    )


def merged(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Different rows, and the index of each row among them (int32)."""
    _, first, which = np.unique(np.round(rows / SAME), axis=0, return_index=True, return_inverse=True)
    return rows[first], which.ravel().astype(np.int32)
