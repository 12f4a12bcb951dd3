"""An inversion and the gradient that spoils what it leaves in the transverse plane: two blocks."""

from __future__ import annotations

from dataclasses import dataclass

from phantomsim.scanners.mr.sequences.builder import Builder, Numbers
from phantomsim.scanners.mr.sequences.events import Waveform
from phantomsim.scanners.mr.sequences.gradients import lobe, scaled
from phantomsim.scanners.mr.sequences.selection import Selection, inversion
from phantomsim.scanners.mr.sequences.system import System
from phantomsim.scanners.mr.spec.protocol import MRProtocol

CYCLES = {"2d": 8.0, "3d": 4.0}  # over a slice or partition; unlike the other spoilers'


@dataclass(frozen=True, eq=False)
class Inversion:
    """The pulse and its spoiler.

    Attributes:
        centre_s: of the pulse, from the start; duration_s: of both blocks.
    """

    select: Selection
    spoiler: Waveform
    area_per_mm: float

    @classmethod
    def of(cls, protocol: MRProtocol, system: System, shift_s: float = 0.0) -> Inversion:
        """That of a protocol, its pulse `shift_s` late."""
        area = CYCLES[protocol.encoding] / protocol.slice_mm
        return cls(inversion(protocol, system, shift_s), lobe(system, area), area)

    @property
    def centre_s(self) -> float:
        """Of the pulse."""
        return self.select.centre_s

    @property
    def duration_s(self) -> float:
        """Of both blocks."""
        return self.select.duration_s + self.spoiler.duration_s

    def add(self, builder: Builder, z_mm: Numbers, when: Numbers = True) -> None:
        """Append both blocks."""
        s = self.select
        builder.add(s.duration_s, s.pulse, (None, None, s.along_z), when=when, **s.numbers(z_mm))  # type: ignore[arg-type]
        along_z = scaled(self.spoiler, self.area_per_mm)
        builder.add(self.spoiler.duration_s, gradients=(None, None, along_z), when=when)


def on_raster(protocol: MRProtocol, system: System, from_centre_s: float) -> tuple[Inversion, float]:
    """The inversion, and when, from its start, something comes that should come `from_centre_s` after its centre.

    That is on the gradient raster; the pulse is shifted by less than a step of it, on the RF raster.
    """
    at = Inversion.of(protocol, system).centre_s + from_centre_s
    late = system.up(at) - at
    shift = round(late / system.rf_raster_s) * system.rf_raster_s
    return Inversion.of(protocol, system, shift), system.up(at)
