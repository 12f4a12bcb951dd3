"""The parts of every store that is written: arrays, label maps, the count of files by which a gap is noticed."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import zarr
from zarr.codecs import ZstdCodec

from phantomsim import __version__
from phantomsim.errors import FormatError
from phantomsim.formats import ome
from phantomsim.formats.zarr_bounds import FORMAT, count
from phantomsim.grid import Grid
from phantomsim.store import atomic_dir

_CHUNK = (32, 256, 256)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")


def write_store(
    path: str | os.PathLike[str], kind: str, fill: Callable[[zarr.Group], dict[str, Any]], replace: bool
) -> None:
    """Fill a store beside the final name, count it, and give it its name.

    Args:
        kind: "image", "phantom" or "raw".
        fill: writes into the root group and gives what goes into its own attributes.
        replace: swap an older store for this one.
    """
    with atomic_dir(path, replace=replace) as work:
        root = zarr.create_group(str(work), zarr_format=3)
        own = fill(root)
        files, size = count(work)
        head = {"kind": kind, "format": FORMAT, "version": __version__, "files": files, "bytes": size}
        root.attrs["phantomsim"] = plain(head | own, path)


def put(group: zarr.Group, name: str, values: np.ndarray, axes: str = "") -> None:
    """Write one array; chunks that hold only zeros are files too, so that a missing one is noticed."""
    chunks = tuple(max(1, min(n, c)) for n, c in zip(values.shape, _CHUNK)) if axes else _chunks(values)
    group.create_array(
        name,
        data=np.ascontiguousarray(values) if values.ndim else values,
        chunks=chunks,
        compressors=ZstdCodec(level=3, checksum=True),
        dimension_names=tuple(axes) or None,
        config={"write_empty_chunks": True},
    )


def _chunks(values: np.ndarray, most: int = 2**24) -> tuple[int, ...]:
    """Whole rows of the last axes, about `most` bytes."""
    chunks, left = [], max(1, most // values.dtype.itemsize)
    for n in values.shape[::-1]:
        chunks.append(max(1, min(n, left)))
        left = max(1, left // max(1, n))
    return tuple(chunks[::-1])


def put_labels(root: zarr.Group, grid: Grid, maps: Mapping[str, tuple[np.ndarray, Mapping[int, Any]]]) -> None:
    """The group `labels` of OME-Zarr 0.5."""
    if not maps:
        return
    group = root.create_group("labels")
    group.attrs["ome"] = ome.labels(list(maps))
    for name, (values, about) in maps.items():
        one = group.create_group(check_name(name))
        put(one, "0", values, "zyx")
        found = about or {int(v): {"name": name if v else "background"} for v in np.unique(values)}
        one.attrs["ome"] = plain(ome.label(grid, name, found), name)


def as_labels(values: Any, grid: Grid, name: str) -> np.ndarray:
    values = np.asarray(values)
    grid.check(values.shape, name)
    if values.dtype.kind == "b":
        return values.astype(np.uint8)
    if values.dtype.kind not in "iu":
        raise FormatError(f"label map {name}: values of {values.dtype}; integers or booleans are wanted")
    return values


def finite(values: np.ndarray, where: object) -> np.ndarray:
    if not np.isfinite(values).all():
        bad = int((~np.isfinite(values)).sum())
        raise FormatError(f"{where}: {bad} values are NaN or infinite. Find where they arose, and write it again")
    return values


def check_name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise FormatError(f'"{name}": names in a store are letters, digits, "_", "-" and "."')
    return name


def plain(value: Any, where: object) -> Any:
    """The value as JSON gives it back. Raises FormatError where JSON cannot hold it."""
    try:
        return json.loads(json.dumps(value, allow_nan=False, default=lambda v: np.asarray(v).tolist()))
    except (TypeError, ValueError, RecursionError) as e:
        raise FormatError(f"{where}: facts must be text, finite numbers, lists and tables ({e})") from e
