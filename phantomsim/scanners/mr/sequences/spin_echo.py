"""Spin echo (Hahn 1950, doi:10.1103/PhysRev.80.580), 2D multi-slice or 3D: an echo train of one echo."""

from __future__ import annotations

from phantomsim.scanners.mr.sequences.sequence import Sequence
from phantomsim.scanners.mr.sequences.turbo_spin_echo import build_trains
from phantomsim.scanners.mr.spec.hardware import Hardware
from phantomsim.scanners.mr.spec.protocol import MRProtocol


def build(protocol: MRProtocol, hardware: Hardware, field_T: float) -> Sequence:
    """The sequence of a protocol, one average.

    Raises:
        ScannerError: the hardware cannot keep the protocol; with the shortest time that it can.
    """
    return build_trains(protocol, hardware, field_T)
