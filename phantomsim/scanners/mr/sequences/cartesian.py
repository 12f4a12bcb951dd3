"""The readout of one line, and where lines lie in k-space."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from phantomsim.scanners.mr.sequences.events import Readout, Waveform
from phantomsim.scanners.mr.sequences.gradients import trapezoid
from phantomsim.scanners.mr.sequences.system import System
from phantomsim.scanners.mr.spec.protocol import MRProtocol


@dataclass(frozen=True, eq=False)
class Line:
    """A readout with its gradient in one block; sample N/2 is the echo.

    Attributes:
        wave, gradient_Hz_per_mm: the readout gradient.
        echo_s: from the block's start to the echo; duration_s: of the block.
        before_per_mm, after_per_mm: area of the gradient before and after the echo.
    """

    wave: Waveform
    gradient_Hz_per_mm: float
    readout: Readout
    echo_s: float
    duration_s: float
    before_per_mm: float
    after_per_mm: float

    @property
    def gradient(self) -> tuple[Waveform, float]:
        """The readout gradient."""
        return self.wave, self.gradient_Hz_per_mm


def dwell_s(protocol: MRProtocol) -> float:
    """Between samples before the decimation filter."""
    return 1 / (protocol.bandwidth_Hz * protocol.readout_oversampling)


def read_gradient_Hz_per_mm(protocol: MRProtocol, system: System) -> float:
    """Readout gradient: bandwidth over field of view.

    Raises:
        ScannerError: it is too strong.
    """
    gradient = protocol.bandwidth_Hz / protocol.fov_phase_readout_mm[1]
    system.check_gradient(gradient, "the readout", "Lower bandwidth_Hz or raise fov_mm")
    return gradient


def line(protocol: MRProtocol, system: System, shift_s: float = 0.0) -> Line:
    """The shortest readout, its samples `shift_s` late (less than the gradient raster)."""
    gradient, dwell = read_gradient_Hz_per_mm(protocol, system), dwell_s(protocol)
    count = protocol.samples * protocol.readout_oversampling
    rise = max(system.ramp_s(gradient), system.up(system.adc_dead_s))
    flat = system.up(shift_s + count * dwell)
    wave, readout = trapezoid(rise, flat), Readout(count, dwell, rise + shift_s)
    echo = readout.delay_s + (count // 2 + 0.5) * dwell
    before = gradient * float(wave.integral_s(echo))
    return Line(wave, gradient, readout, echo, 2 * rise + flat, before, gradient * wave.area_s - before)


def line_at(protocol: MRProtocol, system: System, echo_s: float) -> tuple[Line, float]:
    """A readout whose echo is at a time, and the latest start of its block, on the raster [s]."""
    start = system.down(echo_s - line(protocol, system).echo_s)
    shift = echo_s - line(protocol, system).echo_s - start
    return line(protocol, system, max(shift, 0.0)), start


def phase_per_mm(protocol: MRProtocol, lines: np.ndarray) -> np.ndarray:
    """k of phase-encoding lines [1/mm]; zero for line N//2."""
    return (np.asarray(lines) - protocol.phase_lines // 2) / protocol.fov_phase_readout_mm[0]


def partition_per_mm(protocol: MRProtocol, partitions: np.ndarray) -> np.ndarray:
    """k of partitions along z [1/mm]; zero for partition n//2, and for 2D slices."""
    if protocol.encoding == "2d":
        return np.zeros(np.shape(partitions))
    return (np.asarray(partitions) - protocol.slices // 2) / (protocol.slices * protocol.slice_mm)


def largest_per_mm(protocol: MRProtocol) -> tuple[float, float]:
    """Largest |k| along the phase axis and z of all lines and partitions, whichever are measured."""
    return abs(float(phase_per_mm(protocol, np.array(0)))), abs(float(partition_per_mm(protocol, np.array(0))))


def axes(protocol: MRProtocol, phase: object = None, read: object = None, z: object = None) -> tuple:  # type: ignore[type-arg]
    """Gradients along x, y and z from those along the phase and readout axes and z."""
    return (phase, read, z) if protocol.phase_axis == "x" else (read, phase, z)
