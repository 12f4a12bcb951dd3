"""A pulse as a rotation at its centre, of spins of one frequency (Pauly et al. 1991, doi:10.1109/42.75611)."""

from __future__ import annotations

import numpy as np

from phantomsim.scanners.mr.sequences import NONE, Pulse, Sequence

FINE = 64  # edges of a pulse at least, between which what it does meanwhile is summed
REAL = 1e-3  # of its largest sample: imaginary part of a shape, turned to be real, that still counts as none


def straight(pulse: Pulse) -> bool:
    """Whether the shape keeps to one axis, so that its flip grows as its amplitude does (on resonance)."""
    turned = pulse.shape * np.exp(-1j * np.angle((pulse.shape**2).sum()) / 2)
    return bool(np.abs(turned.imag).max(initial=0) <= REAL * np.abs(pulse.shape).max(initial=1e-300))


def rotation(pulse: Pulse, amplitude_Hz: np.ndarray, off_Hz: np.ndarray) -> np.ndarray:
    """Rotations of spins whose frequency is `off_Hz` above the pulse's; arrays [n].

    Returns:
        flip, phase_in and phase_out [rad] and the `course` of the pulse [s], [n, 12]: a pulse of phase 0 turns by
        -phase_in about z, by the flip about x, by phase_out about z, all at its centre, free precession until and from
        there taken out.
    """
    first, second, edge_s = _spinor(pulse, amplitude_Hz, off_Hz)
    early, late = 2 * np.pi * off_Hz * pulse.centre_s, 2 * np.pi * off_Hz * (pulse.duration_s - pulse.centre_s)
    if straight(pulse) and np.all(np.abs(off_Hz) * pulse.duration_s < 1e-6):
        flip = 2 * np.pi * np.abs(pulse.turn) * amplitude_Hz
        into = out = np.full_like(flip, np.angle(pulse.turn))
    else:
        flip = 2 * np.arctan2(np.abs(second[:, -1]), np.abs(first[:, -1]))
        half, mean = np.angle(first[:, -1]), np.angle(second[:, -1]) + np.pi / 2
        into, out = mean + half, mean - half
    return np.column_stack([flip, into + early, out - late, _course(first, second, into, flip, edge_s)])


def _spinor(pulse: Pulse, amplitude_Hz: np.ndarray, off_Hz: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """First column of the SU(2) matrix of the pulse so far, complex [n, edge], and the time that edges stand for.

    A sample is a turn about its effective field; products of 1, 2, 4, ... neighbours give those of all so far.
    """
    parts = -(-FINE // len(pulse.shape))
    dwell = pulse.dwell_s / parts
    b, off = amplitude_Hz[:, None] * np.repeat(pulse.shape, parts), off_Hz[:, None]
    strength = np.sqrt(np.abs(b) ** 2 + off**2)
    half = np.pi * strength * dwell
    s = np.sin(half) / np.maximum(strength, 1e-300)
    one, two = np.cos(half) - 1j * off * s, -1j * b * s
    step = 1
    while step < one.shape[1]:
        a, b = one[:, step:], two[:, step:]
        before = one[:, :-step], two[:, :-step]
        later = a * before[0] - np.conj(b) * before[1], b * before[0] + np.conj(a) * before[1]
        one, two = (np.concatenate([w[:, :step], n], 1) for w, n in zip((one, two), later))
        step *= 2
    edge = np.full(one.shape[1] + 1, dwell)
    edge[[0, -1]] /= 2
    return np.pad(one, ((0, 0), (1, 0)), constant_values=1), np.pad(two, ((0, 0), (1, 0))), edge


def _course(
    first: np.ndarray, second: np.ndarray, into_rad: np.ndarray, flip_rad: np.ndarray, edge_s: np.ndarray
) -> np.ndarray:
    """Integrals over the pulse of u (x, y, z) and u u^T (xx, yy, zz, xy, xz, yz) [n, 9] s.

    At a time magnetisation m has u . m along z; u is given where m is halfway through the flip.
    """
    across = -2 * first * second * np.exp(-1j * into_rad)[:, None]
    x, y, z = across.real, across.imag, np.abs(first) ** 2 - np.abs(second) ** 2
    c, s = np.cos(flip_rad / 2)[:, None], np.sin(flip_rad / 2)[:, None]
    y, z = c * y - s * z, c * z + s * y
    return np.stack([x, y, z, x * x, y * y, z * z, x * y, x * z, y * z], -1).swapaxes(1, 2) @ edge_s


def gradients(sequence: Sequence, blocks: np.ndarray) -> np.ndarray:
    """Gradient at the centre of each block's pulse [n, 3] Hz/mm."""
    result = np.zeros((len(blocks), 3))
    for axis in range(3):
        pulse, waveform = sequence.pulse[blocks], sequence.waveform[blocks, axis]
        first, of = kinds(pulse, waveform)
        value = [_value(sequence, pulse[i], waveform[i]) for i in first]
        result[:, axis] = np.array(value)[of] * sequence.gradient_Hz_per_mm[blocks, axis]
    return result


def _value(sequence: Sequence, pulse: int, waveform: int) -> float:
    if waveform == NONE:
        return 0.0
    shape = sequence.pulses[pulse]
    return float(sequence.waveforms[waveform].at(shape.delay_s + shape.centre_s))


def kinds(*columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """First row of each kind of rows, and the kind of each row; much faster than `numpy.unique` along an axis."""
    code = np.zeros(len(columns[0]), np.int64)
    for column in columns:
        values, of = np.unique(column, return_inverse=True)
        code = np.unique(code * len(values) + of, return_inverse=True)[1]
    return np.unique(code, return_index=True)[1], code


def bandwidth_Hz(pulse: Pulse) -> float:
    """Full width at half maximum of the spectrum of the shape."""
    spectrum = np.abs(np.fft.fft(pulse.shape, 16 * len(pulse.shape)))
    return float(np.sum(spectrum > spectrum.max() / 2) / (16 * pulse.duration_s))
