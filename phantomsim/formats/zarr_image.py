"""Images as OME-Zarr 0.5."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import numpy as np
import zarr

from phantomsim.formats import ome
from phantomsim.formats.zarr_bounds import MAX_BYTES, load, open_group, open_store
from phantomsim.formats.zarr_write import as_labels, check_name, finite, put, put_labels, write_store
from phantomsim.grid import IDENTITY
from phantomsim.image import Image


def write_image(
    path: str | os.PathLike[str],
    image: Image,
    *,
    name: str = "image",
    window: tuple[float, float] | None = None,
    labels: Mapping[str, np.ndarray] | None = None,
    facts: Mapping[str, Any] | None = None,
    replace: bool = False,
) -> None:
    """Write an image as OME-Zarr 0.5.

    Args:
        path: the store's folder, by custom NAME.ome.zarr.
        image: its values become float32.
        name: what viewers call it.
        window: values shown as black and white.
        labels: masks or label maps on the image's grid, integers or booleans [z, y, x], by name.
        facts: anything else worth keeping that JSON can hold: protocol, dose, subject.
        replace: swap an older store for this one.

    Raises:
        FormatError: NaN or infinity, or facts that JSON cannot hold.
        StoreError: the folder holds files already, or the disk refuses.
    """

    def fill(root: zarr.Group) -> dict[str, Any]:
        put(root, "0", finite(np.asarray(image.values, np.float32), path), "zyx")
        maps: dict[str, Any] = {n: (as_labels(m, image.grid, n), {}) for n, m in (labels or {}).items()}
        put_labels(root, image.grid, maps)
        root.attrs["ome"] = ome.image(image.grid, name, window)
        return {"unit": image.unit, "direction": image.grid.direction, "facts": dict(facts or {})}

    write_store(path, "image", fill, replace)


def read_image(path: str | os.PathLike[str], *, max_bytes: int = MAX_BYTES) -> Image:
    """Read an image, ours or another program's OME-Zarr 0.5 of axes z, y, x (its first level, in unit "1").

    Raises:
        FormatError: not such a store, damaged, too large or not finite.
        StoreError: parts of it are missing.
    """
    own: dict[str, Any] = {}
    root = open_group(path)
    if "phantomsim" in root.attrs:
        root, own = open_store(path, "image")
    level = ome.grid_of(root.attrs.get("ome"), (1, 1, 1), IDENTITY, str(path))[0]
    values = load(root, level, ndim=3, kinds="buif", max_bytes=max_bytes).astype(np.float32)
    _, grid = ome.grid_of(root.attrs.get("ome"), values.shape, own.get("direction", IDENTITY), str(path))
    return Image(finite(values, path), grid, str(own.get("unit", "1")))


def read_facts(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The facts that were stored with an image. Raises as `read_image` does."""
    return dict(open_store(path, "image")[1].get("facts", {}))


def read_mask(path: str | os.PathLike[str], name: str, *, max_bytes: int = MAX_BYTES) -> np.ndarray:
    """A label map of an image or a phantom, integers [z, y, x]. Raises FormatError where there is none."""
    check_name(name)
    return load(open_group(path), f"labels/{name}/0", ndim=3, kinds="ui", max_bytes=max_bytes)
