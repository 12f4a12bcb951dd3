"""CT and MR Image Storage, a file per slice (DICOM PS3.3, A.3 and A.4)."""

from __future__ import annotations

import io
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filewriter import dcmwrite
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, MRImageStorage

from phantomsim import __version__
from phantomsim.errors import FormatError
from phantomsim.formats.dicom_info import NAMES, ds, put_info
from phantomsim.formats.dicom_uid import IMPLEMENTATION, uid
from phantomsim.grid import Grid
from phantomsim.image import Image
from phantomsim.phantom import Facts
from phantomsim.store import atomic_dir

_CLASSES = {"CT": CTImageStorage, "MR": MRImageStorage}
_LEVELS = 65535
LPS = np.array([-1.0, -1.0, 1.0])


def write_series(
    folder: str | os.PathLike[str],
    image: Image,
    *,
    modality: str,
    facts: Facts | None = None,
    info: Mapping[str, Any] | None = None,
    step: float | None = None,
    window: tuple[float, float] | None = None,
    series_number: int = 1,
    date: str = "",
    replace: bool = False,
) -> list[Path]:
    """Write an image as a DICOM series; the same arguments give the same bytes.

    Rows run to the patient's left and columns to the back, slices upwards, as scanners write them.

    Args:
        folder: gets one file per slice, CT.0001.dcm and so on; must be absent or empty unless `replace`.
        image: finite values; CT in HU.
        modality: "CT" or "MR".
        facts: subject (the patient's name and ID), covariates `sex` ("F", "M", "O") and `age_years`. Equal facts
            give one study and one frame of reference, so that CT and MR of a patient lie on each other.
        info: protocol facts by our names (`kVp`, `mAs`, `CTDIvol_mGy`, `TR_ms`, ...; see `dicom_info.NAMES`), and
            `scanner`, `protocol`, `reconstruction`, `sequence`; others become Image Comments.
        step: value of one stored unit; by default the finest of 1, 2, 5 x 10^k that 16 bits can hold.
        window: values shown as black and white; by default the 1st and 99th percentile.
        series_number: place in the study.
        date: study date, YYYYMMDD; empty by default, since the files then do not depend on the clock.
        replace: swap an older folder for this one.

    Returns:
        the files, from the lowest slice up.

    Raises:
        FormatError: another modality, values that are not finite or do not fit 16 bits, a date that is none.
        StoreError: the folder holds files already, or the disk refuses.
    """
    facts, info = facts or Facts(), dict(info or {})
    if modality not in _CLASSES:
        raise FormatError(f'modality is "{modality}"; must be one of {", ".join(NAMES)}')
    if date and not (len(date) == 8 and date.isdigit()):
        raise FormatError(f'date is "{date}"; must be YYYYMMDD, for example 20250131, or empty')
    values = np.asarray(image.values, np.float64)
    stored, slope, intercept = quantise(values, step, str(folder))
    common = _common(modality, facts, info, image, date, series_number)
    _put_scale(common, values, slope, intercept, window)
    with atomic_dir(folder, replace=replace) as work:
        names = [f"{modality}.{k + 1:04d}.dcm" for k in range(len(stored))]
        for k, name in enumerate(names):
            (work / name).write_bytes(_file(_slice(common, image.grid, stored, k)))
    return [Path(folder) / name for name in names]


def quantise(values: np.ndarray, step: float | None, name: str) -> tuple[np.ndarray, float, float]:
    """Unsigned 16-bit numbers with the slope and intercept that give the values back within half a step.

    Raises:
        FormatError: values that are not finite or need more than 16 bits.
    """
    if not np.isfinite(values).all():
        raise FormatError(f"{name}: {int((~np.isfinite(values)).sum())} values are NaN or infinite. Mend the image")
    low, high = float(values.min()), float(values.max())
    slope = _nice((high - low) / (_LEVELS - 2), max(abs(low), abs(high))) if step is None else float(step)
    if not slope > 0 or (high - low) / slope > _LEVELS - 2:
        raise FormatError(
            f"{name}: values from {low:g} to {high:g} do not fit 16 bits in steps of {slope:g}; "
            f"step must be at least {(high - low) / (_LEVELS - 2):g}"
        )
    first = 0 if low >= 0 and high / slope <= _LEVELS else math.floor(low / slope)
    intercept = float(ds(first * slope))
    return np.rint((values - intercept) / slope).clip(0, _LEVELS).astype(np.uint16), slope, intercept


def _nice(least: float, largest: float) -> float:
    """The smallest of 1, 2, 5 x 10^k that is at least `least`, and no finer than float32 is."""
    least = max(least, largest * 2**-24)
    if least == 0:
        return 1.0
    exponent = math.floor(math.log10(least))
    return next(s for m in (1, 2, 5, 10) if (s := float(f"{m}e{exponent}")) >= least * (1 - 1e-12))


