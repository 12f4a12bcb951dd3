"""A pulse with the gradient that it is played with: one block."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from phantomsim.scanners.mr.sequences import pulses
from phantomsim.scanners.mr.sequences.events import Pulse, Use, Waveform
from phantomsim.scanners.mr.sequences.gradients import trapezoid
from phantomsim.scanners.mr.sequences.system import System
from phantomsim.scanners.mr.spec.protocol import MRProtocol

INVERSION_WIDTH = 1.2  # of an inverted slice over an imaged one, so that the edges are inverted too


@dataclass(frozen=True, eq=False)
class Selection:
    """A pulse in its block.

    Attributes:
        pulse: with its delay; scale_Hz: nutation frequency of its peak.
        wave: of the slice gradient along z, scaled by gradient_Hz_per_mm; None for a pulse that selects nothing.
        centre_s: from the block's start to the pulse's centre; duration_s: of the block.
        before_per_mm, after_per_mm: area of the slice gradient before and after the centre.
    """

    pulse: Pulse
    scale_Hz: float
    wave: Waveform | None
    gradient_Hz_per_mm: float
    centre_s: float
    duration_s: float
    before_per_mm: float
    after_per_mm: float

    @property
    def along_z(self) -> tuple[Waveform, float] | None:
        """The slice gradient."""
        return (self.wave, self.gradient_Hz_per_mm) if self.wave else None

    def numbers(self, z_mm: np.typing.ArrayLike, phase_rad: np.typing.ArrayLike = 0.0) -> dict[str, np.ndarray]:
        """What a block needs for a slice at z to be turned about a phase at the pulse's centre."""
        offset = self.gradient_Hz_per_mm * np.asarray(z_mm, float)
        phase = np.asarray(phase_rad, float) - 2 * np.pi * offset * self.pulse.centre_s
        turned = np.mod(phase + np.pi, 2 * np.pi) - np.pi
        return {"pulse_Hz": np.asarray(self.scale_Hz), "pulse_phase_rad": turned, "pulse_offset_Hz": offset}


def excitation(protocol: MRProtocol, system: System, shift_s: float = 0.0) -> Selection:
    """Excites a slice, or everything for a 3D slab; the pulse comes `shift_s` late."""
    return _flip(protocol, system, protocol.flip_deg, "excitation", shift_s)


def refocusing(protocol: MRProtocol, system: System, flip_deg: float, shift_s: float = 0.0) -> Selection:
    """Refocuses a slice, or everything for a 3D slab; the pulse comes `shift_s` late."""
    return _flip(protocol, system, flip_deg, "refocusing", shift_s)


def inversion(protocol: MRProtocol, system: System, shift_s: float = 0.0) -> Selection:
    """An adiabatic inversion of a slice 1.2 times as thick as the imaged one, or of everything for a 3D slab."""
    pulse, scale, band = pulses.hyperbolic_secant(system)
    gradient = band / (protocol.slice_mm * INVERSION_WIDTH) if protocol.encoding == "2d" else 0.0
    return _place(system, pulse, scale, gradient, shift_s)


def _flip(protocol: MRProtocol, system: System, flip_deg: float, use: Use, shift_s: float) -> Selection:
    if protocol.encoding == "3d":
        pulse, gradient = pulses.hard(system, flip_deg, use), 0.0
    else:
        pulse = pulses.sinc(system, flip_deg, protocol.pulse_ms, protocol.time_bandwidth, use)
        gradient = protocol.time_bandwidth / (pulse.duration_s * protocol.slice_mm)
        system.check_gradient(gradient, f"a slice of {protocol.slice_mm} mm", "Raise slice_mm or pulse_ms")
    return _place(system, pulse, pulses.scale_Hz(pulse, flip_deg), gradient, shift_s)


def _place(system: System, pulse: Pulse, scale_Hz: float, gradient: float, shift_s: float) -> Selection:
    rise = system.ramp_s(gradient) if gradient else 0.0
    flat_at = system.up(max(rise, system.rf_dead_s))
    flat = system.up(shift_s + pulse.duration_s)
    pulse = replace(pulse, delay_s=flat_at + shift_s)
    centre = pulse.delay_s + pulse.centre_s
    if not gradient:
        return Selection(pulse, scale_Hz, None, 0.0, centre, system.up(flat_at + flat + system.rf_ringdown_s), 0.0, 0.0)
    wave = trapezoid(rise, flat, start_s=flat_at - rise)
    before = gradient * float(wave.integral_s(centre))
    duration = system.up(flat_at + flat + max(rise, system.rf_ringdown_s))
    return Selection(pulse, scale_Hz, wave, gradient, centre, duration, before, gradient * wave.area_s - before)
