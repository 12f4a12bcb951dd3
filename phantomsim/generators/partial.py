"""Partial volumes: from several tissues in a voxel to a label and the overlays beside it."""

from __future__ import annotations

import numpy as np

from phantomsim.grid import Grid
from phantomsim.phantom import Overlay

LAYERS = 3  # tissues of a voxel that are kept: the label and two beside it; what is left goes to the label
EVEN = 1 - 1e-5  # voxels of one tissue to more than this are of that tissue alone


class Mixture:
    """Label and overlays of a volume that is filled slab by slab, so that the fractions of all tissues never stand in
    memory together.

    Args:
        shape: voxels along z, y, x.

    Attributes:
        label: dominant tissue, uint8 [z, y, x]; to be filled in place where a voxel is of one tissue.
    """

    def __init__(self, shape: tuple[int, int, int]) -> None:
        self.label = np.zeros(shape, np.uint8)
        self._mixed: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []

    def blend(self, where: np.ndarray, shares: np.ndarray) -> None:
        """Set voxels of several tissues: flat indices [N] and the fractions of all tissues [T, N], which sum to 1."""
        order = np.argsort(-shares, axis=0, kind="stable")[:LAYERS]
        self.label.reshape(-1)[where] = order[0]
        self._mixed.append((where, order[1:].astype(np.uint8), np.take_along_axis(shares, order[1:], axis=0)))

    def overlays(self) -> tuple[Overlay, ...]:
        """The tissues beside the label: one overlay for those that come second, one for those that come third."""
        found = []
        for layer in range(LAYERS - 1):
            parts = [(w, t[layer], f[layer]) for w, t, f in self._mixed if len(t) > layer]
            where, tissue, fraction = (np.concatenate(p) for p in zip(*parts)) if parts else (np.zeros(0, int),) * 3
            if (fraction > 0).any():
                found.append(
                    _overlay(self.label.shape, where[fraction > 0], tissue[fraction > 0], fraction[fraction > 0])
                )
        return tuple(found)


def fractions(label: np.ndarray, old: Grid, new: Grid, tissues: int) -> tuple[np.ndarray, tuple[Overlay, ...]]:
    """Labels on coarser voxels, which hold the volume of every tissue that lies in them.

    Args:
        label: uint8 [z, y, x] on `old`, below `tissues`; 0 is also what lies outside.
        new: along the same axes as `old`.
    Returns:
        label uint8 and overlays on `new`.
    """
    start = old.index(new.origin_mm)
    weights = [
        _coverage(m, s, b / a, n) for m, s, a, b, n in zip(old.shape, start, old.spacing_mm, new.spacing_mm, new.shape)
    ]
    mixture, plane = Mixture(new.shape), new.shape[1] * new.shape[2]
    for k, row in enumerate(weights[0]):
        planes = np.flatnonzero(row)
        shares = np.zeros((tissues, plane), np.float32)
        part = label[planes[0] : planes[-1] + 1] if len(planes) else label[:0]
        for tissue in np.flatnonzero(np.bincount(part.ravel(), minlength=tissues)):
            mean = np.tensordot(row[planes], part == tissue, 1).astype(np.float32)
            shares[tissue] = (weights[1] @ mean @ weights[2].T).reshape(-1)
        shares[0] += 1 - shares.sum(axis=0)
        mixture.label[k] = shares.argmax(axis=0).reshape(new.shape[1:])
        mixed = np.flatnonzero(shares.max(axis=0) < EVEN)
        mixture.blend(k * plane + mixed, shares[:, mixed])
    return mixture.label, mixture.overlays()


def _coverage(old: int, start: float, step: float, new: int) -> np.ndarray:
    """Which part of each new voxel lies in each old one, float32 [new, old]; voxel i spans i - 1/2 to i + 1/2."""
    low = (start + (np.arange(new) - 0.5) * step)[:, None]
    edge = np.arange(old)[None] - 0.5
    overlap = np.minimum(low + step, edge + 1) - np.maximum(low, edge)
    return (np.clip(overlap, 0, None) / step).astype(np.float32)


def _overlay(shape: tuple[int, ...], where: np.ndarray, tissue: np.ndarray, fraction: np.ndarray) -> Overlay:
    """Tissues and fractions of some voxels in the smallest box around them."""
    index = np.array(np.unravel_index(where, shape))
    start = index.min(axis=1)
    box = index.max(axis=1) - start + 1
    tissues, fractions = np.zeros(box, np.uint8), np.zeros(box, np.float32)
    at = tuple(index - start[:, None])
    tissues[at], fractions[at] = tissue, fraction
    z, y, x = (int(s) for s in start)
    return Overlay(tissues, fractions, (z, y, x))
