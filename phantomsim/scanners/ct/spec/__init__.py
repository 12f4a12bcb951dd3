"""What a person writes about a CT scanner, its protocols and its reconstructions."""

from phantomsim.scanners.ct.spec.detector import AntiScatterGrid, Detector, EnergyIntegrating, PhotonCounting
from phantomsim.scanners.ct.spec.protocol import Breathing, CTProtocol, Modulation, Motion, RigidMotion
from phantomsim.scanners.ct.spec.reconstruction import CTReconstruction
from phantomsim.scanners.ct.spec.scanner import CTDI, CTScanner
from phantomsim.scanners.ct.spec.tube import AnalyticBowtie, Bowtie, FocalSpot, TabulatedBowtie

__all__ = [
    "CTDI",
    "AnalyticBowtie",
    "AntiScatterGrid",
    "Bowtie",
    "Breathing",
    "CTProtocol",
    "CTReconstruction",
    "CTScanner",
    "Detector",
    "EnergyIntegrating",
    "FocalSpot",
    "Modulation",
    "Motion",
    "PhotonCounting",
    "RigidMotion",
    "TabulatedBowtie",
]
