"""What gradient-echo and spin-echo EPI share: excitation, perhaps refocusing, prephasing, the train, a spoiler."""

from __future__ import annotations

import itertools

import numpy as np

from phantomsim.errors import ScannerError
from phantomsim.scanners.mr.sequences import cartesian, selection
from phantomsim.scanners.mr.sequences.builder import Builder
from phantomsim.scanners.mr.sequences.epi import Train
from phantomsim.scanners.mr.sequences.fat_saturation import fat_saturation
from phantomsim.scanners.mr.sequences.gradients import lobe, scaled, shared_lobe
from phantomsim.scanners.mr.sequences.schedule import schedule, slice_z_mm
from phantomsim.scanners.mr.sequences.sequence import Sequence
from phantomsim.scanners.mr.sequences.system import System, ms
from phantomsim.scanners.mr.spec.hardware import Hardware
from phantomsim.scanners.mr.spec.protocol import MRProtocol

CRUSH_CYCLES = 4.0  # over a slice, on each side of the refocusing pulse
SPOIL_CYCLES = 6.0  # over a slice, after the train


class EchoPlanar:
    """From the start of the excitation's block to the end of the spoiler.

    Pulses are shifted by less than the gradient raster so that TE and TE/2 are kept to half a step of the RF raster.
    """

    def __init__(self, protocol: MRProtocol, system: System, refocused: bool) -> None:
        self.protocol, self.system = protocol, system
        self.train = Train(protocol, system)
        TE, step = protocol.TE_ms / 1000, system.rf_raster_s
        plain = selection.excitation(protocol, system)
        # The train starts on the raster: what is lacking is made up by exciting later.
        from_excitation = TE - self.train.centre_s + plain.centre_s
        late = system.up(from_excitation) - from_excitation
        self.excite = selection.excitation(protocol, system, round(late / step) * step)
        self.train_at = system.up(from_excitation)
        self.refocus: selection.Selection | None = None
        self.refocus_at = 0.0
        spoil = SPOIL_CYCLES / protocol.slice_mm
        k_phase = cartesian.largest_per_mm(protocol)[0]
        self.spoil = shared_lobe(system, spoil, k_phase, self.train.last_per_mm)
        self.spoil_area = spoil
        before = (self.train.echo.prephase_per_mm, k_phase)
        if refocused:
            self._refocus(TE, before)
        else:
            self.prephase = shared_lobe(system, *before, self.excite.after_per_mm)
            lacking = self.excite.duration_s + self.prephase.duration_s - self.train_at
            self._check(lacking)
        self.duration_s = self.train_at + self.train.duration_s + self.spoil.duration_s

    def _refocus(self, TE: float, before: tuple[float, float]) -> None:
        p, system = self.protocol, self.system
        angle, step = p.refocusing()[0], system.rf_raster_s
        at = self.excite.centre_s + TE / 2 - selection.refocusing(p, system, angle).centre_s
        self.refocus_at = system.down(at)
        pulse = selection.refocusing(p, system, angle, round((at - self.refocus_at) / step) * step)
        self.refocus = pulse
        self.crush_area = CRUSH_CYCLES / p.slice_mm
        left = self.crush_area - self.excite.after_per_mm - pulse.before_per_mm
        self.left = lobe(system, left)
        self.prephase = shared_lobe(system, *before, self.crush_area - pulse.after_per_mm)
        early = self.excite.duration_s + self.left.duration_s - self.refocus_at
        late = self.refocus_at + pulse.duration_s + self.prephase.duration_s - self.train_at
        self._check(2 * max(early, late))

    def _check(self, lacking: float) -> None:
        if lacking > 1e-9:
            least = self.protocol.TE_ms / 1000 + lacking
            raise ScannerError(
                f"TE_ms is {self.protocol.TE_ms}; the shortest of this protocol is {ms(least)}. "
                "More shots, acceleration or partial_fourier shorten it too"
            )

    def add(
        self, builder: Builder, shot: int, duration_s: np.ndarray, z_mm: np.ndarray, **counters: np.ndarray
    ) -> None:
        """Append one shot; arrays are [repetition], see `Builder.repeat`."""
        p, axes, excite, train = self.protocol, cartesian.axes, self.excite, self.train
        builder.add(excite.duration_s, excite.pulse, (None, None, excite.along_z), **excite.numbers(z_mm))  # type: ignore[arg-type]
        at, z_area = excite.duration_s, -excite.after_per_mm
        if self.refocus is not None:
            left = self.crush_area - excite.after_per_mm - self.refocus.before_per_mm
            builder.add(self.refocus_at - at, gradients=(None, None, scaled(self.left, left)))
            numbers = self.refocus.numbers(z_mm, np.pi / 2)
            builder.add(
                self.refocus.duration_s,
                self.refocus.pulse,
                (None, None, self.refocus.along_z),
                **numbers,  # type: ignore[arg-type]
            )
            at = self.refocus_at + self.refocus.duration_s
            z_area = self.crush_area - self.refocus.after_per_mm
        first = train.first_phase_per_mm(shot)
        read = scaled(self.prephase, train.echo.prephase_per_mm)
        across, z = scaled(self.prephase, first), scaled(self.prephase, z_area)
        builder.add(self.train_at - at, gradients=axes(p, across, read, z))
        train.add(builder, shot, **counters)
        read, across = scaled(self.spoil, -train.last_per_mm), scaled(self.spoil, -train.last_phase_per_mm(shot))
        rest = duration_s - self.train_at - train.duration_s
        builder.add(rest, gradients=axes(p, across, read, scaled(self.spoil, self.spoil_area)))


def build_planar(protocol: MRProtocol, hardware: Hardware, field_T: float, refocused: bool) -> Sequence:
    """Shots of all slices within a TR, then the next shot."""
    system = System.of(hardware)
    kernel, fat = EchoPlanar(protocol, system, refocused), fat_saturation(protocol, system, field_T)
    busy = fat.duration_s + kernel.duration_s
    plan = schedule(protocol, system, busy, protocol.shots, "one shot")
    builder = Builder()
    edges = np.flatnonzero(np.diff(plan.count, prepend=-1, append=-1))  # runs of slices that share a shot
    for start, stop in itertools.pairwise(edges.tolist()):
        run = slice(start, stop)
        fat.add(builder)
        kernel.add(
            builder,
            max(int(plan.encode[start]), 0),
            plan.slot_s[run] - fat.duration_s,
            slice_z_mm(protocol)[plan.slice[run]],
            slice=plan.slice[run],
            dummy=plan.dummy[run],
        )
        builder.repeat(stop - start)
    return builder.build(name=protocol.sequence, echo_spacing_s=kernel.train.echo.duration_s)
