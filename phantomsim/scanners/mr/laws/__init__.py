"""What must hold of the MR chain, measured against theory and publications (`phantomsim validate mr`)."""

from concurrent.futures import ThreadPoolExecutor

from phantomsim.laws import Law
from phantomsim.scanners.mr.laws import bloch, chain, epg, fields, iterative, nufft, parallel, sequences, signal, slices
from phantomsim.scanners.mr.laws.chain import PLAIN, ellipsoid, small_protocol, small_scanner, uniform_kspace

__all__ = ["PLAIN", "ellipsoid", "laws", "small_protocol", "small_scanner", "uniform_kspace"]

PARTS = (chain, sequences, epg, slices, bloch, signal, fields, parallel, nufft, iterative)
AT_ONCE = 2  # parts: most of the time goes into compiling, which takes one core


def laws() -> list[Law]:
    """All laws, part by part."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return [law for found in pool.map(lambda part: part.laws(), PARTS) for law in found]
