"""One excitation and a train of spin echoes, after Carr, Purcell, Meiboom and Gill.

Every refocusing pulse has the same gradient area on both sides, and the phase encoding of an echo is undone before the
next pulse, so that all pathways of one echo have the same k (Hennig 1986, doi:10.1002/mrm.1910030602).
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from phantomsim.errors import ScannerError
from phantomsim.scanners.mr.sequences import cartesian, selection
from phantomsim.scanners.mr.sequences.builder import Builder, Numbers
from phantomsim.scanners.mr.sequences.gradients import scaled, shared_lobe
from phantomsim.scanners.mr.sequences.system import System, ms
from phantomsim.scanners.mr.spec.protocol import MRProtocol

CRUSH_CYCLES = 4.0  # over a slice (2 over a partition), on each side of a refocusing pulse
SPOIL_CYCLES = 6.0  # after the train


class EchoTrain:
    """From the start of the excitation's block to the end of the spoiler.

    Attributes:
        centre_s: of the excitation; spacing_s: between echoes; wanted: the echo, from 0, at TE.
        duration_s: the least that it takes.
    """

    def __init__(self, protocol: MRProtocol, system: System) -> None:
        self.protocol, self.system = protocol, system
        single = protocol.echo_train == 1
        self.angles = protocol.refocusing()
        self.excite = selection.excitation(protocol, system)
        self.centre_s = self.excite.centre_s
        self._design()
        self.spacing_s, self.wanted = self._spacing(single)
        self._place()

    def _design(self) -> None:
        p, system = self.protocol, self.system
        k_phase, k_z = cartesian.largest_per_mm(p)
        line = cartesian.line(p, system, system.raster_s * 0.999)
        pulse = selection.refocusing(p, system, max(self.angles), system.raster_s * 0.999)
        first, last = pulse.before_per_mm, pulse.after_per_mm
        self.crush_area = CRUSH_CYCLES / p.slice_mm * (1.0 if p.encoding == "2d" else 0.5)
        self.spoil_area = SPOIL_CYCLES / p.slice_mm * (1.0 if p.encoding == "2d" else 0.5)
        crush = max(abs(self.crush_area - first), abs(self.crush_area - last))
        self.crush = shared_lobe(system, crush + k_z, k_phase, line.before_per_mm - line.after_per_mm)
        self.prephase = shared_lobe(system, line.before_per_mm, self.crush_area - self.excite.after_per_mm - first)
        self.spoil = shared_lobe(system, self.spoil_area + k_z, k_phase, line.after_per_mm)
        # Halves of the spacing: before the first pulse, from a pulse to its echo, and from there to the next pulse.
        self.first_s = self.excite.duration_s - self.centre_s + self.prephase.duration_s + pulse.centre_s
        self.before_s = pulse.duration_s - pulse.centre_s + self.crush.duration_s + line.echo_s
        self.after_s = line.duration_s - line.echo_s + self.crush.duration_s + pulse.centre_s

    def _spacing(self, single: bool) -> tuple[float, int]:
        p = self.protocol
        least = 2 * max(self.first_s, self.before_s, 0.0 if single else self.after_s)
        least = 2 * self.system.up(least / 2)
        TE = p.TE_ms / 1000
        if p.echo_spacing_ms is not None and not single:
            spacing = p.echo_spacing_ms / 1000
            if spacing < least - 1e-9:
                raise ScannerError(
                    f"echo_spacing_ms is {p.echo_spacing_ms}; the shortest of this protocol is {ms(least)}"
                )
            wanted = round(TE / spacing) - 1
            if not 0 <= wanted < p.echo_train:
                raise ScannerError(
                    f"TE_ms is {p.TE_ms}; echoes come at {ms(spacing)} to {ms(spacing * p.echo_train)}. "
                    "Change TE_ms, echo_spacing_ms or echo_train"
                )
            return spacing, wanted
        fit = min(p.echo_train, math.floor(TE / least + 1e-9))
        if fit < 1:
            raise ScannerError(f"TE_ms is {p.TE_ms}; the shortest of this protocol is {ms(least)}")
        return TE / fit, fit - 1

    def _place(self) -> None:
        """Lay pulses and readouts on the raster. Equal ones share their shapes."""
        p, system = self.protocol, self.system
        self.pulses, self.pulse_at, self.lines, self.line_at = [], [], [], []
        known: dict[int, selection.Selection] = {}
        strongest = max(self.angles)
        lead = selection.refocusing(p, system, strongest).centre_s
        lines: dict[int, cartesian.Line] = {}
        for echo, angle in enumerate(self.angles):
            at = self.centre_s + (echo + 0.5) * self.spacing_s - lead
            start = system.down(at)
            steps = round((at - start) / system.rf_raster_s)
            if steps not in known:
                known[steps] = selection.refocusing(p, system, strongest, steps * system.rf_raster_s)
            line, line_start = cartesian.line_at(p, system, self.centre_s + (echo + 1) * self.spacing_s)
            # One shape, scaled: the stronger a pulse, the more of the transmitter it takes.
            self.pulses.append(replace(known[steps], scale_Hz=known[steps].scale_Hz * angle / strongest))
            self.pulse_at.append(start)
            self.lines.append(lines.setdefault(round(line.readout.delay_s * 1e9), line))
            self.line_at.append(line_start)
        self.busy_s = self.line_at[-1] + self.lines[-1].duration_s
        self.duration_s = self.busy_s + self.spoil.duration_s

    def add(
        self,
        builder: Builder,
        *,
        duration_s: Numbers,
        z_mm: Numbers,
        k_phase: np.ndarray,
        k_z: np.ndarray,
        when: Numbers = True,
        dummy: np.ndarray,
        **counters: Numbers,
    ) -> None:
        """Append one train; arrays are [repetition], see `Builder.repeat`.

        Args:
            k_phase, k_z: what each echo encodes [repetition, echo] 1/mm.
            dummy: 1 where an echo is not read [repetition, echo].
            counters: [repetition] or [repetition, echo].
        """
        p, excite, axes = self.protocol, self.excite, cartesian.axes
        builder.add(excite.duration_s, excite.pulse, (None, None, excite.along_z), when=when, **excite.numbers(z_mm))  # type: ignore[arg-type]
        ahead = self.lines[0].before_per_mm
        # The first half of the spacing has the readout's and the crusher's area, as every later one.
        read = scaled(self.prephase, ahead)
        z = scaled(self.prephase, self.crush_area - excite.after_per_mm - self.pulses[0].before_per_mm)
        builder.add(self.pulse_at[0] - excite.duration_s, gradients=axes(p, None, read, z), when=when)
        for echo, (pulse, line) in enumerate(zip(self.pulses, self.lines)):
            ky, kz = k_phase[:, echo], k_z[:, echo]
            numbers = pulse.numbers(z_mm, np.pi / 2)
            builder.add(pulse.duration_s, pulse.pulse, (None, None, pulse.along_z), when=when, **numbers)  # type: ignore[arg-type]
            gap = self.line_at[echo] - self.pulse_at[echo] - pulse.duration_s
            read = scaled(self.crush, ahead - line.before_per_mm)
            z = scaled(self.crush, self.crush_area - pulse.after_per_mm + kz)
            builder.add(gap, gradients=axes(p, scaled(self.crush, ky), read, z), when=when)
            own = {name: np.asarray(v)[:, echo] if np.ndim(v) == 2 else v for name, v in counters.items()}
            builder.add(
                line.duration_s, None, axes(p, None, line.gradient, None), line.readout, when=when,
                echo=echo, dummy=dummy[:, echo], **own,
            )  # fmt: skip
            if echo + 1 < len(self.pulses):
                gap = self.pulse_at[echo + 1] - self.line_at[echo] - line.duration_s
                read = scaled(self.crush, ahead - line.after_per_mm)
                z = scaled(self.crush, self.crush_area - self.pulses[echo + 1].before_per_mm - kz)
                builder.add(gap, gradients=axes(p, scaled(self.crush, -ky), read, z), when=when)
        read, phase = scaled(self.spoil, -line.after_per_mm), scaled(self.spoil, -ky)
        z = scaled(self.spoil, self.spoil_area - kz)
        rest = np.asarray(duration_s) - self.busy_s
        builder.add(rest, gradients=axes(p, phase, read, z), when=when)
