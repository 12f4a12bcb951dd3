"""A mask in an HDF5 file, such as the masses of VICTRE's pipeline (DIDSR/VICTRE_PIPELINE, lesions/spiculated)."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from phantomsim.errors import FormatError

MAX_VOXELS = 2**27


def read_mask(path: str | os.PathLike[str], dataset: str) -> np.ndarray:
    """Read one volume of numbers.

    Args:
        dataset: its name in the file.
    Returns:
        Values [z, y, x] as stored.
    Raises:
        FormatError: no such file or dataset, damaged, not three-dimensional, too large; or h5py is not installed.
    """
    name = os.fspath(path)
    try:
        import h5py
    except ImportError:
        raise FormatError(f"{name}: HDF5 needs h5py; install phantomsim[raw], or convert the mask to NIfTI") from None
    if not Path(path).is_file():
        raise FormatError(f"{name}: no such file. Check the path")
    try:
        with h5py.File(path, "r") as file:
            found = file.get(dataset)
            if not isinstance(found, h5py.Dataset):
                raise FormatError(f'{name}: no dataset "{dataset}"; the file has {", ".join(map(str, file)) or "none"}')
            if found.ndim != 3 or found.dtype.kind not in "uifb" or found.size > MAX_VOXELS:
                raise FormatError(
                    f"{name}: {dataset} has shape {found.shape} of {found.dtype}; must be three-dimensional numbers, "
                    f"at most {MAX_VOXELS} of them"
                )
            return np.asarray(found[()])
    except (OSError, KeyError, ValueError, RuntimeError) as error:
        raise FormatError(f"{name}: not an HDF5 file, or damaged ({str(error)[:80]}). Copy it again") from error
