"""Sequences from Pulseq files and to them."""

from __future__ import annotations

import os

from phantomsim.formats import pulseq
from phantomsim.scanners.mr.sequences.pulseq.decode import to_sequence
from phantomsim.scanners.mr.sequences.pulseq.encode import from_sequence
from phantomsim.scanners.mr.sequences.sequence import Sequence
from phantomsim.scanners.mr.spec.hardware import Hardware

__all__ = ["from_sequence", "read", "to_sequence", "write"]


def read(path: str | os.PathLike[str], field_T: float) -> Sequence:
    """The sequence of a .seq file (text, 1.4 or 1.5), at a field for offsets in ppm.

    Raises:
        FormatError: see `phantomsim.formats.pulseq.read`.
        ScannerError: it uses what is not supported.
    """
    return to_sequence(pulseq.read(path), field_T)


def write(
    path: str | os.PathLike[str], sequence: Sequence, hardware: Hardware, version: tuple[int, int, int] = (1, 5, 0)
) -> None:
    """Write a sequence as a .seq file.

    Raises:
        FormatError, ScannerError: the format cannot hold it.
    """
    pulseq.write(path, from_sequence(sequence, hardware, version))
