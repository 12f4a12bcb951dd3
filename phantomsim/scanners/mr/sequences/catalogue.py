"""The catalogue's sequences by the name that a protocol gives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
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
    from phantomsim.scanners.mr.sequences.pulseq.protocol import check

    sequence = pulseq.read(protocol.file or "", field_T)
    check(sequence, protocol)
    return sequence


CATALOGUE["pulseq"] = _file


def build(protocol: MRProtocol, scanner: MRScanner) -> Sequence:
    """The sequence of a protocol on a scanner, one average; that of a Pulseq file is read.

    Raises:
        ScannerError: the scanner cannot keep the protocol, or the protocol's matrix is too small for the file.
        FormatError: the Pulseq file cannot be read.
    """
    limits.check_extent(protocol)
    sequence = CATALOGUE[protocol.sequence](protocol, scanner.hardware, scanner.field_T)
    limits.check(sequence, scanner.hardware)
    if protocol.sequence == "pulseq":
        return sequence
    return replace(sequence, facts={**sequence.facts, "definitions": _definitions(protocol)})


def _definitions(p: MRProtocol) -> dict[str, str]:
    """What a Pulseq file says of the whole: the field of view along x, y and z, all slices and gaps, in m."""
    y, x = p.fov_mm
    z = p.slices * p.slice_mm + (p.slices - 1) * p.gap_mm
    return {
        "FOV": " ".join(f"{length / 1000:.9g}" for length in (x, y, z)),
        "SliceThickness": f"{p.slice_mm / 1000:.9g}",
    }
