"""Inversion recovery with a spin echo or a turbo spin echo (FLAIR: Hajnal 1992, doi:10.1097/00004728-199211000-00001).

Slices are interleaved: TR is divided into equal slots, and within a slot one slice is inverted and another one, whose
inversion was a whole number of slots and a wait ago, is excited. Slots that excite nothing yet come first, so that
every excitation follows its inversion by TI.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from phantomsim.errors import ScannerError
from phantomsim.scanners.mr import sampling
from phantomsim.scanners.mr.sequences.builder import Builder
from phantomsim.scanners.mr.sequences.echo_train import EchoTrain
from phantomsim.scanners.mr.sequences.fat_saturation import FatSaturation, fat_saturation
from phantomsim.scanners.mr.sequences.inversion import Inversion, on_raster
from phantomsim.scanners.mr.sequences.schedule import Schedule, dummies, groups, slice_z_mm, slices_that_fit, slots_s
from phantomsim.scanners.mr.sequences.sequence import Sequence
from phantomsim.scanners.mr.sequences.system import System, ms
from phantomsim.scanners.mr.sequences.turbo_spin_echo import add_trains, train_table
from phantomsim.scanners.mr.spec.hardware import Hardware
from phantomsim.scanners.mr.spec.protocol import MRProtocol


@dataclass(frozen=True, eq=False)
class Parts:
    """What a slot holds: an inversion, a wait, an excitation with its readout, a rest.

    Attributes:
        from_inversion_s: between the starts of an inversion and of what excites the slice that it inverts.
    """

    invert: Inversion
    fat: FatSaturation
    train: EchoTrain
    from_inversion_s: float

    @property
    def imaging_s(self) -> float:
        """Fat saturation and train."""
        return self.fat.duration_s + self.train.duration_s

    @property
    def busy_s(self) -> float:
        """Of a slot, without its wait and rest."""
        return self.invert.duration_s + self.imaging_s


def build(protocol: MRProtocol, hardware: Hardware, field_T: float) -> Sequence:
    """The sequence of a protocol, one average.

    Raises:
        ScannerError: the hardware cannot keep the protocol; with the shortest time that it can.
    """
    system = System.of(hardware)
    parts = _parts(protocol, system, field_T)
    pairs, table = sampling.measured_pairs(protocol), train_table(protocol, parts.train)
    builder, repeats = Builder(), dummies(protocol) + len(table)
    for group, slots, lag in _groups(protocol, system, parts):
        _add_group(builder, protocol, parts, group, np.tile(slots, repeats), lag, pairs, table)
    return builder.build(name=protocol.sequence, echo_spacing_s=parts.train.spacing_s)


def _parts(protocol: MRProtocol, system: System, field_T: float) -> Parts:
    train, fat = EchoTrain(protocol, system), fat_saturation(protocol, system, field_T)
    ahead = fat.duration_s + train.centre_s
    TI = (protocol.TI_ms or 0.0) / 1000
    invert, start = on_raster(protocol, system, TI - ahead)
    if start < invert.duration_s - 1e-9:
        least = TI + invert.duration_s - start
        raise ScannerError(f"TI_ms is {protocol.TI_ms}; the shortest of this protocol is {ms(least)}")
    return Parts(invert, fat, train, start)


def _groups(protocol: MRProtocol, system: System, parts: Parts) -> list[tuple[np.ndarray, np.ndarray, int]]:
    """Slices of each group, slots of a TR, and by how many slots excitations lag behind inversions."""
    fit = slices_that_fit(protocol, system, parts.busy_s, "an inversion and its readout")
    count = len(slice_z_mm(protocol))
    for number in range(math.ceil(count / fit), count + 1):
        found = [_slots(protocol, system, parts, g, fit) for g in groups(protocol, math.ceil(count / number))]
        if all(f is not None for f in found):
            return [f for f in found if f is not None]
    least = parts.from_inversion_s + parts.imaging_s
    raise ScannerError(f"TR_ms is {protocol.TR_ms}; inversion, TI and readout take {ms(least)}. Raise TR_ms to that")


def _slots(
    protocol: MRProtocol, system: System, parts: Parts, group: np.ndarray, fit: int
) -> tuple[np.ndarray, np.ndarray, int] | None:
    for number in range(len(group), max(fit, len(group)) + 1):
        slots = slots_s(system, protocol.TR_ms / 1000, number)
        most = math.floor(parts.from_inversion_s / slots.min())
        for lag in range(most, max(most - 3, -1), -1):
            wait = _waits(parts, np.tile(slots, 2 + lag // number + 1), lag)
            rest = np.resize(slots, len(wait) + lag)[lag:] - parts.busy_s - wait
            if wait.min() > -1e-9 and rest.min() > -1e-9:
                return np.concatenate([group, np.full(number - len(group), -1)]), slots, lag
    return None


def _waits(parts: Parts, slots: np.ndarray, lag: int) -> np.ndarray:
    """In the slot `lag` after each: from the end of its inversion to the start of what images."""
    start = np.concatenate([[0.0], np.cumsum(slots)])
    first = start[: len(slots) - lag]
    return parts.from_inversion_s - (start[lag : lag + len(first)] - first) - parts.invert.duration_s


def _add_group(
    builder: Builder,
    protocol: MRProtocol,
    parts: Parts,
    group: np.ndarray,
    slots: np.ndarray,
    lag: int,
    pairs: np.ndarray,
    table: np.ndarray,
) -> None:
    count, length = len(slots), len(slots) + lag
    slots = np.resize(slots, length)
    members, repeat = np.resize(group, count), np.arange(count) // len(group)
    inverted = np.concatenate([members, np.full(lag, -1)])
    imaged = np.concatenate([np.full(lag, -1), members])
    wait = np.concatenate([np.zeros(lag), np.round(_waits(parts, slots, lag), 9)])
    encode = np.concatenate([np.full(lag, -1), np.maximum(repeat - dummies(protocol), -1)])
    plan = Schedule(np.maximum(imaged, 0), encode, encode, slots)
    parts.invert.add(builder, slice_z_mm(protocol)[np.maximum(inverted, 0)], inverted >= 0)
    builder.add(wait)
    parts.fat.add(builder, imaged >= 0)
    used = parts.invert.duration_s + parts.fat.duration_s + wait
    add_trains(builder, protocol, parts.train, plan, pairs, table, used, imaged >= 0)
    builder.repeat(length)
