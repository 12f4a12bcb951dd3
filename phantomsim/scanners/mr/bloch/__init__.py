"""Isochromats under any sequence: the reference that the faster engines are measured against."""

from phantomsim.scanners.mr.bloch.simulate import magnetisation, simulate
from phantomsim.scanners.mr.bloch.spins import Spins

__all__ = ["Spins", "magnetisation", "simulate"]
