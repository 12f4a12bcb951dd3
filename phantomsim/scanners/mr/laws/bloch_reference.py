"""The Bloch equations in the plainest form, float64: rotation matrices, one instant after another.

It shares nothing with the engine but the sequence object, and is far too slow for anything but laws and tests.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from phantomsim.scanners.mr.bloch.spins import Spins
from phantomsim.scanners.mr.sequences import NONE, Sequence

PARTS = 8  # of every sample of a pulse


def reference(sequence: Sequence, spins: Spins) -> tuple[np.ndarray | None, np.ndarray]:
    """K-space, complex128 [coil, shot, sample] (None without readouts), and final magnetisation (x, y, z) [N, 3].

    All shots need as many samples.
    """
    weight = np.asarray(spins.receive, complex) * np.asarray(spins.amplitude, float)
    m = np.zeros((spins.count, 3))
    m[:, 2] = 1.0
    shots = []
    for number in range(sequence.blocks):
        m, read = block(sequence, number, spins, m)
        if read:
            shots.append(np.stack([weight @ sample for sample in read], -1))
    return (np.stack(shots, 1) if shots else None), m


def block(sequence: Sequence, number: int, spins: Spins, m: np.ndarray) -> tuple[np.ndarray, list[np.ndarray]]:
    """Magnetisation after a block, and conj(i m exp(-i receiver phase)) at its samples."""
    instants = _instants(sequence, number)
    samples = _sample_times(sequence, number)
    read = []
    for start, end in pairwise(instants):
        m = _relax(m, spins, (end - start) / 2)
        m = _rotate(m, _axis(sequence, number, (start + end) / 2, spins) * (end - start))
        m = _relax(m, spins, (end - start) / 2)
        if len(samples) and np.abs(samples - end).min() < 1e-12:
            begin = sequence.readouts[sequence.readout[number]].delay_s
            turn = sequence.readout_phase_rad[number] + 2 * np.pi * sequence.readout_offset_Hz[number] * (end - begin)
            read.append(np.conj(1j * (m[:, 0] + 1j * m[:, 1]) * np.exp(-1j * turn)))
    return m, read


def _sample_times(sequence: Sequence, block: int) -> np.ndarray:
    if sequence.readout[block] == NONE:
        return np.zeros(0)
    return sequence.readouts[sequence.readout[block]].times_s


def _instants(sequence: Sequence, block: int) -> np.ndarray:
    """Ends of steps in which the field is constant or, under a gradient alone, commutes with itself."""
    found = [np.array([0.0, sequence.duration_s[block]]), _sample_times(sequence, block)]
    found += [sequence.waveforms[w].time_s for w in sequence.waveform[block] if w != NONE]
    if sequence.pulse[block] != NONE:
        pulse = sequence.pulses[sequence.pulse[block]]
        found.append(pulse.delay_s + np.arange(PARTS * len(pulse.shape) + 1) * pulse.dwell_s / PARTS)
    times = np.sort(np.concatenate(found))
    kept = times[np.append(True, np.diff(times) > 1e-12)]
    return kept[kept <= sequence.duration_s[block] + 1e-12]


def _axis(sequence: Sequence, block: int, time_s: float, spins: Spins) -> np.ndarray:
    """Angular velocity (x, y, z) of every spin [N, 3] rad/s."""
    axis = np.zeros((spins.count, 3))
    axis[:, 2] = np.asarray(spins.off_resonance_Hz, float)
    for a, w in enumerate(sequence.waveform[block]):
        if w != NONE:
            strength = sequence.waveforms[w].at(time_s) * sequence.gradient_Hz_per_mm[block, a]
            axis[:, 2] += strength * np.asarray(spins.position_mm, float)[:, a]
    if sequence.pulse[block] != NONE:
        pulse = sequence.pulses[sequence.pulse[block]]
        since = time_s - pulse.delay_s
        if 0 < since < pulse.duration_s:
            turn = sequence.pulse_phase_rad[block] + 2 * np.pi * sequence.pulse_offset_Hz[block] * since
            field = pulse.shape[int(since / pulse.dwell_s)] * sequence.pulse_Hz[block] * np.exp(1j * turn)
            field = field * np.asarray(spins.transmit, complex)
            axis[:, 0], axis[:, 1] = field.real, field.imag
    return 2 * np.pi * axis


def _rotate(m: np.ndarray, turn: np.ndarray) -> np.ndarray:
    """Rodrigues' rotation of vectors [N, 3] by rotation vectors [N, 3] rad."""
    angle = np.linalg.norm(turn, axis=1, keepdims=True)
    n = turn / np.maximum(angle, 1e-300)
    along = np.sum(n * m, 1, keepdims=True)
    return m * np.cos(angle) + np.cross(n, m) * np.sin(angle) + n * along * (1 - np.cos(angle))


def _relax(m: np.ndarray, spins: Spins, time_s: float) -> np.ndarray:
    left = np.exp(-time_s * 1000 / np.stack([np.asarray(t, float) for t in (spins.T2_ms, spins.T2_ms, spins.T1_ms)], 1))
    return m * left + np.array([0.0, 0.0, 1.0]) * (1 - left)
