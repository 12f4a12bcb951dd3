"""Spin-echo EPI, one or more interleaved shots, 2D multi-slice."""

from __future__ import annotations

from phantomsim.scanners.mr.sequences.echo_planar import build_planar
from phantomsim.scanners.mr.sequences.sequence import Sequence
from phantomsim.scanners.mr.spec.hardware import Hardware
from phantomsim.scanners.mr.spec.protocol import MRProtocol


def build(protocol: MRProtocol, hardware: Hardware, field_T: float) -> Sequence:
    """The sequence of a protocol, one average.

    Raises:
        ScannerError: the hardware cannot keep the protocol; with the shortest time that it can.
    """
    return build_planar(protocol, hardware, field_T, refocused=True)
