"""A DICOM series as an image: slices sorted, rescaled and turned to RAS+."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pydicom
from pydicom.dataset import Dataset
from pydicom.uid import DeflatedExplicitVRLittleEndian

from phantomsim.errors import FormatError
from phantomsim.formats.orientation import to_ras
from phantomsim.image import Image

MAX_FILES = 20_000
MAX_BYTES = 2**34
_POSITION_MM = 0.05  # rounding of positions that scanners write
_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])


@dataclass(frozen=True)
class Slice:
    """What the header of one file says of its place."""

    path: Path
    header: Dataset
    position_mm: np.ndarray  # centre of the first pixel, x, y, z, LPS
    axes: np.ndarray  # columns: directions of rows and of columns, LPS


def read_series(folder: str | os.PathLike[str], *, series: str = "", max_bytes: int = MAX_BYTES) -> Image:
    """Read the single-frame images of one series in a folder.

    Args:
        series: Series Instance UID, where the folder holds several.
        max_bytes: most memory that the voxels may take as float32.

    Returns:
        the image in RAS+; unit "HU" for CT, "1" else.

    Raises:
        FormatError: no series, several, slices missing, doubled, unevenly spaced or tilted, or damaged files.
    """
    slices = find(folder, series)
    rows, columns = int(slices[0].header.Rows), int(slices[0].header.Columns)
    if rows * columns * len(slices) * 4 > max_bytes:
        raise FormatError(f"{folder}: {len(slices)} slices of {rows} x {columns}; at most {max_bytes} bytes are read")
    matrix = affine(slices, str(folder))
    values = np.empty((len(slices), rows, columns), np.float32)
    for k, one in enumerate(slices):
        values[k] = _pixels(one, (rows, columns))
    if not np.isfinite(values).all():
        raise FormatError(f"{folder}: rescaled values are not finite. Mend Rescale Slope and Intercept")
    turned, grid = to_ras(values, matrix, str(folder))
    head = slices[0].header
    hounsfield = head.get("Modality") == "CT" and str(head.get("RescaleType") or "HU") == "HU"
    return Image(turned, grid, "HU" if hounsfield else "1")


def find(folder: str | os.PathLike[str], series: str = "") -> list[Slice]:
    """The slices of one series, sorted along their normal. Raises FormatError as `read_series` does."""
    if not Path(folder).is_dir():
        raise FormatError(f"{folder}: no such folder. Give the folder that holds the series' files")
    paths = sorted(p for p in Path(folder).iterdir() if p.is_file())
    if len(paths) > MAX_FILES:
        raise FormatError(f"{folder}: {len(paths)} files; at most {MAX_FILES}. Put one series into a folder of its own")
    groups: dict[str, list[Slice]] = {}
    for one in filter(None, map(_header, paths)):
        groups.setdefault(str(one.header.get("SeriesInstanceUID") or ""), []).append(one)
    if series:
        groups = {k: v for k, v in groups.items() if k == series}
    if len(groups) != 1:
        found = "; ".join(f"{k} ({len(v)} slices)" for k, v in groups.items()) or "none"
        raise FormatError(f"{folder}: one series of DICOM images is wanted; found {found}. Name one by its UID")
    slices = next(iter(groups.values()))
    normal = np.cross(slices[0].axes[:, 0], slices[0].axes[:, 1])
    return sorted(slices, key=lambda s: float(normal @ s.position_mm))


def affine(slices: list[Slice], name: str) -> np.ndarray:
    """From indices (column, row, slice, 1) to world [mm, RAS+]; the slices must stand evenly."""
    first, last = slices[0], slices[-1]
    spacing = _numbers(first, "PixelSpacing", 2)
    for one in slices[1:]:
        same = np.allclose(one.axes, first.axes, atol=1e-4) and np.allclose(_numbers(one, "PixelSpacing", 2), spacing)
        if not same or (one.header.Rows, one.header.Columns) != (first.header.Rows, first.header.Columns):
            raise FormatError(
                f"{one.path}: size, spacing or orientation is not that of {first.path.name}. Sort them out"
            )
    if len(slices) == 1:
        step = np.cross(first.axes[:, 0], first.axes[:, 1]) * float(first.header.get("SliceThickness") or 1.0)
    else:
        step = (last.position_mm - first.position_mm) / (len(slices) - 1)
        _check_even(slices, name)
    matrix = np.eye(4)
    matrix[:3, 0], matrix[:3, 1] = first.axes[:, 0] * spacing[1], first.axes[:, 1] * spacing[0]
    matrix[:3, 2], matrix[:3, 3] = step, first.position_mm
    return _LPS @ matrix


def _check_even(slices: list[Slice], name: str) -> None:
    """Raises FormatError where a slice is missing or doubled or stands beside its place."""
    places = np.array([s.position_mm for s in slices])
    gaps = np.linalg.norm(np.diff(places, axis=0), axis=1)
    usual = float(np.median(gaps))
    for a, b, gap in zip(slices, slices[1:], gaps):
        if gap < 1e-3:
            raise FormatError(f"{name}: {a.path.name} and {b.path.name} lie at one place. Take one phase or echo alone")
        if abs(gap - usual) > max(_POSITION_MM, 0.02 * usual):
            raise FormatError(
                f"{name}: {gap:.3f} mm between {a.path.name} and {b.path.name}, {usual:.3f} mm elsewhere: "
                "slices are missing or uneven. Complete the series or resample it"
            )
    ideal = places[0] + np.arange(len(slices))[:, None] * (places[-1] - places[0]) / (len(slices) - 1)
    away = float(np.abs(places - ideal).max())
    if away > max(_POSITION_MM, 0.02 * usual):
        raise FormatError(f"{name}: slices stand up to {away:.3f} mm beside a straight line. Resample the series")


def _header(path: Path) -> Slice | None:
    """The header of an image file; None for what is no DICOM or no image with a place."""
    with path.open("rb") as file:
        if file.read(132)[128:] != b"DICM":
            return None
    try:
        syntax = pydicom.filereader.read_file_meta_info(path).get("TransferSyntaxUID")
        if syntax == DeflatedExplicitVRLittleEndian:
            raise FormatError(f"{path}: deflated DICOM is not read. Convert it, for example by dcmconv +te")
        header = pydicom.dcmread(path, stop_before_pixels=True)
    except FormatError:
        raise
    except Exception as e:
        raise FormatError(f"{path}: the DICOM header is damaged ({e}). Copy the file again") from e
    if "Rows" not in header or "ImagePositionPatient" not in header:
        return None
    if int(header.get("NumberOfFrames") or 1) > 1 or header.get("SamplesPerPixel") != 1:
        raise FormatError(f"{path}: several frames or colours in a file; single-frame grey images are wanted")
    one = Slice(path, header, np.zeros(3), np.zeros((3, 2)))
    axes = _numbers(one, "ImageOrientationPatient", 6).reshape(2, 3).T
    if abs(axes.T @ axes - np.eye(2)).max() > 1e-3:
        raise FormatError(f"{path}: Image Orientation {axes.T.tolist()} is not two unit vectors at right angles")
    return Slice(path, header, _numbers(one, "ImagePositionPatient", 3), axes)


def _numbers(one: Slice, keyword: str, count: int) -> np.ndarray:
    """An attribute of several numbers, finite."""
    try:
        values = np.array([float(v) for v in one.header[keyword].value])
    except (KeyError, TypeError, ValueError) as e:
        raise FormatError(f"{one.path}: {keyword} is missing or damaged ({e})") from e
    if values.shape != (count,) or not np.isfinite(values).all() or (keyword == "PixelSpacing" and values.min() <= 0):
        raise FormatError(f"{one.path}: {keyword} is {values.tolist()}; {count} finite numbers are wanted")
    return values


def _pixels(one: Slice, shape: tuple[int, int]) -> np.ndarray:
    """Rescaled pixels, float64."""
    try:
        data = pydicom.dcmread(one.path)
        pixels = np.asarray(data.pixel_array)
        slope, intercept = _scale(data)
    except Exception as e:
        reason = str(e).splitlines()[0] if str(e) else type(e).__name__
        raise FormatError(
            f"{one.path}: the pixels cannot be read ({reason}). The file is damaged, or packed in a way "
            "that needs a decoder: pip install pylibjpeg[all]"
        ) from e
    if pixels.shape != shape:
        raise FormatError(f"{one.path}: {pixels.shape} pixels; {shape} are wanted")
    if data.get("PhotometricInterpretation") != "MONOCHROME2":
        raise FormatError(f"{one.path}: {data.get('PhotometricInterpretation')}; MONOCHROME2 is wanted")
    return pixels * slope + intercept


def _scale(data: Dataset) -> tuple[float, float]:
    """Slope and intercept: the modality's rescale, else the first real-world value mapping, else none."""
    if "RescaleSlope" in data:
        return float(data.RescaleSlope or 1), float(data.get("RescaleIntercept") or 0)
    if "RealWorldValueMappingSequence" in data:
        item = data.RealWorldValueMappingSequence[0]
        return float(item.RealWorldValueSlope), float(item.RealWorldValueIntercept)
    return 1.0, 0.0
