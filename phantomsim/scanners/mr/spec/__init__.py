"""What a person writes about an MR scanner, its protocols and its reconstructions."""

from phantomsim.scanners.mr.spec.array import Birdcage, Coils, Load, LoopArray, LoopSet, Solenoid
from phantomsim.scanners.mr.spec.fields import Fields
from phantomsim.scanners.mr.spec.hardware import Hardware
from phantomsim.scanners.mr.spec.motion import Breathing, Jerks, Motion, RigidMotion
from phantomsim.scanners.mr.spec.protocol import MRProtocol
from phantomsim.scanners.mr.spec.reconstruction import MRReconstruction
from phantomsim.scanners.mr.spec.scanner import MRScanner

__all__ = [
    "Birdcage",
    "Breathing",
    "Coils",
    "Fields",
    "Hardware",
    "Jerks",
    "Load",
    "LoopArray",
    "LoopSet",
    "MRProtocol",
    "MRReconstruction",
    "MRScanner",
    "Motion",
    "RigidMotion",
    "Solenoid",
]
