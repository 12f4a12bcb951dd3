"""Where in k-space, and how long after what, every sample of a sequence is taken.

k is zero at the centre of an excitation and changes sign at that of a refocusing pulse; so does the time for which
off-resonance has acted. Pulses act at their centres here; the Bloch engine plays them out.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from phantomsim.errors import ScannerError
from phantomsim.scanners.mr.sequences import NONE, Sequence


@dataclass(frozen=True, eq=False)
class Trajectory:
    """Of N shots (blocks with a readout). Shots with equal gradients share the shape of their path.

    Attributes:
        shape: index into `paths` of each shot, int32 [N].
        paths: k relative to the start of the block [sample, 3] 1/mm, one for each shape, float64.
        times_s: of the samples from the start of the block [sample] s, one for each shape.
        start_per_mm: k at the start of the shot's block, as if read from there [N, 3] 1/mm.
        dephasing_s: time that off-resonance has acted at the start of the block, signed [N].
        since_s: from the excitation's centre to the start of the block [N].
        excitation: block of the excitation [N].
    """

    shape: np.ndarray
    paths: tuple[np.ndarray, ...]
    times_s: tuple[np.ndarray, ...]
    start_per_mm: np.ndarray
    dephasing_s: np.ndarray
    since_s: np.ndarray
    excitation: np.ndarray

    @cached_property
    def samples(self) -> int:
        """Samples of a shot. Raises ScannerError where shots differ."""
        counts = {len(path) for path in self.paths}
        if len(counts) != 1:
            raise ScannerError(f"readouts have {sorted(counts)} samples; all readouts of a sequence must have as many")
        return counts.pop()

    def k_per_mm(self, shots: np.ndarray | slice = slice(None)) -> np.ndarray:
        """k of some shots, or of all, float64 [n, sample, 3] 1/mm."""
        return self.start_per_mm[shots][:, None] + np.stack(self.paths)[self.shape[shots]]

    def first_per_mm(self, shots: np.ndarray | slice = slice(None)) -> np.ndarray:
        """k of each shot's first sample, float64 [n, 3] 1/mm."""
        return self.start_per_mm[shots] + np.stack([path[0] for path in self.paths])[self.shape[shots]]

    def off_resonance_s(self, shots: np.ndarray | slice = slice(None)) -> np.ndarray:
        """Time for which off-resonance has acted, signed [n, sample] s."""
        return self.dephasing_s[shots][:, None] + np.stack(self.times_s)[self.shape[shots]]

    def decay_s(self, shots: np.ndarray | slice = slice(None)) -> np.ndarray:
        """Time since the excitation [n, sample] s."""
        return self.since_s[shots][:, None] + np.stack(self.times_s)[self.shape[shots]]


def trajectory(sequence: Sequence) -> Trajectory:
    """Of all shots of a sequence.

    Raises:
        ScannerError: the sequence has no readout, or one before any excitation.
    """
    shots = sequence.shots
    if not len(shots):
        raise ScannerError("the sequence has no readout; nothing would be measured. Add ADC events")
    before, origin = _origins(sequence, shots)
    if before.min() < 0:
        raise ScannerError(f"block {shots[np.argmin(before)]} is read out before anything is excited")
    key = np.column_stack([sequence.readout[shots], sequence.waveform[shots], sequence.gradient_Hz_per_mm[shots]])
    _, first, shape = np.unique(np.round(key, 12), axis=0, return_index=True, return_inverse=True)
    paths = tuple(_path(sequence, block) for block in shots[first])
    times = tuple(sequence.readouts[sequence.readout[b]].times_s for b in shots[first])
    start = moments(sequence)[shots] - origin
    since = sequence.start_s[shots] - _centre_s(sequence, before)
    return Trajectory(shape.ravel().astype(np.int32), paths, times, start[:, :3], start[:, 3], since, before)


def moments(sequence: Sequence) -> np.ndarray:
    """Integrals of the gradients, and time, at the start of each block, float64 [B + 1, 4] (1/mm, s)."""
    area = np.array([w.area_s for w in sequence.waveforms] + [0.0])
    steps = np.column_stack([area[sequence.waveform] * sequence.gradient_Hz_per_mm, sequence.duration_s])
    return np.concatenate([np.zeros((1, 4)), np.cumsum(steps, axis=0)])


def inner(sequence: Sequence, block: int, time_s: np.typing.ArrayLike) -> np.ndarray:
    """Integrals of the gradients, and time, from a block's start, [..., 4] (1/mm, s)."""
    t = np.asarray(time_s, float)
    parts = [
        sequence.waveforms[w].integral_s(t) * g if w != NONE else np.zeros_like(t)
        for w, g in zip(sequence.waveform[block], sequence.gradient_Hz_per_mm[block])
    ]
    return np.stack([*parts, t], -1)


def at_pulses(sequence: Sequence) -> tuple[np.ndarray, np.ndarray]:
    """Blocks with a pulse [P], and integrals of gradients and time at the pulses' centres [P, 4] (1/mm, s)."""
    blocks = np.flatnonzero(sequence.pulse != NONE)
    key = np.column_stack([sequence.pulse[blocks], sequence.waveform[blocks], sequence.gradient_Hz_per_mm[blocks]])
    _, first, kind = np.unique(key, axis=0, return_index=True, return_inverse=True)
    partial = [inner(sequence, b, _centre_s(sequence, np.array([b]))[0] - sequence.start_s[b]) for b in blocks[first]]
    inside = np.array(partial).reshape(-1, 4)[kind.ravel()]
    return blocks, moments(sequence)[blocks] + inside


def _centre_s(sequence: Sequence, blocks: np.ndarray) -> np.ndarray:
    within = np.array([p.delay_s + p.centre_s for p in sequence.pulses] + [0.0])
    return sequence.start_s[blocks] + within[sequence.pulse[blocks]]


def _origins(sequence: Sequence, shots: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each shot: the block of its excitation (-1: none), and the integrals that count as zero [shot, 4]."""
    blocks, at = at_pulses(sequence)
    uses = [sequence.pulses[p].use for p in sequence.pulse[blocks]]
    zero, last = np.zeros(4), -1
    zeros, excited = np.zeros((len(blocks) + 1, 4)), np.full(len(blocks) + 1, -1)
    for i, use in enumerate(uses):
        if use == "excitation":
            zero, last = at[i], int(blocks[i])
        elif use == "refocusing":
            zero = 2 * at[i] - zero
        zeros[i + 1], excited[i + 1] = zero, last
    passed = np.searchsorted(blocks, shots, side="right")  # a pulse in the shot's own block comes before its readout
    return excited[passed], zeros[passed]


def _path(sequence: Sequence, block: int) -> np.ndarray:
    return inner(sequence, block, sequence.readouts[sequence.readout[block]].times_s)[:, :3]
