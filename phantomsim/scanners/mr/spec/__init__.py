"""What a person writes about an MR scanner, its protocols and its reconstructions."""

from phantomsim.scanners.mr.spec.array import Load, LoopArray
from phantomsim.scanners.mr.spec.hardware import Hardware
from phantomsim.scanners.mr.spec.protocol import MRProtocol
from phantomsim.scanners.mr.spec.reconstruction import MRReconstruction
from phantomsim.scanners.mr.spec.scanner import MRScanner

__all__ = ["Hardware", "Load", "LoopArray", "MRProtocol", "MRReconstruction", "MRScanner"]
