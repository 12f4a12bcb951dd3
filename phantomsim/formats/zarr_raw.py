"""Raw data as plain Zarr v3."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import numpy as np
import zarr

from phantomsim.errors import FormatError
from phantomsim.formats.zarr_bounds import MAX_BYTES, load, open_store
from phantomsim.formats.zarr_write import check_name, put, write_store
from phantomsim.image import RawData


def write_raw(
    path: str | os.PathLike[str], raw: RawData, *, facts: Mapping[str, Any] | None = None, replace: bool = False
) -> None:
    """Write raw data as plain Zarr v3, an array per name under `arrays`. Raises as `write_image` does."""

    def fill(root: zarr.Group) -> dict[str, Any]:
        for name, array in raw.arrays.items():
            put(root.require_group("arrays"), check_name(name), np.asarray(array))
        about = {"modality": raw.modality, "isocentre_mm": [float(v) for v in raw.isocentre_mm], "noise": raw.noise}
        return about | {"arrays": list(raw.arrays), "facts": dict(facts or {})}

    write_store(path, "raw", fill, replace)


def read_raw(path: str | os.PathLike[str], *, max_bytes: int = MAX_BYTES) -> RawData:
    """Read raw data that `write_raw` wrote. Raises as `read_phantom` does."""
    root, own = open_store(path, "raw")
    try:
        x, y, z = map(float, own["isocentre_mm"])
        names = [check_name(str(n)) for n in own["arrays"]]
        arrays: dict[str, Any] = {}
        for name in names:
            arrays[name] = load(root, f"arrays/{name}", max_bytes=max_bytes)
            max_bytes -= arrays[name].nbytes
        return RawData(arrays, (x, y, z), str(own["modality"]), bool(own.get("noise", True)))
    except (KeyError, TypeError, ValueError) as e:
        raise FormatError(f"{path}: the raw data's attributes are damaged ({e!r}). Copy it again") from e
