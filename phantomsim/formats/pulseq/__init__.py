"""Pulseq files (.seq), text format 1.4 and 1.5: to plain tables and back.

Source: the specification of the format (Layton et al. 2017, doi:10.1002/mrm.26235; https://pulseq.github.io).
"""

from phantomsim.formats.pulseq.read import parse, read
from phantomsim.formats.pulseq.tables import PulseqFile
from phantomsim.formats.pulseq.write import text, write

__all__ = ["PulseqFile", "parse", "read", "text", "write"]
