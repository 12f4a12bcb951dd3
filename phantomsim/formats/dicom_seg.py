"""DICOM Segmentation (PS3.3, A.51) of masks on the images of a series."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from phantomsim import __version__
from phantomsim.errors import FormatError, GridError
from phantomsim.formats.dicom_read import affine, find
from phantomsim.formats.dicom_uid import uid
from phantomsim.formats.orientation import to_ras
from phantomsim.store import atomic_write_bytes


def write_seg(
    path: str | os.PathLike[str],
    series_folder: str | os.PathLike[str],
    masks: Mapping[str, np.ndarray],
    *,
    series_number: int = 100,
) -> None:
    """Write masks as one binary segmentation; the same arguments give the same bytes.

    Args:
        path: the file, NAME.dcm, outside the series' folder.
        series_folder: the series whose images the masks lie on.
        masks: name -> booleans [z, y, x] on the grid that `read_series` gives; at least one voxel set in all.
        series_number: place in the study.

    Raises:
        FormatError: the series cannot be read, or no voxel is set.
        GridError: a mask does not fit the series.
        StoreError: the disk refuses.
    """
    import highdicom as hd
    import pydicom

    slices = find(series_folder)
    shape = (len(slices), int(slices[0].header.Rows), int(slices[0].header.Columns))
    frames = np.stack([_frames(m, shape, affine(slices, str(series_folder)), n) for n, m in masks.items()], -1)
    if not frames.any():
        raise FormatError(f"{os.fspath(path)}: no voxel of {', '.join(masks) or 'no mask'} is set; nothing to write")
    sources = [pydicom.dcmread(s.path) for s in slices]
    number = uid("segmentation", str(sources[0].SeriesInstanceUID), list(masks), frames)
    algorithm = hd.AlgorithmIdentificationSequence(
        name="phantomsim", version=__version__, family=hd.sr.CodedConcept("truth", "99PHANTOMSIM", "Simulation truth")
    )
    seg = hd.seg.Segmentation(
        source_images=sources,
        pixel_array=frames.astype(np.uint8),
        segmentation_type=hd.seg.SegmentationTypeValues.BINARY,
        segment_descriptions=[_describe(i, name, algorithm) for i, name in enumerate(masks, 1)],
        series_instance_uid=uid("series", number),
        series_number=series_number,
        sop_instance_uid=number,
        instance_number=1,
        manufacturer="phantomsim",
        manufacturer_model_name="phantomsim",
        software_versions=__version__,
        device_serial_number="0",
        series_description="lesion truth",
        content_label="TRUTH",
    )
    _still(seg, str(sources[0].get("StudyDate") or "19000101"), number)
    buffer = io.BytesIO()
    seg.save_as(buffer)
    atomic_write_bytes(path, buffer.getvalue())


def _describe(number: int, name: str, algorithm: Any) -> Any:
    """A lesion, as SNOMED CT names it."""
    import highdicom as hd
    from pydicom.sr.codedict import codes

    return hd.seg.SegmentDescription(
        segment_number=number,
        segment_label=name[:64],
        segmented_property_category=codes.SCT.MorphologicallyAbnormalStructure,
        segmented_property_type=codes.SCT.Lesion,
        algorithm_type=hd.seg.SegmentAlgorithmTypeValues.AUTOMATIC,
        algorithm_identification=algorithm,
    )


def _frames(mask: np.ndarray, shape: tuple[int, int, int], matrix: np.ndarray, name: str) -> np.ndarray:
    """A mask [z, y, x] in the order of the files' pixels."""
    order, grid = to_ras(np.arange(np.prod(shape)).reshape(shape), matrix, name)
    mask = np.asarray(mask, bool)
    if mask.shape != grid.shape:
        raise GridError(f"mask {name} has shape {mask.shape}; the series is {grid.shape} [z, y, x]")
    out = np.empty(order.size, bool)
    out[order.ravel()] = mask.ravel()
    return out.reshape(shape)


def _still(seg: Any, date: str, number: str) -> None:
    """Replace what the library took from the clock or from random numbers, so that the file depends on neither."""
    for element in seg:
        if element.VR == "DA" and element.keyword in ("ContentDate", "InstanceCreationDate", "SeriesDate"):
            element.value = date
        if element.VR == "TM" and element.keyword in ("ContentTime", "InstanceCreationTime", "SeriesTime"):
            element.value = "000000"
    for item in seg.ContributingEquipmentSequence:
        if "ContributionDateTime" in item:
            item.ContributionDateTime = date + "000000"
    for item in getattr(seg, "DimensionOrganizationSequence", []):
        item.DimensionOrganizationUID = uid("dimension", number)
    for item in getattr(seg, "DimensionIndexSequence", []):
        item.DimensionOrganizationUID = uid("dimension", number)
