"""CT volumes with a label map: the tissue by the label, its density or its iodine by the CT number."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import NamedTuple

import numpy as np

from phantomsim.errors import GeneratorError
from phantomsim.formats import volume
from phantomsim.generators.labels import tissue_names, to_tissues
from phantomsim.generators.spec import Ladder, Segmentation
from phantomsim.grid import Grid
from phantomsim.phantom import Overlay

IODINE_MG_PER_ML = 20.0  # 546 HU in blood at 120 kVp; brighter than arteries after any injection
AIR_HU = -1000.0

Parts = tuple[np.ndarray, np.ndarray, tuple[Overlay, ...]]


class Named(NamedTuple):
    """A label map's tissues: label uint8 [z, y, x] into `tissues`, air first; volumes of its structures [mL]."""

    label: np.ndarray
    tissues: tuple[str, ...]
    volumes_mL: dict[str, float | str]


def read(segmentation: Segmentation, ct: Path, grid: Grid, axes: str | None) -> Named:
    """The label map of a CT volume.

    Raises:
        GeneratorError: it lies on another grid.
        FormatError, TissueError: as `from_files.generate`.
    """
    path = ct.with_name(segmentation.file.replace("{name}", volume.stem(ct)))
    values, own = volume.read_labels(path, axes=axes)
    if own.shape != grid.shape or np.abs(own.affine - grid.affine).max() > 0.01:
        raise GeneratorError(
            f"{path}: lies on a grid {own.shape}, {own.spacing_mm} mm from {own.origin_mm}; {ct.name} on {grid.shape}, "
            f"{grid.spacing_mm} mm from {grid.origin_mm}. Resample it to the CT's"
        )
    tissues = tissue_names(segmentation.labels)
    label, counts = to_tissues(values, segmentation.labels, segmentation.ids, tissues, str(path))
    return Named(label, tissues, {f"{k.replace('-', '_')}_mL": n * grid.voxel_mL for k, n in counts.items()})


def rename(
    hu: np.ndarray, parts: Parts, named: Named, segmentation: Segmentation, ladder: Ladder
) -> tuple[np.ndarray, np.ndarray, tuple[Overlay, ...], tuple[str, ...]]:
    """A ladder's mixture with the tissues of labels where the CT number is near enough to theirs.

    Args:
        hu: [z, y, x].
        parts: label, density and overlays of the ladder's mixture.
    Returns:
        The same, and the tissues: those of the ladder, the labels' and the enhanced ones.
    """
    label, density, overlays = parts
    iodine = {t: f"iodine-{t}-{IODINE_MG_PER_ML:g}" for t in segmentation.enhanced}
    tissues = tuple(dict.fromkeys((*ladder.tissues, *named.tissues, *iodine.values())))
    steps = _hu(tissues, ladder)
    own = np.array([tissues.index(t) for t in named.tissues], np.uint8)[named.label]
    ratio = (hu - AIR_HU) / (steps[own] - AIR_HU)
    near = (named.label > 0) & (np.abs(ratio - 1) <= segmentation.within)
    brighter = np.zeros(hu.shape, np.float32)
    for plain, bright in iodine.items():
        if plain not in tissues:
            continue
        low, high = steps[[tissues.index(plain), tissues.index(bright)]]
        here = (named.label > 0) & (own == tissues.index(plain)) & (hu > low) & (hu <= high)
        brighter[here] = ((hu - low) / (high - low))[here]
        near, ratio = near | here, np.where(here, 1.0, ratio)
    kept = tuple(dataclasses.replace(o, fraction=np.where(near[_box(o)], 0, o.fraction)) for o in overlays)
    label, density = np.where(near, own, label), np.where(near, ratio, density).astype(np.float32)
    return label, density, kept + _iodine(brighter, own, iodine, tissues), tissues


def _iodine(
    share: np.ndarray, own: np.ndarray, iodine: dict[str, str], tissues: tuple[str, ...]
) -> tuple[Overlay, ...]:
    """One overlay of all enhanced tissues with iodine in them."""
    if not (share > 0).any():
        return ()
    bright = np.zeros(len(tissues), np.uint8)
    for plain, name in iodine.items():
        bright[tissues.index(plain)] = tissues.index(name)
    where = [np.flatnonzero((share > 0).any(axis=tuple(a for a in range(3) if a != axis))) for axis in range(3)]
    box = tuple(slice(int(w[0]), int(w[-1]) + 1) for w in where)
    z, y, x = (b.start for b in box)
    return (Overlay(bright[own[box]], np.ascontiguousarray(share[box]), (z, y, x)),)


def _hu(tissues: tuple[str, ...], ladder: Ladder) -> np.ndarray:
    from phantomsim import materials

    return materials.hu(tissues, materials.spectrum(ladder.kVp, ladder.filtration))


def _box(overlay: Overlay) -> tuple[slice, ...]:
    return tuple(slice(int(s), int(s) + n) for s, n in zip(overlay.start, np.shape(overlay.fraction)))
