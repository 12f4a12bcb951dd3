"""Shares of structures or groups in the cells of a grid, seen through a map."""

from __future__ import annotations

import itertools

import jax
import numpy as np

from phantomsim.generators.deformable.fine import Fine

SAMPLES = 2  # per cell along each axis


def shares(fine: Fine, places: jax.Array | np.ndarray, kind: np.ndarray, kinds: int) -> np.ndarray:
    """Share of each kind [z, y, x, kinds], float32, in cells whose middles are found at `places` of a fine structure.

    Each cell is sampled at eight points, which the map's own slope puts between its neighbours.

    Args:
        places: [z, y, x, 3] (z, y, x) [mm].
        kind: of each structure, such as its group.
    """
    middle = (np.asarray(places) - fine.first_mm) / fine.spacing_mm
    slope = [np.gradient(middle, axis=axis) for axis in range(3)]
    steps = (np.arange(SAMPLES) + 0.5) / SAMPLES - 0.5
    shape, top = middle.shape[:3], np.array(fine.label.shape) - 1
    rows = np.arange(np.prod(shape[1:])) * kinds
    counts = np.zeros((shape[0], len(rows) * kinds), np.int32)
    for shift in itertools.product(steps, repeat=3):
        at = middle + sum(s * d for s, d in zip(shift, slope))
        index = np.clip(np.rint(at), 0, top).astype(np.int32)
        found = kind[fine.label[index[..., 0], index[..., 1], index[..., 2]]].reshape(shape[0], -1)
        for plane, here in zip(counts, found):
            plane += np.bincount(rows + here, minlength=plane.size).astype(np.int32)
    return (counts.reshape(*shape, kinds) / np.float32(SAMPLES**3)).astype(np.float32)
