"""Phantoms as OME-Zarr 0.5: density as the image, tissues and lesion truth as its label maps."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from typing import Any

import numpy as np
import zarr

from phantomsim.errors import FormatError
from phantomsim.formats import ome
from phantomsim.formats.zarr_bounds import MAX_BYTES, load, open_store
from phantomsim.formats.zarr_write import as_labels, finite, put, put_labels, write_store
from phantomsim.grid import Grid
from phantomsim.phantom import Anatomy, Facts, Lesion, Organs, Overlay, Phantom

#: Groups of the anatomy without and with what lesions push aside.
TWINS = ("without", "with")


def write_phantom(path: str | os.PathLike[str], phantom: Phantom, *, replace: bool = False) -> None:
    """Write a phantom with all that belongs to it; `read_phantom` gives an equal one.

    The relative density is the image; `labels/tissue` is the label map with names and colours, `labels/lesion` the
    truth: n where lesion n fills half of a voxel or more, whether present or not; `labels/organ` is there where the
    phantom knows its organs.

    Raises:
        FormatError: values that are not finite, or facts that JSON cannot hold.
        StoreError: the folder holds files already, or the disk refuses.
    """
    lesions = [s.overlay for s in phantom.lesions]

    def fill(root: zarr.Group) -> dict[str, Any]:
        density = np.asarray(phantom.density, np.float32)
        put(root, "0", finite(np.broadcast_to(density, phantom.grid.shape), path), "zyx")
        names = {i: {"name": t} for i, t in enumerate(phantom.tissues)}
        truth = {i: {"name": f"lesion {i}", **_about(s)} for i, s in enumerate(phantom.lesions, 1)}
        tissue, lesion = as_labels(phantom.label, phantom.grid, "tissue"), _truth(phantom)
        volumes = {"tissue": (tissue, names), "lesion": (lesion, truth)}
        if phantom.organs is not None:
            named = {i: {"name": n} for i, n in enumerate(phantom.organs.names)}
            volumes["organ"] = (as_labels(phantom.organs.label, phantom.grid, "organ"), named)
        put_labels(root, phantom.grid, volumes)
        _put_overlays(root, "overlays", phantom.overlays)
        _put_overlays(root, "lesions", lesions)
        for i, one in enumerate(phantom.lesions):
            _put_overlays(root, f"lesions-inner-{i}", one.inner)
            _put_overlays(root, f"lesions-around-{i}", one.around)
        _put_twins(root, phantom)
        root.attrs["ome"] = ome.image(phantom.grid, "relative density", (0.0, 2.0))
        return {
            "direction": phantom.grid.direction,
            "tissues": phantom.tissues,
            "density": float(density) if density.ndim == 0 else None,
            "overlays": [_box(o) for o in phantom.overlays],
            "lesions": [_about(s) | _box(s.overlay) | _beside(s) for s in phantom.lesions],
            "twins": None if phantom.twins is None else [[_box(o) for o in t.overlays] for t in phantom.twins],
            "organs": None if phantom.organs is None else phantom.organs.names,
            "subject": phantom.facts.subject,
            "covariates": phantom.facts.covariates,
            "provenance": phantom.facts.provenance,
        }

    write_store(path, "phantom", fill, replace)


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
            density = finite(load(root, "0", ndim=3, kinds="f", max_bytes=max_bytes), path)
        overlays = tuple(_overlay(root, f"overlays/{i}", o, grid, tissues) for i, o in enumerate(own["overlays"]))
        lesions = tuple(_lesion(root, i, s, grid, tissues) for i, s in enumerate(own["lesions"]))
        organs = _organs(root, "labels/organ/0", own.get("organs"), grid, max_bytes)
        twins = _twins(root, own, grid, tissues, max_bytes)
        facts = Facts(str(own["subject"]), dict(own["covariates"]), dict(own["provenance"]))
    except (KeyError, TypeError, ValueError) as e:
        raise FormatError(f"{path}: the phantom's attributes are damaged ({e!r}). Copy it again") from e
    if int(label.max(initial=0)) >= len(tissues):
        raise FormatError(f"{path}: label {label.max()} has no tissue; there are {len(tissues)}: {', '.join(tissues)}")
    return Phantom(grid, label, density, overlays, lesions, tissues, facts, organs, twins)


def _organs(root: zarr.Group, where: str, names: list[str] | None, grid: Grid, max_bytes: int) -> Organs | None:
    if names is None:
        return None
    label = load(root, where, ndim=3, kinds="ui", max_bytes=max_bytes)
    if label.shape != grid.shape or int(label.max(initial=0)) >= len(names):
        raise FormatError(
            f"{root.store_path}/{where}: shape {label.shape} and labels to {label.max(initial=0)}; must have the "
            f"grid's {grid.shape} and be below {len(names)}, the number of organs. Copy it again"
        )
    return Organs(label, tuple(map(str, names)))


def _put_twins(root: zarr.Group, phantom: Phantom) -> None:
    """The anatomy without and with what lesions push aside."""
    for name, one in zip(TWINS, phantom.twins or ()):
        group = root.create_group(name)
        put(group, "label", np.asarray(one.label, np.uint8), "zyx")
        if np.ndim(one.density) == 3:
            put(group, "density", finite(np.asarray(one.density, np.float32), name), "zyx")
        if one.organs is not None:
            put(group, "organ", np.asarray(one.organs.label, np.uint8), "zyx")
        _put_overlays(root, f"{name}-overlays", one.overlays)


def _twins(
    root: zarr.Group, own: Mapping[str, Any], grid: Grid, tissues: tuple[str, ...], max_bytes: int
) -> tuple[Anatomy, Anatomy] | None:
    if own.get("twins") is None:
        return None
    without, with_ = (
        _anatomy(root, name, about, own, grid, tissues, max_bytes) for name, about in zip(TWINS, own["twins"])
    )
    return without, with_


def _anatomy(
    root: zarr.Group,
    name: str,
    overlays: list[Mapping[str, Any]],
    own: Mapping[str, Any],
    grid: Grid,
    tissues: tuple[str, ...],
    max_bytes: int,
) -> Anatomy:
    label = load(root, f"{name}/label", ndim=3, kinds="u", max_bytes=max_bytes)
    grid.check(label.shape, f"{root.store_path}/{name}/label")
    if int(label.max(initial=0)) >= len(tissues):
        raise FormatError(f"{root.store_path}/{name}: label {label.max()} has no tissue. Copy it again")
    density = own["density"]
    if density is None:
        density = finite(load(root, f"{name}/density", ndim=3, kinds="f", max_bytes=max_bytes), name)
    found = tuple(_overlay(root, f"{name}-overlays/{i}", o, grid, tissues) for i, o in enumerate(overlays))
    return Anatomy(label, density, found, _organs(root, f"{name}/organ", own.get("organs"), grid, max_bytes))


def _put_overlays(root: zarr.Group, name: str, overlays: tuple[Overlay, ...] | list[Overlay]) -> None:
    group = root.create_group(name)
    for i, overlay in enumerate(overlays):
        put(group, str(i), finite(np.asarray(overlay.fraction, np.float32), name), "zyx")
        if np.ndim(overlay.tissue):
            put(group, f"{i}-tissue", np.asarray(overlay.tissue, np.uint8), "zyx")


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


def _beside(lesion: Lesion) -> dict[str, Any]:
    """Where its inner parts and what is around it lie."""
    parts = {"inner": lesion.inner, "around": lesion.around}
    return {key: [_box(o) for o in overlays] for key, overlays in parts.items() if overlays}


def _box(overlay: Overlay) -> dict[str, Any]:
    index = int(overlay.tissue) if np.ndim(overlay.tissue) == 0 else None  # None: one for each voxel, beside it
    return {"tissue_index": index, "start": [int(s) for s in overlay.start]}


def _overlay(root: zarr.Group, name: str, about: Mapping[str, Any], grid: Grid, tissues: tuple[str, ...]) -> Overlay:
    fraction = load(root, name, ndim=3, kinds="f", max_bytes=4 * math.prod(grid.shape))
    z, y, x = (int(s) for s in about["start"])
    if about["tissue_index"] is None:
        tissue = load(root, f"{name}-tissue", ndim=3, kinds="u", max_bytes=math.prod(grid.shape))
    else:
        tissue = np.asarray(int(about["tissue_index"]))
    inside = all(s >= 0 and s + n <= m for s, n, m in zip((z, y, x), fraction.shape, grid.shape))
    known = tissue.shape in ((), fraction.shape) and int(tissue.min(initial=0)) >= 0 and tissue.max() < len(tissues)
    if not inside or not known or not (fraction >= 0).all() or not (fraction <= 1).all():
        raise FormatError(
            f"{root.store_path}/{name}: a box at {[z, y, x]} of shape {fraction.shape}, tissue {tissue.max()} and "
            f"fractions {fraction.min(initial=0)}..{fraction.max(initial=0)}; must lie in the grid "
            f"{grid.shape}, be one of {len(tissues)} tissues, and from 0 to 1"
        )
    return Overlay(tissue if tissue.ndim else int(tissue), fraction, (z, y, x))


def _lesion(root: zarr.Group, i: int, about: Mapping[str, Any], grid: Grid, tissues: tuple[str, ...]) -> Lesion:
    x, y, z = (float(v) for v in about["centre_mm"])
    overlay = _overlay(root, f"lesions/{i}", about, grid, tissues)
    inner, around = (
        tuple(_overlay(root, f"lesions-{key}-{i}/{k}", o, grid, tissues) for k, o in enumerate(about.get(key, ())))
        for key in ("inner", "around")
    )
    volume, present = float(about["volume_mL"]), float(about["present"])
    kind, host, tissue = (str(about[key]) for key in ("kind", "host", "tissue"))
    return Lesion(overlay, (x, y, z), volume, present, kind, host, tissue, inner, around)
