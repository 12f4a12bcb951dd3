"""A spectrally selective pulse that turns fat alone into the transverse plane, and a gradient that spoils it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from phantomsim.scanners.mr.sequences import pulses
from phantomsim.scanners.mr.sequences.builder import Builder, Numbers
from phantomsim.scanners.mr.sequences.events import Pulse, Waveform
from phantomsim.scanners.mr.sequences.gradients import lobe, scaled
from phantomsim.scanners.mr.sequences.system import GAMMA_BAR_Hz_per_uT, System
from phantomsim.scanners.mr.spec.protocol import MRProtocol

FAT_ppm = -3.45  # methylene of fat to water at body temperature: 440 Hz at 3 T (Bernstein, King and Zhou 2004, ch. 4.3)
FLIP_deg = 90.0
BAND = 0.6  # full width at half maximum over the distance to water, which is left alone to 1e-4
CYCLES = 6.0  # of spoiling over a slice; unlike the other spoilers', so that no echo of fat comes back


@dataclass(frozen=True, eq=False)
class FatSaturation:
    """Two blocks before an excitation; none where duration_s is 0.

    Attributes:
        duration_s: of both.
    """

    pulse: Pulse | None = None
    scale_Hz: float = 0.0
    offset_Hz: float = 0.0
    spoiler: Waveform | None = None
    area_per_mm: float = 0.0
    pulse_s: float = 0.0
    duration_s: float = 0.0

    def add(self, builder: Builder, when: Numbers = True) -> None:
        """Append the blocks."""
        if self.pulse is None or self.spoiler is None:
            return
        builder.add(self.pulse_s, self.pulse, pulse_Hz=self.scale_Hz, pulse_offset_Hz=self.offset_Hz, when=when)  # type: ignore[arg-type]
        along_z = scaled(self.spoiler, self.area_per_mm)
        builder.add(self.duration_s - self.pulse_s, gradients=(None, None, along_z), when=when)  # type: ignore[arg-type]


def fat_saturation(protocol: MRProtocol, system: System, field_T: float) -> FatSaturation:
    """That of a protocol; nothing unless it asks for it."""
    if not protocol.fat_saturation:
        return FatSaturation()
    offset = FAT_ppm * GAMMA_BAR_Hz_per_uT * field_T
    pulse = pulses.gauss(system, FLIP_deg, BAND * abs(offset))
    delay = system.up(system.rf_dead_s)
    area = CYCLES / protocol.slice_mm
    spoiler = lobe(system, area)
    length = system.up(delay + pulse.duration_s + system.rf_ringdown_s)
    return FatSaturation(
        replace(pulse, delay_s=delay), pulses.scale_Hz(pulse, FLIP_deg), offset, spoiler, area, length,
        length + spoiler.duration_s,
    )  # fmt: skip
