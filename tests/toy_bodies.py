"""Bodies of two tissues in NIfTI files, for tests of whole trials: anatomies that are drawn take long to compile."""

import tomllib
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np

SMALL = Path(__file__).parent / "trials" / "small.toml"
LABELS = {
    "name": "toy",
    "source": "test",
    "default_ids": "a",
    "tissues": {"outside": "air", "wall": "adipose", "organ": "liver"},
    "ids": {"a": {"outside": 0, "wall": 1, "organ": 2}},
}
AFFINE = np.diag([6.0, 6.0, 6.0, 1.0])


def body(radius_mm: float, x_mm: float = 0.0) -> np.ndarray:
    """A cylinder of fat with a ball of liver at x, float32 [x, y, z] on 6 mm voxels."""
    x, y, z = ((np.arange(n) - (n - 1) / 2) * 6.0 for n in (64, 48, 12))
    r2 = x[:, None, None] ** 2 + y[None, :, None] ** 2
    labels = np.where(r2 + 0 * z < radius_mm**2, 1, 0)
    labels[(x[:, None, None] - x_mm) ** 2 + y[None, :, None] ** 2 + z**2 < 45.0**2] = 2
    return labels.astype(np.float32)


def save(path: Path, labels: np.ndarray) -> None:
    """Write labels as a NIfTI file."""
    nib.save(nib.Nifti1Image(labels, AFFINE), path)


def spec_of(bodies: Path, patients: int) -> dict[str, Any]:
    """The small trial with patients from a folder of such files."""
    spec = tomllib.loads(SMALL.read_text())
    spec["population"]["patients"] = patients
    spec["population"]["generator"] = {"kind": "from-files", "name": "toy", "folder": str(bodies), "labels": LABELS}
    return spec
