"""Our names of protocol facts, and the DICOM attributes that hold them (PS3.3, C.8.2.1 and C.8.3.1)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from pydicom.datadict import dictionary_VR
from pydicom.dataset import Dataset
from pydicom.valuerep import format_number_as_ds

from phantomsim.errors import FormatError

# Our name -> DICOM keyword and the factor that turns our unit into DICOM's.
_COMMON = {"slice_mm": ("SliceThickness", 1.0), "pitch_mm": ("SpacingBetweenSlices", 1.0)}
_CT = {
    "kVp": ("KVP", 1.0),
    "mAs": ("Exposure", 1.0),
    "mA": ("XRayTubeCurrent", 1.0),
    "rotation_s": ("ExposureTime", 1000.0),
    "CTDIvol_mGy": ("CTDIvol", 1.0),
    "kernel": ("ConvolutionKernel", 1.0),
    "collimation_mm": ("TotalCollimationWidth", 1.0),
    "fov_mm": ("ReconstructionDiameter", 1.0),
    "source_to_detector_mm": ("DistanceSourceToDetector", 1.0),
    "source_to_isocentre_mm": ("DistanceSourceToPatient", 1.0),
    "focal_spot_mm": ("FocalSpots", 1.0),
}
_MR = {
    "TR_ms": ("RepetitionTime", 1.0),
    "TE_ms": ("EchoTime", 1.0),
    "TI_ms": ("InversionTime", 1.0),
    "flip_deg": ("FlipAngle", 1.0),
    "field_T": ("MagneticFieldStrength", 1.0),
    "frequency_Hz": ("ImagingFrequency", 1e-6),
    "bandwidth_per_pixel_Hz": ("PixelBandwidth", 1.0),
    "averages": ("NumberOfAverages", 1.0),
    "coil": ("ReceiveCoilName", 1.0),
}
NAMES = {"CT": _COMMON | _CT, "MR": _COMMON | _MR}
# Scanning Sequence and Sequence Variant of the sequences that the MR scanner has.
_SEQUENCES = {
    "spin-echo": (["SE"], ["NONE"]),
    "turbo-spin-echo": (["SE"], ["SK"]),
    "inversion-recovery": (["IR", "SE"], ["NONE"]),
    "spoiled-gre": (["GR"], ["SP"]),
    "multi-echo-gre": (["GR"], ["SP"]),
    "radial-gre": (["GR"], ["SP"]),
    "spiral-gre": (["GR"], ["SP"]),
    "bssfp": (["GR"], ["SS"]),
    "mprage": (["IR", "GR"], ["SP", "MP"]),
    "gre-epi": (["EP", "GR"], ["SK"]),
    "se-epi": (["EP", "SE"], ["SK"]),
}
_BODY = {"head": "HEAD", "neck": "NECK", "chest": "CHEST", "abdomen": "ABDOMEN", "pelvis": "PELVIS"}
# CTDI phantoms (PS3.16, CID 4052) by diameter.
_CTDI = {160: ("113690", "IEC Head Dosimetry Phantom"), 320: ("113691", "IEC Body Dosimetry Phantom")}


def put_info(out: Dataset, modality: str, info: Mapping[str, Any]) -> None:
    """Set the attributes that `info` has values for; what DICOM has no place for goes to Image Comments."""
    rest = {}
    for name, value in info.items():
        if value is None:
            continue
        if name in ("scanner", "protocol", "reconstruction", "sequence", "region", "ctdi_phantom_mm", "phase_axis"):
            continue
        if name in NAMES[modality]:
            keyword, factor = NAMES[modality][name]
            setattr(out, keyword, _fit(out, keyword, value, factor))
        else:
            rest[name] = value
    out.BodyPartExamined = _BODY.get(str(info.get("region")), "WHOLEBODY")
    out.ImageComments = "; ".join(f"{k}={v}" for k, v in rest.items())[:10000]
    text = " ".join(str(info[k]) for k in ("scanner", "protocol", "reconstruction") if info.get(k))
    out.SeriesDescription = text[:64] or f"simulated {modality}"
    out.ProtocolName = str(info.get("protocol") or modality)[:64]
    out.ManufacturerModelName = str(info.get("scanner") or "phantomsim")[:64]
    (_ct if modality == "CT" else _mr)(out, info)


def _fit(out: Dataset, keyword: str, value: Any, factor: float) -> Any:
    """A value as the attribute's type wants it."""
    vr = dictionary_VR(keyword)
    if vr in ("SH", "LO", "CS"):
        return str(value)[:16]
    try:
        number = float(value) * factor
    except (TypeError, ValueError) as e:
        raise FormatError(f"{keyword} is {value!r}; must be a number") from e
    if not math.isfinite(number):
        raise FormatError(f"{keyword} is {value!r}; must be finite")
    if vr == "IS":
        return round(number)
    return ds(number) if vr == "DS" else number


def ds(number: float) -> str:
    """A number as DICOM's decimal string of at most 16 characters."""
    text = repr(float(number))
    return text.removesuffix(".0") if len(text) <= 16 else format_number_as_ds(float(number))


def _ct(out: Dataset, info: Mapping[str, Any]) -> None:
    """What a CT image must say besides (type 1 and 2)."""
    out.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    if "CTDIvol" in out:
        size = info.get("ctdi_phantom_mm") or (160 if out.BodyPartExamined == "HEAD" else 320)
        if size not in _CTDI:
            raise FormatError(f"ctdi_phantom_mm is {size}; must be one of {', '.join(map(str, _CTDI))}")
        out.CTDIPhantomTypeCodeSequence = [_code("DCM", *_CTDI[size])]
    if info.get("mAs") is not None:
        out.ExposureInuAs = round(float(info["mAs"]) * 1000)
    if "KVP" not in out:
        out.KVP = None


def _code(scheme: str, value: str, meaning: str) -> Dataset:
    out = Dataset()
    out.CodeValue, out.CodingSchemeDesignator, out.CodeMeaning = value, scheme, meaning
    return out


def _mr(out: Dataset, info: Mapping[str, Any]) -> None:
    """What an MR image must say besides (type 1 and 2)."""
    out.ImageType = ["ORIGINAL", "PRIMARY", "OTHER"]
    scanning, variant = _SEQUENCES.get(str(info.get("sequence")), (["RM"], ["NONE"]))  # RM: research mode
    out.ScanningSequence, out.SequenceVariant = scanning, variant
    out.ScanOptions = None
    out.MRAcquisitionType = "3D" if info.get("encoding") == "3d" else "2D"
    spin_echoes = "SE" in scanning and "EP" not in scanning
    out.EchoTrainLength = int(info.get("echo_train") or 1) if spin_echoes else 1
    if spin_echoes and out.EchoTrainLength > 1:
        out.SequenceVariant = ["SK"]
    for keyword in ("RepetitionTime", "EchoTime"):
        if keyword not in out:
            setattr(out, keyword, None)
    axis = {"y": "COL", "x": "ROW"}.get(str(info.get("phase_axis")))
    if axis:
        out.InPlanePhaseEncodingDirection = axis
