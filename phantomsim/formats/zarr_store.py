"""Phantoms, images and raw data as Zarr v3 folders; phantoms and images are OME-Zarr 0.5.

One store per subject, written whole or not at all, and no file shared between writers. What OME-Zarr cannot say
stands in the root's attributes under `phantomsim`: the kind, the format's number, the direction of the axes, tissues,
lesions and facts, and the number of files and bytes by which a reader notices that a part is missing.
"""

from __future__ import annotations

import json
import math
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
from phantomsim.formats.zarr_bounds import FORMAT, MAX_BYTES, count, load, open_group, open_store
from phantomsim.grid import IDENTITY, Grid
from phantomsim.image import Image, RawData
from phantomsim.phantom import Facts, Lesion, Overlay, Phantom
from phantomsim.store import atomic_dir

_CHUNK = (32, 256, 256)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")


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
        _put(root, "0", _finite(np.asarray(image.values, np.float32), path), "zyx")
        maps: dict[str, Any] = {n: (_mask(m, image.grid, n), {}) for n, m in (labels or {}).items()}
        _put_labels(root, image.grid, maps)
        root.attrs["ome"] = ome.image(image.grid, name, window)
        return {"unit": image.unit, "direction": image.grid.direction, "facts": dict(facts or {})}

    _write(path, "image", fill, replace)


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
    return Image(_finite(values, path), grid, str(own.get("unit", "1")))


