"""Shapes of RF pulses.

A shape's largest magnitude is 1; times a block's `pulse_Hz` it is the nutation frequency. `scale_Hz` gives the scale of
a flip angle from the shape's integral, exact on resonance for shapes of one phase.
"""

from __future__ import annotations

import math

import numpy as np

from phantomsim.scanners.mr.sequences.events import Pulse, Use
from phantomsim.scanners.mr.sequences.system import System

SAMPLES = 256  # about so many in a shaped pulse; its spectrum is cut far from the slice
ADIABATIC_MU = 5.0  # sharpness of the hyperbolic secant: bandwidth over that of its envelope (Silver 1985 has 5)
ADIABATIC_EDGE = 0.01  # where its envelope is cut
ADIABATIC_ms = 10.24
GAUSS_EDGE = 0.01


def scale_Hz(pulse: Pulse, flip_deg: float) -> float:
    """Nutation frequency at the peak of the shape for a flip angle."""
    return flip_deg / 360 / abs(pulse.turn)


def hard(system: System, flip_deg: float, use: Use = "excitation") -> Pulse:
    """A rectangle, as short as the transmitter allows, at least 100 us."""
    shortest = flip_deg / 360 / (0.95 * system.pulse_Hz)
    count = max(2, math.ceil(max(shortest, 100e-6) / system.rf_raster_s / 2 - 1e-9) * 2)
    return _pulse(np.ones(1), count * system.rf_raster_s, use)


def sinc(system: System, flip_deg: float, pulse_ms: float, time_bandwidth: float, use: Use = "excitation") -> Pulse:
    """A Hann-windowed sinc (Bernstein, King and Zhou 2004, ch. 2.2), longer than asked where B1 does not suffice."""
    duration, count = _timing(system, pulse_ms / 1000)
    x = (np.arange(count) + 0.5) / count - 0.5
    shape = np.sinc(time_bandwidth * x) * (0.5 + 0.5 * np.cos(2 * np.pi * x))
    shape /= np.abs(shape).max()
    needed = flip_deg / 360 / (abs(shape.mean()) * 0.95 * system.pulse_Hz)
    if needed > duration:
        return sinc(system, flip_deg, max(needed, duration * 1.001) * 1000, time_bandwidth, use)
    return _pulse(shape, duration, use)


def gauss(system: System, flip_deg: float, bandwidth_Hz: float, use: Use = "saturation") -> Pulse:
    """A Gaussian whose spectrum has a full width at half maximum of `bandwidth_Hz`, cut at 1 % of its peak."""
    sigma = math.sqrt(2 * math.log(2)) / (math.pi * bandwidth_Hz)  # in time: FWHM = sqrt(8 ln 2) / (2 pi sigma)
    duration, count = _timing(system, 2 * sigma * math.sqrt(-2 * math.log(GAUSS_EDGE)))
    t = ((np.arange(count) + 0.5) / count - 0.5) * duration
    shape = np.exp(-(t**2) / (2 * sigma**2))
    needed = flip_deg / 360 / (shape.mean() * 0.95 * system.pulse_Hz)
    return _pulse(shape, duration if needed <= duration else _timing(system, needed)[0], use)


def hyperbolic_secant(system: System, use: Use = "inversion") -> tuple[Pulse, float, float]:
    """An adiabatic inversion (Silver, Joseph and Hoult 1985, doi:10.1103/PhysRevA.31.2753).

    Its envelope is sech(beta t), its frequency -mu beta tanh(beta t); longer than 10.24 ms where B1 does not suffice.

    Returns:
        The pulse, its scale [Hz], and the full width of the band that it inverts [Hz]: mu beta / pi.
    """
    reach = 2 * math.acosh(1 / ADIABATIC_EDGE)  # beta times duration
    peak = 0.95 * system.pulse_Hz
    duration, count = _timing(system, max(ADIABATIC_ms / 1000, ADIABATIC_MU * reach / (2 * math.pi * peak)), 4)
    beta = reach / duration
    t = ((np.arange(count) + 0.5) / count - 0.5) * duration
    envelope = 1 / np.cosh(beta * t)
    # The phase is the integral of the frequency: -mu ln cosh(beta t).
    shape = envelope * np.exp(1j * ADIABATIC_MU * np.log(envelope))
    scale = min(peak, ADIABATIC_MU * beta / (2 * math.pi))
    return _pulse(shape, duration, use), scale, ADIABATIC_MU * beta / math.pi


def _timing(system: System, duration_s: float, finer: int = 1) -> tuple[float, int]:
    """A duration on the RF raster, and how many samples of equal length, an even number, it has."""
    step = system.rf_raster_s * max(1, round(duration_s / (SAMPLES * finer) / system.rf_raster_s))
    count = 2 * math.ceil(duration_s / step / 2 - 1e-9)
    return count * step, count


def _pulse(shape: np.ndarray, duration_s: float, use: Use) -> Pulse:
    return Pulse(np.asarray(shape, complex), duration_s / len(shape), 0.0, duration_s / 2, use)
