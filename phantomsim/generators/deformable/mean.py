"""The mean anatomy: how likely each structure is, and realisations of it with folds drawn."""

from __future__ import annotations

from functools import lru_cache

import jax
import numpy as np
from scipy import ndimage
from scipy.special import ndtr

from phantomsim.generators.deformable.affine import IDENTITY
from phantomsim.generators.deformable.fine import Fine
from phantomsim.generators.deformable.model_file import Model
from phantomsim.generators.deformable.noise import band_noise
from phantomsim.generators.deformable.spec import Folds

ZOOM = 2  # the fine structure's voxels are half as large as those of the likelihoods
LEAST = 0.004  # likelihoods below are rounding
ALONG = 0.95  # share of the folds' variance that is constant along the outer surface's normal


def realise(
    model: Model, of_structure: np.ndarray, folds: tuple[tuple[Folds, tuple[int, ...]], ...], key: jax.Array
) -> Fine:
    """One realisation: the likeliest structure everywhere, and folds drawn.

    Args:
        of_structure: group of each structure.
        folds: each with the numbers of the groups that it lies within.
    """
    fine = model.atlas.refined(ZOOM)
    label = likeliest(model, tuple(f.order for f, _ in folds)).copy()
    for i, (fold, within) in enumerate(folds):
        order = [model.structures.index(s) for s in fold.order]
        box, cuts = _cuts(model, tuple(f.order for f, _ in folds), i)
        level = _level(model, fold, within, of_structure.tobytes(), jax.random.fold_in(key, i), box)
        inside = np.isin(label[box], order)
        chosen = np.array(order, np.uint8)[sum((level > c).astype(np.uint8) for c in cuts)]
        label[box][inside] = chosen[inside]
    first = np.array([a[0] for a in fine.axes()])
    return Fine(
        "", label, first, np.full(3, fine.spacing_mm), IDENTITY, np.zeros((*model.lattice.shape, 3), np.float32)
    )


@lru_cache(maxsize=2)
def likeliest(model: Model, together: tuple[tuple[str, ...], ...] = ()) -> np.ndarray:
    """The likeliest structure of every fine voxel, uint8; those `together` compete as one and win as their first."""
    fine = model.atlas.refined(ZOOM)
    best, label = np.full(fine.shape, 0.0, np.float32), np.zeros(fine.shape, np.uint8)
    first = {model.structures.index(s): model.structures.index(t[0]) for t in together for s in t}
    for number in range(len(model.structures)):
        members = [k for k in range(len(model.structures)) if first.get(k, k) == number]
        if not members:
            continue
        box, likely = _weighed(model, members)
        if box is None:
            continue
        better = likely > best[box]
        best[box][better] = likely[better]
        label[box][better] = number
    return label


def _weighed(model: Model, members: list[int]) -> tuple[tuple[slice, ...] | None, np.ndarray]:
    """Box of fine voxels and the summed likelihood there, each times the exponential of its bias."""
    coarse = _box(model, members)
    if coarse is None:
        return None, np.zeros(0)
    total = sum(np.exp(model.bias[k]) * _zoomed(model.likely[k][coarse]) for k in members)
    return tuple(slice(b.start * ZOOM, b.stop * ZOOM) for b in coarse), total  # type: ignore[return-value]


def _box(model: Model, members: list[int]) -> tuple[slice, ...] | None:
    there = (model.likely[members] > LEAST * 255).any(axis=0)
    boxes = ndimage.find_objects(there.astype(np.uint8))
    return tuple(slice(max(0, b.start - 1), b.stop + 1) for b in boxes[0]) if boxes else None


def _zoomed(likely: np.ndarray) -> np.ndarray:
    """Linear interpolation to voxels of half the size, float32 in 0 to 1; the edge repeats."""
    values = likely.astype(np.float32) / 255
    for axis in range(3):
        n = values.shape[axis]
        wide = np.concatenate([np.take(values, [0], axis), values, np.take(values, [n - 1], axis)], axis)
        low, high = (np.take(wide, np.arange(k, k + n), axis) for k in (0, 2))
        pair = np.stack([0.25 * low + 0.75 * values, 0.75 * values + 0.25 * high], axis + 1)
        values = pair.reshape(*values.shape[:axis], ZOOM * n, *values.shape[axis + 1 :])
    return values


@lru_cache(maxsize=4)
def _cuts(
    model: Model, together: tuple[tuple[str, ...], ...], which: int
) -> tuple[tuple[slice, ...], list[np.ndarray]]:
    """Where folded structures are, and the cumulative share of the outer ones there."""
    order = [model.structures.index(s) for s in together[which]]
    coarse = _box(model, order)
    assert coarse is not None
    shares = [np.exp(model.bias[k]) * _zoomed(model.likely[k][coarse]) for k in order]
    total = np.maximum(sum(shares), 1e-6)
    cuts = list(np.cumsum(shares[:-1], axis=0) / total)
    return tuple(slice(b.start * ZOOM, b.stop * ZOOM) for b in coarse), [c.astype(np.float32) for c in cuts]


def _level(
    model: Model, fold: Folds, within: tuple[int, ...], of_structure: bytes, key: jax.Array, box: tuple[slice, ...]
) -> np.ndarray:
    """A field that is uniform in 0 to 1, with ridges about `spacing_mm` apart."""
    fine = model.atlas.refined(ZOOM)
    field = band_noise(key, fold.spacing_mm / fine.spacing_mm)
    z, y, x = np.meshgrid(*(np.arange(b.start, b.stop) for b in box), indexing="ij", sparse=True)
    n = field.shape[0]
    own = field[z % n, y % n, x % n]
    foot = _feet(model, within, of_structure)
    along = np.stack([_zoomed_index(f, box) for f in foot])
    there = field[tuple((a + n // 2) % n for a in along)]
    return ndtr(np.sqrt(ALONG) * there + np.sqrt(1 - ALONG) * own)


@lru_cache(maxsize=4)
def _feet(model: Model, within: tuple[int, ...], of_structure: bytes) -> np.ndarray:
    """Index (z, y, x) of the point of the outer surface that is nearest to each coarse voxel."""
    groups = np.frombuffer(of_structure, np.uint8)
    inside = model.likely[np.isin(groups, within)].sum(axis=0, dtype=np.uint16) > 127
    inside = ndimage.binary_closing(inside, iterations=4)
    _, foot = ndimage.distance_transform_edt(inside, return_indices=True)
    return foot.astype(np.float32)


def _zoomed_index(index: np.ndarray, box: tuple[slice, ...]) -> np.ndarray:
    """Coarse indices as whole fine indices on the fine voxels of a box."""
    smoothed = ndimage.uniform_filter(index, 3)
    coarse = tuple(slice(b.start // ZOOM, b.stop // ZOOM) for b in box)
    values = smoothed[coarse]
    for axis in range(3):
        values = np.repeat(values, ZOOM, axis)
    return np.rint(values * ZOOM).astype(np.int32)
