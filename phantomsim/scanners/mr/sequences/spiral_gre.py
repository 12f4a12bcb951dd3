"""Spiral spoiled gradient echo (Ahn 1986, doi:10.1109/TMI.1986.4307732), from the centre of k-space out."""

from __future__ import annotations

import math

import numpy as np

from phantomsim.errors import ScannerError
from phantomsim.scanners.mr.sequences import cartesian, selection, spiral
from phantomsim.scanners.mr.sequences.builder import Builder
from phantomsim.scanners.mr.sequences.events import Readout
from phantomsim.scanners.mr.sequences.fat_saturation import fat_saturation
from phantomsim.scanners.mr.sequences.gradients import lobe, scaled, shared_lobe
from phantomsim.scanners.mr.sequences.schedule import schedule, slice_z_mm, spoiling_rad
from phantomsim.scanners.mr.sequences.sequence import Sequence
from phantomsim.scanners.mr.sequences.system import System, ms
from phantomsim.scanners.mr.spec.hardware import Hardware
from phantomsim.scanners.mr.spec.protocol import MRProtocol

SPOIL_CYCLES = 4.0  # over a slice, in each repetition


class Spiral:
    """From the start of the excitation's block. The first sample is at k = 0 and TE.

    Attributes:
        duration_s: the least that a repetition takes.
    """

    def __init__(self, protocol: MRProtocol, system: System, edge: float = 1.0) -> None:
        self.system = system
        fov, count = protocol.fov_mm[1], protocol.matrix[1]
        dwell = cartesian.dwell_s(protocol)
        # As for a straight readout, the bandwidth is that of the field of view.
        top = cartesian.read_gradient_Hz_per_mm(protocol, system)
        self.values, out = spiral.gradient(system, fov, count / (2 * fov), protocol.interleaves or 1, top, edge)
        self.wave_at = system.up(max(system.adc_dead_s + dwell / 2, system.raster_s))
        samples = math.floor(out * system.raster_s / dwell) + 1
        self.readout = Readout(samples, dwell, self.wave_at - dwell / 2)
        end = self.wave_at + (len(self.values) - 1) * system.raster_s
        self.read_s = system.up(max(end, self.readout.delay_s + self.readout.duration_s + system.adc_dead_s))
        self._place(protocol, system)
        self.end_per_mm = complex((self.values[1:] + self.values[:-1]).sum() / 2 * system.raster_s)
        self.z_end = SPOIL_CYCLES / protocol.slice_mm - self.excite.before_per_mm
        self.rewind = shared_lobe(system, abs(self.end_per_mm), self.z_end)
        self.duration_s = self.read_at + self.read_s + self.rewind.duration_s

    def _place(self, protocol: MRProtocol, system: System) -> None:
        TE, step = protocol.TE_ms / 1000, system.rf_raster_s
        start = selection.excitation(protocol, system).centre_s + TE - self.wave_at
        late = round((system.up(start) - start) / step) * step
        self.excite, self.read_at = selection.excitation(protocol, system, late), system.up(start)
        self.rephase = lobe(system, self.excite.after_per_mm)
        lacking = self.excite.duration_s + self.rephase.duration_s - self.read_at
        if lacking > 1e-9:
            raise ScannerError(
                f"TE_ms is {protocol.TE_ms}; the shortest of this protocol is {ms(TE + lacking)} "
                "(a spiral begins at the centre of k-space)"
            )

    def add(
        self, builder: Builder, angle_rad: float, duration_s: np.ndarray, z_mm: np.ndarray, phase_rad: np.ndarray,
        **counters: np.ndarray,
    ) -> None:  # fmt: skip
        """Append one interleaf; arrays are [repetition], see `Builder.repeat`."""
        excite = self.excite
        numbers = excite.numbers(z_mm, phase_rad)
        builder.add(excite.duration_s, excite.pulse, (None, None, excite.along_z), **numbers)  # type: ignore[arg-type]
        back = scaled(self.rephase, -excite.after_per_mm)
        builder.add(self.read_at - excite.duration_s, gradients=(None, None, back))
        x, y = spiral.waveforms(self.system, self.values, angle_rad, self.wave_at)
        builder.add(self.read_s, None, (x, y, None), self.readout, readout_phase_rad=phase_rad, **counters)
        end = -self.end_per_mm * np.exp(1j * angle_rad)
        back_x, back_y, z = (scaled(self.rewind, a) for a in (end.real, end.imag, self.z_end))
        builder.add(duration_s - self.read_at - self.read_s, gradients=(back_x, back_y, z))


def build(protocol: MRProtocol, hardware: Hardware, field_T: float, edge: float = 1.0) -> Sequence:
    """The sequence of a protocol, one average; the counter "line" is the interleaf.

    Args:
        edge: sampled field of view at the edge of k-space over that at its centre; below 1 for variable density.
    Raises:
        ScannerError: the hardware cannot keep the protocol; with the shortest time that it can.
    """
    system, count = System.of(hardware), protocol.interleaves or 1
    kernel, fat = Spiral(protocol, system, edge), fat_saturation(protocol, system, field_T)
    plan = schedule(protocol, system, fat.duration_s + kernel.duration_s, count, "one interleaf")
    builder, z_mm = Builder(), slice_z_mm(protocol)
    phase = spoiling_rad(protocol.rf_spoil_deg, plan.count)
    edges = np.flatnonzero(np.diff(plan.count, prepend=-1, append=-1))
    for start, stop in zip(edges[:-1].tolist(), edges[1:].tolist()):  # slices that share an interleaf
        run, index = slice(start, stop), max(int(plan.encode[start]), 0)
        fat.add(builder)
        kernel.add(
            builder, 2 * np.pi * index / count, plan.slot_s[run] - fat.duration_s, z_mm[plan.slice[run]], phase[run],
            line=np.full(stop - start, index), slice=plan.slice[run], dummy=plan.dummy[run],
        )  # fmt: skip
        builder.repeat(stop - start)
    return builder.build(name=protocol.sequence)
