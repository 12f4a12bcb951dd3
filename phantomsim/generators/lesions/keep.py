"""The brain's volume after a mass effect: what the flow's coarse voxels drained of it is given back.

Where brain and fluid share a coarse voxel, the sink for the fluid drains both; and the flow starts from a part of the
lesion, the brain of which it does not move. The fine voxels that hold both afterwards, the surfaces of sulci and
ventricles, get so much brain for fluid as was lost, each in proportion to its fluid: sulci become narrower, as they do.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from phantomsim.generators.lesions.regions import among
from phantomsim.phantom import Overlay, Phantom, boxed

LEAST_LEFT = 0.2  # of the fluid of a voxel


def refilled(
    before: Phantom, after: Phantom, solid: np.ndarray, fluid: np.ndarray, lesion: Overlay, lost_mL: float
) -> Phantom:
    """The displaced patient with the volume of solid tissue that it had before, but for a part.

    Args:
        solid, fluid: by tissue, whether it keeps its volume, or gives way, bool [256].
        lesion: what it will take of `after`.
        lost_mL: of solid tissue, what the lesion takes the place of.
    """
    unit = after.grid.voxel_mL
    missing = volume_voxels(before, solid) - volume_voxels(after, solid) - lost_mL / unit
    missing += volume_voxels(after, solid, lesion)
    if missing <= 0 or not after.overlays:
        return after
    first = after.overlays[0]
    index = np.nonzero(np.asarray(first.fraction) > 0)  # a voxel of several tissues has its second one here
    tissue, share = _looked_up(after, tuple(i + s for i, s in zip(index, first.start)))
    wet, dry = np.where(fluid[tissue], share, 0), np.where(solid[tissue], share, 0)
    total = wet.sum(axis=0)
    ours = (total > 0) & (dry.sum(axis=0) > 0) & (total + dry.sum(axis=0) > 0.999)
    ours &= _at(lesion, tuple(i + s for i, s in zip(index, first.start))) == 0
    left = max(1 - missing / max(float(total[ours].sum()), 1e-9), LEAST_LEFT)
    more = (1 - left * total) / np.maximum(dry.sum(axis=0), 1e-9)
    share = np.where(ours, np.where(fluid[tissue], share * left, share * more), share)
    return _written(after, tuple(i + s for i, s in zip(index, first.start)), tissue, share)


def volume_voxels(phantom: Phantom, tissues: np.ndarray, weight: Overlay | None = None) -> float:
    """Volume of some tissues, or its part under a weight, in voxels."""
    start = (0, 0, 0) if weight is None else weight.start
    cut = boxed(start, np.shape(phantom.label) if weight is None else weight.fraction.shape)
    scale = 1.0 if weight is None else np.asarray(weight.fraction)
    label = among(np.asarray(phantom.label)[cut], tissues)
    total = float((label * scale).sum(dtype=float)) if weight is not None else float(np.count_nonzero(label))
    for overlay in phantom.overlays:
        index = np.nonzero(np.asarray(overlay.fraction) > 0)
        own = tissues[np.asarray(overlay.tissue)[index] if np.ndim(overlay.tissue) else int(overlay.tissue)]
        at = tuple(i + s for i, s in zip(index, overlay.start))
        change = np.asarray(overlay.fraction)[index] * (own * 1.0 - tissues[np.asarray(phantom.label)[at]])
        total += float((change * (1.0 if weight is None else _at(weight, at))).sum(dtype=float))
    return total


def _looked_up(phantom: Phantom, at: tuple[np.ndarray, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Tissues and shares of voxels, the label's first, [layers, N]."""
    share = [_at(o, at) for o in phantom.overlays]
    tissue = [_at(Overlay(0, np.asarray(o.tissue), o.start), at) for o in phantom.overlays]
    label = np.asarray(phantom.label)[at]
    return np.stack([label, *tissue]).astype(np.uint8), np.stack([1 - np.sum(share, axis=0), *share])


def _at(overlay: Overlay, at: tuple[np.ndarray, ...]) -> np.ndarray:
    """An overlay's fractions at voxels; 0 outside its box."""
    values = np.asarray(overlay.fraction)
    index = [i - s for i, s in zip(at, overlay.start)]
    inside = np.logical_and.reduce([(i >= 0) & (i < n) for i, n in zip(index, values.shape)])
    found = values[tuple(np.clip(i, 0, n - 1) for i, n in zip(index, values.shape))]
    return np.where(inside, found, 0)


def _written(phantom: Phantom, at: tuple[np.ndarray, ...], tissue: np.ndarray, share: np.ndarray) -> Phantom:
    """The phantom with other shares in some voxels; the label is the tissue that has most."""
    order = np.argsort(-share, axis=0, kind="stable")
    tissue, share = np.take_along_axis(tissue, order, 0), np.take_along_axis(share, order, 0)
    label = np.array(phantom.label)
    label[at] = tissue[0]
    overlays = []
    for k, overlay in enumerate(phantom.overlays, 1):
        index = [i - s for i, s in zip(at, overlay.start)]
        inside = np.logical_and.reduce([(i >= 0) & (i < n) for i, n in zip(index, overlay.fraction.shape)])
        own = tuple(i[inside] for i in index)
        tissues, fractions = np.array(overlay.tissue), np.array(overlay.fraction)
        tissues[own], fractions[own] = tissue[k][inside], share[k][inside]
        overlays.append(Overlay(tissues, fractions, overlay.start))
    return dataclasses.replace(phantom, label=label, overlays=tuple(overlays))
