"""Sequences of RF pulses, gradients and readouts."""

from phantomsim.scanners.mr.sequences.builder import Builder
from phantomsim.scanners.mr.sequences.events import Pulse, Readout, Waveform
from phantomsim.scanners.mr.sequences.sequence import NONE, Sequence

__all__ = ["NONE", "Builder", "Pulse", "Readout", "Sequence", "Waveform"]
