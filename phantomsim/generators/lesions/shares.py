"""The tissues of a phantom's voxels and their shares: of single ones, and between them."""

from __future__ import annotations

import numpy as np

from phantomsim.phantom import Phantom, boxed

NONE = 255  # no tissue

Layers = list[tuple[np.ndarray, np.ndarray]]  # tissue and share of every voxel of the grid, flat


def gathered(
    label: np.ndarray, overlays: Layers, source: np.ndarray, at: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Tissues [T], their fractions between voxels, from the eight around, and of other voxels, float32 [T, N]."""
    low = np.floor(source).astype(np.int32)
    part = source - low
    taken = []  # tissue and weight
    for corner in (*np.ndindex(2, 2, 2), None):
        index = at if corner is None else flat_index(low + np.array(corner, np.int32)[:, None], label.shape)
        weight = np.ones(len(at), np.float32)
        if corner is not None:
            weight = np.prod([p if c else 1 - p for p, c in zip(part, corner)], axis=0)
        parts = [(tissue[index], share[index] * weight) for tissue, share in overlays]
        taken.append([(label.reshape(-1)[index], weight - sum(p for _, p in parts)), *parts])
    seen = np.zeros(NONE + 1, bool)
    for tissue, _ in (one for some in taken for one in some):
        seen |= np.bincount(tissue, minlength=NONE + 1) > 0
    number, column = np.cumsum(seen) - 1, np.arange(len(at))
    out = np.zeros((2, int(seen.sum()), len(at)), np.float32)
    for i, some in enumerate(taken):
        flat = out[i // 8].reshape(-1)
        for tissue, share in some:
            flat[number[tissue] * len(at) + column] += share
    return np.flatnonzero(seen).astype(np.uint8), out[0], out[1]


def overlaid(phantom: Phantom) -> Layers:
    """Tissues and shares of overlays, of the whole grid, flat."""
    found = []
    for overlay in phantom.overlays:
        box = boxed(overlay.start, overlay.fraction.shape)
        tissue, share = np.zeros(phantom.grid.shape, np.uint8), np.zeros(phantom.grid.shape, np.float32)
        tissue[box], share[box] = np.asarray(overlay.tissue), np.asarray(overlay.fraction)
        found.append((tissue.reshape(-1), share.reshape(-1)))
    return found


def flat_index(index: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Flat indices of voxels (z, y, x) [3, N]; the edge repeats outside."""
    z, y, x = (np.clip(i, 0, n - 1) for i, n in zip(index, shape))
    return np.asarray((z * shape[1] + y) * shape[2] + x)


def pure(phantom: Phantom) -> np.ndarray:
    """Labels of voxels of one tissue, else NONE; flat."""
    label = np.array(phantom.label)
    for overlay in phantom.overlays:
        part = label[boxed(overlay.start, overlay.fraction.shape)]
        part[np.asarray(overlay.fraction) > 0] = NONE
    return label.reshape(-1)


def even(phantom: Phantom, box: tuple[slice, ...]) -> np.ndarray:
    """The tissue of eight voxels, of which this is the lowest, where they are of one tissue, else NONE; flat."""
    single = pure(phantom).reshape(phantom.grid.shape)
    found = np.full(single.shape, NONE, np.uint8)
    found[box] = single[box]
    for axis in range(3):
        low, high = (np.moveaxis(found, axis, 0)[part] for part in (slice(None, -1), slice(1, None)))
        low |= np.negative((low != high).view(np.uint8))  # to NONE
        np.moveaxis(found, axis, 0)[-1] = NONE
    return found.reshape(-1)
