"""Volumes in any of the formats that are read, told apart by their ending."""

from __future__ import annotations

import os
from collections.abc import Callable

import numpy as np

from phantomsim.errors import FormatError
from phantomsim.formats import metaimage, nifti, nrrd, voxels
from phantomsim.grid import Grid

_READERS: dict[str, Callable[..., tuple[np.ndarray, Grid]]] = {
    ".nii.gz": nifti.read,
    ".nii": nifti.read,
    ".seg.nrrd": nrrd.read,
    ".nrrd": nrrd.read,
    ".nhdr": nrrd.read,
    ".mha": metaimage.read,
    ".mhd": metaimage.read,
}
ENDINGS = tuple(_READERS)


def read(
    path: str | os.PathLike[str], *, axes: str | None = None, max_bytes: int = voxels.MAX_BYTES
) -> tuple[np.ndarray, Grid]:
    """Read a volume and turn it to the nearest RAS+.

    Args:
        path: NIfTI (.nii, .nii.gz), NRRD (.nrrd, .nhdr) or MetaImage (.mha, .mhd).
        axes: where the x, y and z of the file's world point to, as three letters; as the format or the file says where
            not given. For files that do not say, or say it wrongly.
        max_bytes: most memory that its voxels may take.

    Returns:
        values [z, y, x]: integers as stored, floats as float32. And their grid [mm, RAS+].

    Raises:
        FormatError: another ending, or as the format's own reader.
    """
    name = os.fspath(path)
    reader = next((r for ending, r in _READERS.items() if name.lower().endswith(ending)), None)
    if reader is None:
        raise FormatError(f"{name}: volumes are read from files that end in {', '.join(ENDINGS)}. Convert it to one")
    return reader(path, max_bytes=max_bytes, **({} if axes is None else {"axes": axes}))


def read_labels(
    path: str | os.PathLike[str], *, axes: str | None = None, max_bytes: int = voxels.MAX_BYTES
) -> tuple[np.ndarray, Grid]:
    """Read a label map: as `read`, but integers always; float files must hold whole numbers.

    Raises:
        FormatError: as `read`; or values that are no whole numbers, or beyond 24 bits.
    """
    values, grid = read(path, axes=axes, max_bytes=max_bytes)
    return voxels.whole(values, path), grid


def stem(path: str | os.PathLike[str]) -> str:
    """A file's name without its folder and the ending of its format."""
    name = os.path.basename(path)
    ending = next((e for e in ENDINGS if name.lower().endswith(e)), "")
    return name[: len(name) - len(ending)]