def read_facts(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The facts that were stored with an image. Raises as `read_image` does."""
    return dict(open_store(path, "image")[1].get("facts", {}))


def read_mask(path: str | os.PathLike[str], name: str, *, max_bytes: int = MAX_BYTES) -> np.ndarray:
    """A label map of an image or a phantom, integers [z, y, x]. Raises FormatError where there is none."""
    _check_name(name)
    return load(open_group(path), f"labels/{name}/0", ndim=3, kinds="ui", max_bytes=max_bytes)


def write_phantom(path: str | os.PathLike[str], phantom: Phantom, *, replace: bool = False) -> None:
    """Write a phantom with all that belongs to it; `read_phantom` gives an equal one.

    The relative density is the image; `labels/tissue` is the label map with names and colours, `labels/lesion` the
    truth: n where lesion n fills half of a voxel or more, whether present or not.

    Raises:
        FormatError: values that are not finite, or facts that JSON cannot hold.
        StoreError: the folder holds files already, or the disk refuses.
    """
    lesions = [s.overlay for s in phantom.lesions]

    def fill(root: zarr.Group) -> dict[str, Any]:
        density = np.asarray(phantom.density, np.float32)
        _put(root, "0", _finite(np.broadcast_to(density, phantom.grid.shape), path), "zyx")
        names = {i: {"name": t} for i, t in enumerate(phantom.tissues)}
        truth = {i: {"name": f"lesion {i}", **_about(s)} for i, s in enumerate(phantom.lesions, 1)}
        tissue, lesion = _mask(phantom.label, phantom.grid, "tissue"), _truth(phantom)
        _put_labels(root, phantom.grid, {"tissue": (tissue, names), "lesion": (lesion, truth)})
        _put_overlays(root, "overlays", phantom.overlays)
        _put_overlays(root, "lesions", lesions)
        root.attrs["ome"] = ome.image(phantom.grid, "relative density", (0.0, 2.0))
        return {
            "direction": phantom.grid.direction,
            "tissues": phantom.tissues,
            "density": float(density) if density.ndim == 0 else None,
            "overlays": [_box(o) for o in phantom.overlays],
            "lesions": [_about(s) | _box(s.overlay) for s in phantom.lesions],
            "subject": phantom.facts.subject,
            "covariates": phantom.facts.covariates,
            "provenance": phantom.facts.provenance,
        }

    _write(path, "phantom", fill, replace)


def read_phantom(path: str | os.PathLike[str], *, max_bytes: int = MAX_BYTES) -> Phantom:
    """Read a phantom that `write_phantom` wrote.

    Raises:
        FormatError: not a phantom, damaged, too large, or a label without a tissue.
        StoreError: parts of it are missing.
    """
    root, own = open_store(path, "phantom")
    label = load(root, "labels/tissue/0", ndim=3, kinds="ui", max_bytes=max_bytes)
    _, grid = ome.grid_of(root.attrs.get("ome"), label.shape, own.get("direction"), str(path))
    try:
        tissues = tuple(map(str, own["tissues"]))
        density = own["density"]
        if density is None:
            density = _finite(load(root, "0", ndim=3, kinds="f", max_bytes=max_bytes), path)
        overlays = tuple(_overlay(root, f"overlays/{i}", o, grid, tissues) for i, o in enumerate(own["overlays"]))
        lesions = tuple(_lesion(root, f"lesions/{i}", s, grid, tissues) for i, s in enumerate(own["lesions"]))
        facts = Facts(str(own["subject"]), dict(own["covariates"]), dict(own["provenance"]))
    except (KeyError, TypeError, ValueError) as e:
        raise FormatError(f"{path}: the phantom's attributes are damaged ({e!r}). Copy it again") from e
    if int(label.max(initial=0)) >= len(tissues):
        raise FormatError(f"{path}: label {label.max()} has no tissue; there are {len(tissues)}: {', '.join(tissues)}")
    return Phantom(grid, label, density, overlays, lesions, tissues, facts)


def write_raw(
    path: str | os.PathLike[str], raw: RawData, *, facts: Mapping[str, Any] | None = None, replace: bool = False
) -> None:
    """Write raw data as plain Zarr v3, an array per name under `arrays`. Raises as `write_image` does."""

    def fill(root: zarr.Group) -> dict[str, Any]:
        for name, array in raw.arrays.items():
            _put(root.require_group("arrays"), _check_name(name), np.asarray(array))
        about = {"modality": raw.modality, "isocentre_mm": [float(v) for v in raw.isocentre_mm]}
        return about | {"arrays": list(raw.arrays), "facts": dict(facts or {})}

    _write(path, "raw", fill, replace)


def read_raw(path: str | os.PathLike[str], *, max_bytes: int = MAX_BYTES) -> RawData:
    """Read raw data that `write_raw` wrote. Raises as `read_phantom` does."""
    root, own = open_store(path, "raw")
    try:
        x, y, z = map(float, own["isocentre_mm"])
        names = [_check_name(str(n)) for n in own["arrays"]]
        arrays: dict[str, Any] = {}
        for name in names:
            arrays[name] = load(root, f"arrays/{name}", max_bytes=max_bytes)
            max_bytes -= arrays[name].nbytes
        return RawData(arrays, (x, y, z), str(own["modality"]))
    except (KeyError, TypeError, ValueError) as e:
        raise FormatError(f"{path}: the raw data's attributes are damaged ({e!r}). Copy it again") from e


def _write(
    path: str | os.PathLike[str], kind: str, fill: Callable[[zarr.Group], dict[str, Any]], replace: bool
) -> None:
    """Fill a store beside the final name, count it, and give it its name."""
    with atomic_dir(path, replace=replace) as work:
        root = zarr.create_group(str(work), zarr_format=3)
        own = fill(root)
        files, size = count(work)
        head = {"kind": kind, "format": FORMAT, "version": __version__, "files": files, "bytes": size}
        root.attrs["phantomsim"] = _plain(head | own, path)


def _put(group: zarr.Group, name: str, values: np.ndarray, axes: str = "") -> None:
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


def _put_labels(root: zarr.Group, grid: Grid, maps: Mapping[str, tuple[np.ndarray, Mapping[int, Any]]]) -> None:
    """The group `labels` of OME-Zarr 0.5."""
    if not maps:
        return
    group = root.create_group("labels")
    group.attrs["ome"] = ome.labels(list(maps))
    for name, (values, about) in maps.items():
        one = group.create_group(_check_name(name))
        _put(one, "0", values, "zyx")
        found = about or {int(v): {"name": name if v else "background"} for v in np.unique(values)}
        one.attrs["ome"] = _plain(ome.label(grid, name, found), name)


def _put_overlays(root: zarr.Group, name: str, overlays: tuple[Overlay, ...] | list[Overlay]) -> None:
    group = root.create_group(name)
    for i, overlay in enumerate(overlays):
        _put(group, str(i), _finite(np.asarray(overlay.fraction, np.float32), name), "zyx")


def _truth(phantom: Phantom) -> np.ndarray:
    """n where lesion n fills half of a voxel or more."""
    out = np.zeros(phantom.grid.shape, np.uint8 if len(phantom.lesions) < 256 else np.uint16)
    for i, lesion in enumerate(phantom.lesions, 1):
        fraction = np.asarray(lesion.overlay.fraction)
        box = tuple(slice(int(s), int(s) + n) for s, n in zip(lesion.overlay.start, fraction.shape))
        out[box] = np.where(fraction >= 0.5, i, out[box])
    return out


def _about(lesion: Lesion) -> dict[str, Any]:
    centre = [float(v) for v in lesion.centre_mm]
    numbers = {"centre_mm": centre, "volume_mL": float(lesion.volume_mL), "present": float(lesion.present)}
    return numbers | {"kind": lesion.kind, "host": lesion.host, "tissue": lesion.tissue}


def _box(overlay: Overlay) -> dict[str, Any]:
    return {"tissue_index": int(overlay.tissue), "start": [int(s) for s in overlay.start]}


def _overlay(root: zarr.Group, name: str, about: Mapping[str, Any], grid: Grid, tissues: tuple[str, ...]) -> Overlay:
    fraction = load(root, name, ndim=3, kinds="f", max_bytes=4 * math.prod(grid.shape))
    z, y, x = (int(s) for s in about["start"])
    index = int(about["tissue_index"])
    inside = all(s >= 0 and s + n <= m for s, n, m in zip((z, y, x), fraction.shape, grid.shape))
    if not inside or not 0 <= index < len(tissues) or not (fraction >= 0).all() or not (fraction <= 1).all():
        raise FormatError(
            f"{root.store_path}/{name}: a box at {[z, y, x]} of shape {fraction.shape}, tissue {index} and fractions "
            f"{fraction.min(initial=0)}..{fraction.max(initial=0)}; must lie in the grid {grid.shape}, be one of "
            f"{len(tissues)} tissues, and from 0 to 1"
        )
    return Overlay(index, fraction, (z, y, x))


def _lesion(root: zarr.Group, name: str, about: Mapping[str, Any], grid: Grid, tissues: tuple[str, ...]) -> Lesion:
    x, y, z = (float(v) for v in about["centre_mm"])
    overlay = _overlay(root, name, about, grid, tissues)
    volume, present = float(about["volume_mL"]), float(about["present"])
    return Lesion(overlay, (x, y, z), volume, present, str(about["kind"]), str(about["host"]), str(about["tissue"]))


def _mask(values: Any, grid: Grid, name: str) -> np.ndarray:
    values = np.asarray(values)
    grid.check(values.shape, name)
    if values.dtype.kind == "b":
        return values.astype(np.uint8)
    if values.dtype.kind not in "iu":
        raise FormatError(f"label map {name}: values of {values.dtype}; integers or booleans are wanted")
    return values


def _finite(values: np.ndarray, where: object) -> np.ndarray:
    if not np.isfinite(values).all():
        bad = int((~np.isfinite(values)).sum())
        raise FormatError(f"{where}: {bad} values are NaN or infinite. Find where they arise before you store them")
    return values


def _check_name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise FormatError(f'"{name}": names in a store are letters, digits, "_", "-" and "."')
    return name


def _plain(value: Any, where: object) -> Any:
    """The value as JSON gives it back. Raises FormatError where JSON cannot hold it."""
    try:
        return json.loads(json.dumps(value, allow_nan=False, default=lambda v: np.asarray(v).tolist()))
    except (TypeError, ValueError, RecursionError) as e:
        raise FormatError(f"{where}: facts must be text, finite numbers, lists and tables ({e})") from e


__all__ = [
    "read_facts",
    "read_image",
    "read_mask",
    "read_phantom",
    "read_raw",
    "write_image",
    "write_phantom",
    "write_raw",
]
