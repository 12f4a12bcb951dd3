"""Trains of pulses at places across a slice: beside its middle spins are turned less.

Pulses of other slices are left out: cross-talk is seen by the Bloch engine alone.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from phantomsim.scanners.mr.epg import NotExcited, Train, train_of
from phantomsim.scanners.mr.epg.pulses import gradients
from phantomsim.scanners.mr.sequences import NONE, Sequence
from phantomsim.scanners.mr.spec.protocol import MRProtocol
from phantomsim.scanners.mr.trajectory import Trajectory

NODES = 41  # of a profile, odd; late echoes of a train vary so fast across a slice that 25 err by .9 %, 41 by .01 %
REACH = 1.25  # slice thicknesses to each side of the middle; a pulse of time-bandwidth 4 turns .5 % there
LEAST = 1e-3  # of the flip in the middle: a pulse that turns less is not there


class Trains(NamedTuple):
    """What places across one slice see.

    Attributes:
        nodes_mm: from the slice's middle, ascending [node]; a single one: an ideal slice, or none selected.
        trains: at each; None where nothing is excited.
    """

    nodes_mm: np.ndarray
    trains: tuple[Train | None, ...]


def trains_of(sequence: Sequence, protocol: MRProtocol, slice_index: int, shift_Hz: float, path: Trajectory) -> Trains:
    """Trains across a slice.

    Args:
        shift_Hz: chemical shift of the species; a slice of fat stays where that of water is, but is turned as fat is.
    Raises:
        ScannerError: the sequence cannot be followed by phase graphs.
    """
    middle = train_of(sequence, slice_index, shift_Hz=shift_Hz, path=path)
    place = middle_mm(sequence, slice_index, path)
    if protocol.encoding == "3d" or protocol.slice_profile == "box" or place is None:
        return Trains(np.zeros(1), (middle,))
    nodes = np.linspace(-REACH, REACH, NODES) * protocol.slice_mm
    found: list[Train | None] = []
    for node in nodes:
        try:
            at = place + np.array([0.0, 0.0, node])
            found.append(
                train_of(sequence, slice_index, position_mm=at, shift_Hz=shift_Hz, path=path, least=LEAST, alone=True)
            )
        except NotExcited:  # beyond the reach of the pulse
            found.append(None)
    found[NODES // 2] = middle
    return Trains(nodes, tuple(found))


def middle_mm(sequence: Sequence, slice_index: int, path: Trajectory) -> np.ndarray | None:
    """Middle (x, y, z) of a slice across z; None where nothing is selected."""
    shot = np.flatnonzero(sequence.counter("slice")[sequence.shots] == slice_index)[0]
    block = path.excitation[shot]
    if sequence.waveform[block, 2] == NONE:
        return None
    strength = gradients(sequence, np.array([block]))[0, 2]
    return np.array([0.0, 0.0, sequence.pulse_offset_Hz[block] / strength]) if strength else None
