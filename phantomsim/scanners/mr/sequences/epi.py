"""An echo-planar train (Mansfield 1977, doi:10.1088/0022-3719/10/3/004): many lines after one excitation.

Lines are read forth and back, samples on the flat top alone, so that they lie on the lattice of other Cartesian
readouts: sample j of a forward line, and sample N-1-j of a backward one, at k = (j - N/2) / FOV. A blip moves to the
next line while the readout gradient turns round; its halves belong to the blocks on either side.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from phantomsim.errors import ScannerError
from phantomsim.scanners.mr import sampling
from phantomsim.scanners.mr.sequences import cartesian
from phantomsim.scanners.mr.sequences.builder import Builder, Numbers
from phantomsim.scanners.mr.sequences.events import Readout, Waveform
from phantomsim.scanners.mr.sequences.gradients import lobe, trapezoid
from phantomsim.scanners.mr.sequences.system import System
from phantomsim.scanners.mr.spec.protocol import MRProtocol


@dataclass(frozen=True, eq=False)
class Echo:
    """One line of the train.

    Attributes:
        half_s: half of a blip. middle_s: from the block's start to the middle of the samples.
        late_s: by which k = 0 comes after the middle in a forward line, and before it in a backward one.
        area_per_mm: of the readout gradient; prephase_per_mm: to be had before a forward line.
    """

    wave: Waveform
    gradient_Hz_per_mm: float
    readout: Readout
    duration_s: float
    half_s: float
    middle_s: float
    late_s: float
    area_per_mm: float
    prephase_per_mm: float


def shot_lines(protocol: MRProtocol) -> list[np.ndarray]:
    """Lines of each shot, ascending: the measured ones in turn.

    Raises:
        ScannerError: shots would have unequal numbers of lines.
    """
    lines = sampling.measured(protocol)
    shots = [lines[s :: protocol.shots] for s in range(protocol.shots)]
    if len({len(s) for s in shots}) != 1:
        raise ScannerError(
            f"{len(lines)} measured lines do not divide into {protocol.shots} shots of equal length. "
            "Change shots, acceleration, calibration_lines or partial_fourier"
        )
    return shots


def echo(protocol: MRProtocol, system: System) -> Echo:
    """The line that all shots repeat, with room for their largest blip."""
    gradient, dwell = cartesian.read_gradient_Hz_per_mm(protocol, system), cartesian.dwell_s(protocol)
    count = protocol.samples * protocol.readout_oversampling
    step = max(int(np.diff(lines).max(initial=1)) for lines in shot_lines(protocol))
    blip = lobe(system, step / protocol.fov_phase_readout_mm[0])
    half = system.up(blip.duration_s / 2)
    rise = max(system.ramp_s(gradient), system.up(system.adc_dead_s), half)
    flat = system.up(count * dwell)
    wave, delay = trapezoid(rise, flat), rise + (flat - count * dwell) / 2
    area = gradient * wave.area_s
    # Forth and back over one path: sample j forth and N-1-j back coincide where the path's middle is at -1/2 a step.
    prephase = -(area + gradient * dwell) / 2
    return Echo(
        wave, gradient, Readout(count, dwell, delay), 2 * rise + flat, half, rise + flat / 2, dwell / 2, area, prephase
    )


class Train:
    """The lines of all shots: from the start of the first line's block.

    Attributes:
        centre: which line of the train reads k = 0; centre_s: when; duration_s: of all lines.
    """

    def __init__(self, protocol: MRProtocol, system: System) -> None:
        self.protocol, self.system = protocol, system
        self.shots, self.echo = shot_lines(protocol), echo(protocol, system)
        middle = protocol.phase_lines // 2
        self.centre = int(
            min((abs(lines - middle).min(), int(np.argmin(abs(lines - middle)))) for lines in self.shots)[1]
        )
        e = self.echo
        late = e.late_s * self._sign(self.centre)
        self.centre_s = self.centre * e.duration_s + e.middle_s + late
        self.duration_s = len(self.shots[0]) * e.duration_s
        self._waves: dict[tuple[float, float], Waveform] = {}

    @property
    def last_per_mm(self) -> float:
        """k along the readout after the last line, from its k = 0 frame."""
        odd = len(self.shots[0]) % 2
        return self.echo.prephase_per_mm + (self.echo.area_per_mm if odd else 0.0)

    def _sign(self, line: int) -> float:
        """Direction of a line of the train."""
        return 1.0 if line % 2 == 0 else -1.0

    def first_phase_per_mm(self, shot: int) -> float:
        """k along the phase axis of a shot's first line."""
        return float(cartesian.phase_per_mm(self.protocol, self.shots[shot][0]))

    def last_phase_per_mm(self, shot: int) -> float:
        """k along the phase axis of a shot's last line."""
        return float(cartesian.phase_per_mm(self.protocol, self.shots[shot][-1]))

    def add(self, builder: Builder, shot: int, **counters: Numbers) -> None:
        """Append the lines of a shot."""
        lines, e = self.shots[shot], self.echo
        blips = np.concatenate([[0.0], np.diff(cartesian.phase_per_mm(self.protocol, lines)), [0.0]])
        for n, line in enumerate(lines):
            read, phase = (e.wave, self._sign(n) * e.gradient_Hz_per_mm), self._halves(blips[n], blips[n + 1])
            builder.add(
                e.duration_s, None, cartesian.axes(self.protocol, phase, read, None), e.readout,
                line=int(line), segment=shot, **counters,
            )  # fmt: skip

    def _halves(self, before: float, after: float) -> tuple[Waveform, float] | None:
        """Second half of the blip before a line and first half of the one after it."""
        key = (round(before, 12), round(after, 12))
        if key == (0.0, 0.0):
            return None
        e = self.echo
        tops = np.array([before, after]) / e.half_s  # a triangle's area is its height times half its width
        scale = np.abs(tops).max()
        if key not in self._waves:
            time = np.array([0.0, e.half_s, e.duration_s - e.half_s, e.duration_s])
            self._waves[key] = Waveform(time, np.array([tops[0], 0.0, 0.0, tops[1]]) / scale)
        return self._waves[key], float(scale)
