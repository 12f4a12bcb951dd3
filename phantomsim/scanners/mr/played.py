"""A protocol as a scanner plays it: its sequence, shots and trains; they do not depend on the patient and are kept."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from phantomsim.scanners.mr import sequences
from phantomsim.scanners.mr.sequences import Sequence
from phantomsim.scanners.mr.signal.profile import Trains, trains_of
from phantomsim.scanners.mr.signal.shots import Shots, shots
from phantomsim.scanners.mr.spec import Hardware, MRProtocol, MRScanner


class Machine(NamedTuple):
    """What of a scanner a sequence depends on."""

    hardware: Hardware
    field_T: float


@dataclass(frozen=True, eq=False)
class Played:
    """A sequence and what follows from it alone.

    Attributes:
        protocol: that it was built from.
        sequence, shots: see there.
    """

    protocol: MRProtocol
    sequence: Sequence
    shots: Shots
    _trains: dict[tuple[int, float], Trains] = field(default_factory=dict)

    def trains(self, slice_index: int, shift_Hz: float) -> Trains:
        """Trains across a slice, for a species."""
        key = (slice_index, shift_Hz)
        if key not in self._trains:
            self._trains[key] = trains_of(self.sequence, self.protocol, slice_index, shift_Hz, self.shots.trajectory)
        return self._trains[key]

    @property
    def saturates(self) -> bool:
        """Whether pulses act on one species alone."""
        return any(pulse.use == "saturation" for pulse in self.sequence.pulses)


def played(scanner: MRScanner, protocol: MRProtocol) -> Played:
    """The sequence of a protocol and what follows from it.

    Raises:
        ScannerError: the scanner cannot play it.
    """
    return _played(Machine(scanner.hardware, scanner.field_T), protocol)


@lru_cache(maxsize=16)
def _played(machine: Machine, protocol: MRProtocol) -> Played:
    sequence = sequences.build(protocol, machine)  # type: ignore[arg-type]
    return Played(protocol, sequence, shots(sequence, protocol))
