"""Maps of what MR sees of a phantom: NIfTI with a JSON sidecar each, named as BIDS names quantitative maps
(https://bids-specification.readthedocs.io, "Quantitative MRI"), in its units: seconds and ppm.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from phantomsim import __version__
from phantomsim.errors import FormatError
from phantomsim.formats import nifti
from phantomsim.materials.magnetic import MRProperties, origin
from phantomsim.materials.tissues import table
from phantomsim.phantom import Phantom
from phantomsim.store import atomic_write_text

_DOMINANT = "of the tissue that fills most of the voxel; relaxation times of tissues are never averaged"
_MEAN = "mean over the voxel's tissues by volume"
#: Suffix -> property, unit, factor to that unit, how tissues are joined.
MAPS = {
    "PDmap": ("PD", "arbitrary", 1.0, _MEAN + ", times the relative density; water at 37 degC is 1"),
    "T1map": ("T1_ms", "s", 1e-3, _DOMINANT),
    "T2map": ("T2_ms", "s", 1e-3, _DOMINANT),
    "T2starmap": ("T2star_ms", "s", 1e-3, _DOMINANT + "; without the field's own gradients"),
    "Chimap": ("chi_ppm", "ppm", 1.0, _MEAN + "; volume susceptibility, SI, absolute"),
}
NOTE = (
    "For display and for choosing regions. A scan adds up the signals of the tissues in a voxel, which no map of one "
    "T1 and one T2 can tell; simulate from the phantom itself."
)


def write_mr_maps(
    folder: Path, subject: str, phantom: Phantom, properties: MRProperties, field_T: float, facts: Mapping[str, object]
) -> None:
    """Write `sub-SUBJECT/anat/sub-SUBJECT_SUFFIX.nii.gz` and `.json` into a folder, which gets BIDS's description.

    Args:
        subject: letters and digits.
        properties: of the phantom's tissues at `field_T`.
        facts: go into every sidecar.
    Raises:
        FormatError: another subject.
        StoreError: the disk refuses.
    """
    if not subject.isalnum() or not subject.isascii():
        raise FormatError(f'subject "{subject}": BIDS allows letters and digits alone')
    stem = folder / f"sub-{subject}" / "anat" / f"sub-{subject}"
    shares, label = _shares(phantom)
    for suffix, (name, unit, factor, how) in MAPS.items():
        values = np.asarray(getattr(properties, name), np.float32) * factor
        image = values[label] if how.startswith(_DOMINANT) else np.asarray(phantom.mix(values))
        if suffix == "PDmap":
            image = image * np.asarray(phantom.density, np.float32)
        about = {"Units": unit, "MagneticFieldStrength": field_T, "Voxels": how, "Note": NOTE}
        about |= {"Tissues": _sources(phantom.tissues, shares, name, values, field_T), **facts}
        nifti.write(
            stem.with_name(f"{stem.name}_{suffix}.nii.gz"), image, phantom.grid, description=f"{suffix} [{unit}]"
        )
        _write_json(stem.with_name(f"{stem.name}_{suffix}.json"), about)
    generated = [{"Name": "phantomsim", "Version": __version__}]
    about = {"Name": "MR properties of phantoms", "BIDSVersion": "1.10.0", "DatasetType": "derivative"}
    _write_json(folder / "dataset_description.json", about | {"GeneratedBy": generated})


def _shares(phantom: Phantom) -> tuple[np.ndarray, np.ndarray]:
    """Volume of each tissue [mL], and the one that fills most of each voxel, lesions with it."""
    most = np.zeros(phantom.grid.shape, np.float32)
    label = np.zeros(phantom.grid.shape, np.uint8)
    volumes = np.zeros(len(phantom.tissues))
    for i, tissue in enumerate(phantom.tissues):
        share = np.asarray(phantom.fraction(tissue))
        volumes[i] = share.sum(dtype=float) * phantom.grid.voxel_mL
        label[share > most] = i
        most = np.maximum(most, share)
    return volumes, label


def _sources(
    tissues: tuple[str, ...], shares: np.ndarray, name: str, values: np.ndarray, field_T: float
) -> dict[str, dict[str, object]]:
    """Value and source of each tissue that is there."""
    found: dict[str, dict[str, object]] = {}
    for tissue, share, value in zip(tissues, shares, values):
        seen = table()[tissue].magnetic
        if share > 0 and seen is not None:
            entry = getattr(seen, name)
            source = origin(entry, field_T) if isinstance(entry, tuple) and entry else getattr(entry, "source", "")
            found[tissue] = {"Value": float(f"{value:.6g}"), "Source": source or "1/T2 + 2 per s and tesla, unverified"}
    return found


def _write_json(path: Path, about: Mapping[str, object]) -> None:
    atomic_write_text(path, json.dumps(about, indent=2, ensure_ascii=False) + "\n")
