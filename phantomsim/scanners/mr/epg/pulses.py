"""A pulse as a rotation at its centre, of spins of one frequency (Pauly et al. 1991, doi:10.1109/42.75611)."""

from __future__ import annotations

import numpy as np

from phantomsim.scanners.mr.sequences import NONE, Pulse, Sequence

REAL = 1e-3  # of its largest sample: imaginary part of a shape, turned to be real, that still counts as none


def straight(pulse: Pulse) -> bool:
    """Whether the shape keeps to one axis, so that its flip grows as its amplitude does (on resonance)."""
    turned = pulse.shape * np.exp(-1j * np.angle((pulse.shape**2).sum()) / 2)
    return bool(np.abs(turned.imag).max(initial=0) <= REAL * np.abs(pulse.shape).max(initial=1e-300))


def rotation(pulse: Pulse, amplitude_Hz: np.ndarray, off_Hz: np.ndarray) -> np.ndarray:
    """Rotations of spins whose frequency is `off_Hz` above the pulse's; arrays [n].

    Returns:
        flip, phase_in and phase_out [rad] and tilted [s], [n, 4]: a pulse of phase 0 turns by -phase_in about z, by the
        flip about x, by phase_out about z, all at its centre, free precession until and from there taken out. For the
        time tilted, what was along z is not.
    """
    if straight(pulse) and np.all(np.abs(off_Hz) * pulse.duration_s < 1e-6):
        flip = 2 * np.pi * np.abs(pulse.turn) * amplitude_Hz
        phase = np.full_like(flip, np.angle(pulse.turn))
        return np.stack([flip, phase, phase, np.zeros_like(flip)], -1)
    first, second, tilted = _spinor(pulse, amplitude_Hz, off_Hz)
    flip = 2 * np.arctan2(np.abs(second), np.abs(first))
    half, mean = np.angle(first), np.angle(second) + np.pi / 2
    early, late = pulse.centre_s, pulse.duration_s - pulse.centre_s
    phases = mean + half + 2 * np.pi * off_Hz * early, mean - half - 2 * np.pi * off_Hz * late
    return np.stack([flip, *phases, np.zeros_like(flip) if straight(pulse) else tilted], -1)


def _spinor(pulse: Pulse, amplitude_Hz: np.ndarray, off_Hz: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """First column of the SU(2) matrix of the whole pulse, a turn about the effective field for every sample; and the
    integral of sin^2 of the angle between z and what began along z."""
    one, two = np.ones(len(amplitude_Hz), complex), np.zeros(len(amplitude_Hz), complex)
    tilted = np.zeros(len(amplitude_Hz))
    for sample in pulse.shape:
        b = sample * amplitude_Hz
        strength = np.sqrt(np.abs(b) ** 2 + off_Hz**2)
        half = np.pi * strength * pulse.dwell_s
        s = np.sin(half) / np.maximum(strength, 1e-300)
        a, b = np.cos(half) - 1j * off_Hz * s, -1j * b * s
        one, two = a * one - np.conj(b) * two, b * one + np.conj(a) * two
        tilted += (1 - (np.abs(one) ** 2 - np.abs(two) ** 2) ** 2) * pulse.dwell_s
    return one, two, tilted


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
