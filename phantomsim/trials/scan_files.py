"""Image and truth of one scan as files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from phantomsim.formats import dicom, nifti, zarr_store
from phantomsim.image import Image, RawData
from phantomsim.phantom import Phantom
from phantomsim.scanners.mr.noise import larmor_rad_per_s
from phantomsim.scanners.mr.spec import MRProtocol, MRScanner
from phantomsim.trials.picture import window_of
from phantomsim.trials.spec import Arm


@dataclass(frozen=True)
class Scanned:
    """One scan of one phantom.

    Attributes:
        lesion_fraction: float32 [z, y, x] on the image's grid; zero without lesions.
        dose: what the scan cost.
    """

    image: Image
    raw: RawData
    lesion_fraction: np.ndarray
    dose: dict[str, float | str]


def write(found: Scanned, phantom: Phantom, arm: Arm, out: Path, form: str) -> None:
    """Image and lesion as form says (zarr, nifti, dicom; ismrmrd: zarr), into the folder `out`."""
    lesion = Image(found.lesion_fraction, found.image.grid, "1") if phantom.lesions else None
    if form == "dicom":
        info = arm.reconstruction.model_dump() | arm.protocol.model_dump() | found.dose
        info |= {"scanner": arm.scanner.name, "protocol": arm.name}
        info |= {"mA": _mA(info)} | _mr_info(arm)
        modality = arm.scanner.kind.upper()
        dicom.write_series(
            out / "dicom",
            found.image,
            modality=modality,
            facts=phantom.facts,
            info=_plain(info),
            window=window_of(found.image),
        )
        if (found.lesion_fraction >= 0.5).any():
            dicom.write_seg(out / "lesion.dcm", out / "dicom", {"lesion": found.lesion_fraction >= 0.5})
        return
    for name, image in (("image", found.image), ("lesion", lesion)):
        if image is not None and form in ("zarr", "ismrmrd"):
            zarr_store.write_image(out / f"{name}.ome.zarr", image)
        elif image is not None:
            nifti.write(out / f"{name}.nii.gz", image.values, image.grid)


def _mr_info(arm: Arm) -> dict[str, Any]:
    """What a DICOM header of MR says of scanner and readout; nothing for CT."""
    if not (isinstance(arm.scanner, MRScanner) and isinstance(arm.protocol, MRProtocol)):
        return {}
    field_T, p = arm.scanner.field_T, arm.protocol
    samples = p.matrix[0] if p.phase_axis == "x" else p.matrix[1]
    return {
        "field_T": field_T,
        "frequency_Hz": larmor_rad_per_s(field_T) / (2 * np.pi),
        "bandwidth_per_pixel_Hz": p.bandwidth_Hz / samples,
    }


def _mA(info: dict[str, Any]) -> float | None:
    """Tube current of a turn; None for MR."""
    return info["mAs"] / info["rotation_s"] if "mAs" in info else None


def _plain(info: dict[str, Any]) -> dict[str, Any]:
    """What a DICOM header can hold: numbers and text."""
    return {key: value for key, value in info.items() if isinstance(value, int | float | str)}
