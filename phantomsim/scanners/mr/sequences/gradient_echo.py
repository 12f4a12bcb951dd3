"""One excitation followed by gradient echoes: what spoiled GRE, bSSFP, MPRAGE and radial GRE repeat."""

from __future__ import annotations

import numpy as np

from phantomsim.errors import ScannerError
from phantomsim.scanners.mr.sequences import cartesian, selection
from phantomsim.scanners.mr.sequences.builder import Builder, Numbers
from phantomsim.scanners.mr.sequences.gradients import scaled, shared_lobe
from phantomsim.scanners.mr.sequences.system import System, ms
from phantomsim.scanners.mr.spec.protocol import MRProtocol

SPOIL_CYCLES = {"2d": 4.0, "3d": 2.0}  # over a slice or partition, in each repetition


class GradientEcho:
    """Excitation, encoding, readouts, rewinding: from the start of the excitation's block.

    The gradients along the readout and phase axes always end balanced; that along z has `SPOIL_CYCLES` over a slice,
    or none if `balanced`.

    Attributes:
        centre_s: of the excitation; duration_s: the least that a repetition takes.
    """

    def __init__(self, protocol: MRProtocol, system: System, *, balanced: bool = False, polar: bool = False) -> None:
        self.protocol, self.polar = protocol, polar
        self.excite = selection.excitation(protocol, system)
        self.centre_s = self.excite.centre_s
        self._place_lines(protocol, system)
        k_phase, k_z = cartesian.largest_per_mm(protocol)
        spoil = 0.0 if balanced else SPOIL_CYCLES[protocol.encoding] / protocol.slice_mm
        self.z_end = spoil - self.excite.before_per_mm
        x_end = self.lines[-1].after_per_mm
        k_phase = 0.0 if polar else k_phase
        before = self.lines[0].before_per_mm
        self.encode = shared_lobe(system, before, k_phase, abs(self.excite.after_per_mm) + k_z)
        self.rewind = shared_lobe(system, x_end, k_phase, abs(self.z_end) + k_z)
        self.encode_s = self.starts[0] - self.excite.duration_s
        lacking = self.encode.duration_s - self.encode_s
        if lacking > 1e-9:
            least = protocol.TE_ms / 1000 + lacking
            raise ScannerError(f"TE_ms is {protocol.TE_ms}; the shortest of this protocol is {ms(least)}")
        self.busy_s = self.starts[-1] + self.lines[-1].duration_s
        self.duration_s = self.busy_s + self.rewind.duration_s

    def _place_lines(self, protocol: MRProtocol, system: System) -> None:
        """Readouts, their starts, and the lobe that goes back between them."""
        TE = self.centre_s + protocol.TE_ms / 1000
        first, _ = cartesian.line_at(protocol, system, TE)
        self.fly = shared_lobe(system, first.before_per_mm + first.after_per_mm)
        spacing = first.duration_s + self.fly.duration_s
        if protocol.echo_spacing_ms is not None:
            spacing = protocol.echo_spacing_ms / 1000
        echoes = protocol.echoes if protocol.sequence == "spoiled-gre" else 1
        placed = [cartesian.line_at(protocol, system, TE + echo * spacing) for echo in range(echoes)]
        known: dict[int, cartesian.Line] = {}
        self.lines = [known.setdefault(round(line.readout.delay_s * 1e9), line) for line, _ in placed]
        self.starts = [start for _, start in placed]
        gaps = np.diff(self.starts) - [line.duration_s for line in self.lines[:-1]]
        lacking = self.fly.duration_s - gaps.min(initial=self.fly.duration_s)
        if lacking > 1e-9:
            least = ms(spacing + lacking)
            raise ScannerError(
                f"echo_spacing_ms is {protocol.echo_spacing_ms}; the shortest of this protocol is {least}"
            )

    def add(
        self,
        builder: Builder,
        *,
        duration_s: Numbers,
        z_mm: Numbers = 0.0,
        k_phase: Numbers = 0.0,
        k_z: Numbers = 0.0,
        phase_rad: Numbers = 0.0,
        angle_rad: Numbers = 0.0,
        **counters: Numbers,
    ) -> None:
        """Append one repetition; every number may be an array, see `Builder.repeat`.

        Args:
            k_phase, k_z: what is encoded [1/mm].
            phase_rad: of pulse and receiver.
            angle_rad: of the readout from x towards y, if polar.
        """
        p, excite = self.protocol, self.excite

        def turned(read: tuple | None, phase: tuple | None, z: tuple | None) -> tuple:  # type: ignore[type-arg]
            if not self.polar:
                return cartesian.axes(p, phase, read, z)
            if read is None:
                return None, None, z
            return (read[0], read[1] * np.cos(angle_rad)), (read[0], read[1] * np.sin(angle_rad)), z

        numbers = excite.numbers(z_mm, phase_rad)
        builder.add(excite.duration_s, excite.pulse, (None, None, excite.along_z), **numbers)  # type: ignore[arg-type]
        read, phase = (scaled(self.encode, a) for a in (-self.lines[0].before_per_mm, k_phase))
        z = scaled(self.encode, np.asarray(k_z) - excite.after_per_mm)
        builder.add(self.encode_s, gradients=turned(read, phase, z))
        for echo, line in enumerate(self.lines):
            if echo:
                back = scaled(self.fly, -(self.lines[echo - 1].after_per_mm + line.before_per_mm))
                gap = self.starts[echo] - self.starts[echo - 1] - self.lines[echo - 1].duration_s
                builder.add(gap, gradients=turned(back, None, None))
            builder.add(
                line.duration_s, None, turned(line.gradient, None, None), line.readout,
                readout_phase_rad=phase_rad, echo=echo, **counters,
            )  # fmt: skip
        read, phase = (scaled(self.rewind, -np.asarray(a)) for a in (self.lines[-1].after_per_mm, k_phase))
        z = scaled(self.rewind, self.z_end - np.asarray(k_z))
        builder.add(np.asarray(duration_s) - self.busy_s, gradients=turned(read, phase, z))
