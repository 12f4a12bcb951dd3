"""Sequences of RF pulses, gradients and readouts: the object, and the catalogue that builds it from a protocol."""

from phantomsim.scanners.mr.sequences.builder import Builder
from phantomsim.scanners.mr.sequences.events import Pulse, Readout, Waveform
from phantomsim.scanners.mr.sequences.sequence import NONE, Sequence

# The catalogue needs what is above.
from phantomsim.scanners.mr.sequences.catalogue import CATALOGUE, build  # isort: skip

__all__ = ["CATALOGUE", "NONE", "Builder", "Pulse", "Readout", "Sequence", "Waveform", "build"]
