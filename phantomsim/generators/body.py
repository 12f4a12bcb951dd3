"""What labels leave out: the body's outline, skin, cortical shells, stray islands, the frame."""

from __future__ import annotations

import numpy as np
from scipy import ndimage
from scipy.spatial import ConvexHull, QhullError

from phantomsim.grid import Grid


def largest_piece(label: np.ndarray) -> tuple[np.ndarray, int]:
    """Labels without the pieces that do not touch the largest one (0 is air), and how many voxels went."""
    pieces, count = ndimage.label(label > 0)
    if count <= 1:
        return label, 0
    sizes = np.bincount(pieces.ravel())
    sizes[0] = 0
    keep = pieces == sizes.argmax()
    return np.where(keep, label, 0).astype(label.dtype), int(sizes.sum() - sizes.max())


def outline(label: np.ndarray, grid: Grid, margin_mm: float) -> np.ndarray:
    """Slice-wise convex hull of all that is labelled, grown by a margin, bool [z, y, x]."""
    _, dy, dx = grid.spacing_mm
    body = np.zeros(label.shape, bool)
    for z, plane in enumerate(label > 0):
        body[z] = _hull(plane, dy, dx, margin_mm)
    return body


def _hull(plane: np.ndarray, dy: float, dx: float, margin_mm: float) -> np.ndarray:
    points = np.argwhere(plane)
    if len(points) < 3:
        return plane
    try:
        facets = ConvexHull(points * (dy, dx)).equations  # normal, offset: inside is normal . p + offset <= 0
    except QhullError:  # all on one line
        return plane
    y, x = np.arange(plane.shape[0])[:, None] * dy, np.arange(plane.shape[1])[None, :] * dx
    distance = np.full(plane.shape, -np.inf)
    for ny, nx, offset in facets:
        np.maximum(distance, ny * y + nx * x + offset, out=distance)
    return distance <= margin_mm


def add_background(label: np.ndarray, grid: Grid, body: np.ndarray, tissue: int, skin: int, skin_mm: float) -> None:
    """Fill unlabelled voxels of the body, and its rim with skin, in place."""
    empty = (label == 0) & body
    label[empty] = tissue
    if skin_mm > 0:
        rim = np.zeros_like(body)
        for z, plane in enumerate(body):
            depth = ndimage.distance_transform_edt(plane, grid.spacing_mm[1:]) - 0.5 * min(grid.spacing_mm[1:])
            rim[z] = plane & (depth <= skin_mm)
        label[empty & rim] = skin


def add_shell(label: np.ndarray, grid: Grid, inner: int, shell: int, thickness_mm: float) -> None:
    """Turn what lies within `thickness_mm` of the surface of tissue `inner` into tissue `shell`, in place.

    A voxel's centre lies half a voxel inside its own face.
    """
    mask = label == inner
    boxes = ndimage.find_objects(mask.astype(np.uint8))
    if not boxes:
        return
    box = tuple(slice(max(0, b.start - 1), b.stop + 1) for b in boxes[0])
    depth = ndimage.distance_transform_edt(mask[box], grid.spacing_mm)
    half = 0.5 * min(grid.spacing_mm)
    label[box][mask[box] & (depth - half <= thickness_mm)] = shell


def frame(label: np.ndarray, grid: Grid, shape: tuple[int, int, int]) -> tuple[np.ndarray, Grid]:
    """Pad with 0 or crop to a shape, the middle of what is not 0 in the middle."""
    boxes = ndimage.find_objects((label > 0).astype(np.uint8))
    box = boxes[0] if boxes else tuple(slice(0, n) for n in label.shape)
    start = [(b.start + b.stop) // 2 - n // 2 for b, n in zip(box, shape)]
    start = [_within(s, n, m) for s, n, m in zip(start, shape, label.shape)]
    out = np.zeros(shape, label.dtype)
    old = tuple(slice(max(0, s), min(m, s + n)) for s, n, m in zip(start, shape, label.shape))
    new = tuple(slice(o.start - s, o.stop - s) for o, s in zip(old, start))
    out[new] = label[old]
    return out, grid.crop(tuple(start), shape)  # type: ignore[arg-type]


def _within(start: int, wanted: int, there: int) -> int:
    """The start nearest to `start` that neither leaves the volume (when cropping) nor cuts it (when padding)."""
    low, high = sorted((0, there - wanted))
    return min(max(start, low), high)