def _common(
    modality: str, facts: Facts, info: Mapping[str, Any], image: Image, date: str, series_number: int
) -> Dataset:
    """Everything that the slices of a series share."""
    out = Dataset()
    person = [facts.subject, facts.covariates, facts.provenance]
    out.SpecificCharacterSet = "ISO_IR 192"
    out.SOPClassUID = _CLASSES[modality]
    out.StudyInstanceUID = uid("study", person, date)
    values = np.asarray(image.values, np.float32)
    out.SeriesInstanceUID = uid("series", person, date, modality, info, values, image.grid.affine, series_number)
    out.FrameOfReferenceUID = uid("frame", person)
    out.PositionReferenceIndicator = None
    out.Modality, out.SeriesNumber, out.StudyID = modality, series_number, "1"
    out.StudyDate, out.StudyTime = date, "000000" if date else ""
    out.AccessionNumber, out.ReferringPhysicianName = "", ""
    out.StudyDescription = "virtual clinical trial"
    out.Manufacturer, out.SoftwareVersions = "phantomsim", __version__
    out.PatientPosition = "HFS"
    out.AcquisitionNumber = 1
    _put_patient(out, facts)
    put_info(out, modality, info)
    return out


def _put_patient(out: Dataset, facts: Facts) -> None:
    subject = facts.subject or "unnamed"
    out.PatientName = f"{subject.replace('^', ' ').replace('=', ' ')}^Virtual"[:64]
    out.PatientID = subject.replace("\\", "/")[:64]
    out.PatientBirthDate = ""
    sex = str(facts.covariates.get("sex", ""))[:1].upper()
    out.PatientSex = sex if sex in ("F", "M", "O") else ""
    age = facts.covariates.get("age_years")
    if isinstance(age, int | float):
        out.PatientAge = f"{min(max(round(age), 0), 999):03d}Y"
    out.PatientComments = "virtual patient: simulated data, no person was imaged"
    out.QualityControlSubject = "YES"


def _put_scale(
    out: Dataset, values: np.ndarray, slope: float, intercept: float, window: tuple[float, float] | None
) -> None:
    """Pixels' meaning: for CT the modality's rescale; for MR, which has none, a real-world value mapping."""
    out.SamplesPerPixel, out.PhotometricInterpretation = 1, "MONOCHROME2"
    out.BitsAllocated, out.BitsStored, out.HighBit, out.PixelRepresentation = 16, 16, 15, 0
    low, high = window or np.percentile(values, (1, 99))
    if out.Modality == "CT":
        out.RescaleSlope, out.RescaleIntercept, out.RescaleType = ds(slope), ds(intercept), "HU"
    else:
        out.RealWorldValueMappingSequence = [_real_world(slope, intercept)]
        low, high = (low - intercept) / slope, (high - intercept) / slope
    out.WindowCenter, out.WindowWidth = ds(round((low + high) / 2, 6)), ds(max(round(high - low, 6), 1.0))


def _real_world(slope: float, intercept: float) -> Dataset:
    """Stored numbers to the image's unit (PS3.3, C.7.6.16.2.11)."""
    out, unit = Dataset(), Dataset()
    unit.CodeValue, unit.CodingSchemeDesignator, unit.CodeMeaning = "1", "UCUM", "no units"
    out.LUTExplanation, out.LUTLabel = "relative magnetisation", "SIGNAL"
    out.RealWorldValueFirstValueMapped, out.RealWorldValueLastValueMapped = 0, _LEVELS
    out.RealWorldValueSlope, out.RealWorldValueIntercept = float(slope), float(intercept)
    out.MeasurementUnitsCodeSequence = [unit]
    return out


def _slice(common: Dataset, grid: Grid, stored: np.ndarray, k: int) -> Dataset:
    """One slice: the grid's x and y are turned round so that rows run to the left and columns to the back."""
    out = Dataset()
    out.update(common)
    pixels = np.ascontiguousarray(stored[k, ::-1, ::-1])
    out.Rows, out.Columns = pixels.shape
    turn = np.asarray(grid.direction)
    corner = grid.world((k, grid.shape[1] - 1, grid.shape[2] - 1)) * LPS
    axes = -turn[:, :2] * LPS[:, None]
    out.ImagePositionPatient = [ds(round(v, 9) + 0.0) for v in corner]
    out.ImageOrientationPatient = [ds(v + 0.0) for v in (*axes[:, 0], *axes[:, 1])]
    out.PixelSpacing = [ds(grid.spacing_mm[1]), ds(grid.spacing_mm[2])]
    out.SliceLocation = ds(round(float(turn[:, 2] @ grid.world((k, 0, 0))), 6) + 0.0)
    if "SliceThickness" not in out:
        out.SliceThickness = ds(grid.spacing_mm[0])
    if out.Modality == "MR":
        out.SpacingBetweenSlices = ds(grid.spacing_mm[0])
    out.InstanceNumber = k + 1
    out.SOPInstanceUID = uid("image", out.SeriesInstanceUID, k)
    out.add_new("PixelData", "OW", pixels.astype("<u2").tobytes())
    return out


def _file(data: Dataset) -> bytes:
    """A DICOM file in explicit little endian."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = data.SOPClassUID, data.SOPInstanceUID
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = IMPLEMENTATION
    meta.ImplementationVersionName = f"PHANTOMSIM {__version__}"[:16]
    data.file_meta = meta  # type: ignore[attr-defined]
    buffer = io.BytesIO()
    dcmwrite(buffer, data, enforce_file_format=True)
    return buffer.getvalue()
