"""What must hold of the MR chain, measured against theory and publications (`phantomsim validate mr`)."""

from phantomsim.laws import Law
from phantomsim.scanners.mr.laws import bloch, chain, epg, fields, iterative, nufft, parallel, sequences, signal, slices
from phantomsim.scanners.mr.laws.chain import PLAIN, ellipsoid, small_protocol, small_scanner, uniform_kspace

__all__ = ["PLAIN", "ellipsoid", "laws", "small_protocol", "small_scanner", "uniform_kspace"]

PARTS = (chain, sequences, epg, slices, bloch, signal, fields, parallel, nufft, iterative)


def laws() -> list[Law]:
    """All laws, part by part."""
    return [law for part in PARTS for law in part.laws()]
