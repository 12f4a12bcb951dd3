"""MR raw data as ISMRMRD (MRD 1.x, HDF5), in and out, for BART, Gadgetron and the like; needs the extra `raw`.

The format: Inati et al. 2017, doi:10.1002/mrm.26089; https://ismrmrd.readthedocs.io/en/latest/mrd_raw_data.html.

What is written, where the format leaves a choice:
- Positions and directions are in the patient's LPS axes, as the format asks; this program's are RAS+.
- Trajectories have the order (read, phase, slice), in cycles per encoded pixel, -1/2 to 1/2: the format names no unit;
  this is Gadgetron's. The header says so (trajectoryDescription, "unit"). In a foreign file that says nothing, values
  up to 1/2 are taken as such and larger ones as cycles per field of view (BART's unit).
- Noise-only readouts come first, with their flag. The noise covariance is a user parameter of the header.
- Samples of reversed readouts (flag REVERSE) stay in the order of time.

Files are foreign: links to other files are not followed, and sizes are held against limits before memory is taken.
"""

from __future__ import annotations

from phantomsim.formats.ismrmrd_read import read
from phantomsim.formats.ismrmrd_table import AcquisitionTable, Encoding, Flag, Header, Measurement, with_flags
from phantomsim.formats.ismrmrd_write import write

__all__ = ["AcquisitionTable", "Encoding", "Flag", "Header", "Measurement", "read", "with_flags", "write"]
