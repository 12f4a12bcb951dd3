"""Loose pieces of structures that are whole in everyone."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

TOUCHING = np.ones((3, 3, 3), bool)  # pieces touch by faces, edges or corners


def dissolve(
    label: np.ndarray, wholes: tuple[tuple[int, ...], ...], most_voxels: float, keep_edge: bool = False
) -> int:
    """Give pieces of up to `most_voxels` voxels to what lies around them, in place.

    Args:
        label: structure numbers, uint8.
        wholes: sets of structure numbers; the largest piece of each stays whatever its size.
        keep_edge: whether pieces at the edge of the grid stay, which may hang together beyond it.
    Returns:
        How many voxels changed.
    """
    changed = 0
    boxes = ndimage.find_objects(label.astype(np.int32) + 1)
    for numbers in wholes:
        there = [boxes[k] for k in numbers if k < len(boxes) and boxes[k] is not None]
        if not there:
            continue
        low, high = np.min([[b.start for b in t] for t in there], 0), np.max([[b.stop for b in t] for t in there], 0)
        box = tuple(slice(max(0, int(a) - 1), int(b) + 1) for a, b in zip(low, high))
        inside = label[box]
        mask = np.isin(np.arange(256), numbers)[inside]
        pieces, count = ndimage.label(mask, TOUCHING)
        if count < 2:
            continue
        sizes = np.bincount(pieces.ravel(), minlength=count + 1)
        sizes[0] = 0
        loose = (sizes <= most_voxels) & (np.arange(count + 1) != sizes.argmax())
        loose[0] = False
        if keep_edge:
            loose[_at_the_edge(pieces, box, label.shape)] = False
        if loose.any():
            go = loose[pieces]
            _, where = ndimage.distance_transform_edt(mask, return_indices=True)
            inside[go] = inside[tuple(where[:, go])]
            changed += int(go.sum())
    return changed


def _at_the_edge(pieces: np.ndarray, box: tuple[slice, ...], shape: tuple[int, ...]) -> np.ndarray:
    """Numbers of the pieces in a box that touch the faces of the whole grid."""
    faces = []
    for axis, (part, size) in enumerate(zip(box, shape)):
        faces += [np.take(pieces, 0, axis).ravel()] if part.start == 0 else []
        faces += [np.take(pieces, -1, axis).ravel()] if part.stop >= size else []
    return np.unique(np.concatenate(faces)) if faces else np.zeros(0, int)
