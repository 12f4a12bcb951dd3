"""The catalogue's sequences by the name that a protocol gives."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from phantomsim.scanners.mr.sequences import (
    bssfp,
    gre_epi,
    inversion_recovery,
    limits,
    mprage,
    pulseq,
    radial_gre,
    se_epi,
    spin_echo,
    spiral_gre,
    spoiled_gre,
    turbo_spin_echo,
)
from phantomsim.scanners.mr.sequences.sequence import Sequence
from phantomsim.scanners.mr.spec.hardware import Hardware
from phantomsim.scanners.mr.spec.protocol import MRProtocol

if TYPE_CHECKING:
    from phantomsim.scanners.mr.spec.scanner import MRScanner

CATALOGUE: dict[str, Callable[[MRProtocol, Hardware, float], Sequence]] = {
    "spin-echo": spin_echo.build,
    "turbo-spin-echo": turbo_spin_echo.build,
    "inversion-recovery": inversion_recovery.build,
    "spoiled-gre": spoiled_gre.build,
    "bssfp": bssfp.build,
    "mprage": mprage.build,
    "gre-epi": gre_epi.build,
    "se-epi": se_epi.build,
    "radial-gre": radial_gre.build,
    "spiral-gre": spiral_gre.build,
}


def _file(protocol: MRProtocol, hardware: Hardware, field_T: float) -> Sequence:
    return pulseq.read(protocol.file or "", field_T)


CATALOGUE["pulseq"] = _file


def build(protocol: MRProtocol, scanner: MRScanner) -> Sequence:
    """The sequence of a protocol on a scanner, one average; that of a Pulseq file is read.

    Raises:
        ScannerError: the scanner cannot keep the protocol.
        FormatError: the Pulseq file cannot be read.
    """
    sequence = CATALOGUE[protocol.sequence](protocol, scanner.hardware, scanner.field_T)
    limits.check(sequence, scanner.hardware)
    return sequence


def scan_time_s(protocol: MRProtocol, scanner: MRScanner) -> float:
    """How long the sequence takes, dummies included, times the averages.

    Raises:
        ScannerError: see `build`.
    """
    return build(protocol, scanner).total_s * protocol.averages
