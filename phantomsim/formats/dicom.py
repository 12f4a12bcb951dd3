"""DICOM series in and out, and segmentations beside them; LPS and the scanners' own units end here."""

from phantomsim.formats.dicom_read import read_series
from phantomsim.formats.dicom_seg import write_seg
from phantomsim.formats.dicom_write import write_series

__all__ = ["read_series", "write_seg", "write_series"]
