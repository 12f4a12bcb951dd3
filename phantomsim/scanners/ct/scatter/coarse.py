"""Few views and few, large cells for scatter, which is smooth, and back."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from phantomsim.scanners.ct.geometry import Geometry


def coarsen(geometry: Geometry, views: int, rows: int, columns: int) -> Geometry:
    """The same detector in fewer, larger cells, at evenly spaced views; never more of any than there are."""
    chosen = np.arange(min(views, geometry.views)) * geometry.views // min(views, geometry.views)
    rows, columns = min(rows, geometry.rows), min(columns, geometry.columns)
    return Geometry(
        geometry.source_mm[chosen],
        geometry.centre_mm[chosen],
        geometry.along_mm[chosen] * (geometry.columns / columns),
        geometry.up_mm[chosen] * (geometry.rows / rows),
        columns,
        rows,
        geometry.detector,
        geometry.beam,
        geometry.column_offset * columns / geometry.columns,
    )


def average(image: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """Means of [..., row, column] over large cells, whose edges may fall within small ones."""
    for axis, count in ((-2, rows), (-1, columns)):
        image = np.moveaxis(_shares(image.shape[axis], count) @ np.moveaxis(image, axis, -2), -2, axis)
    return image


def _shares(cells: int, groups: int) -> np.ndarray:
    edges, cell = np.linspace(0, cells, groups + 1), np.arange(cells)
    overlap = np.minimum(edges[1:, None], cell + 1) - np.maximum(edges[:-1, None], cell)
    return np.maximum(overlap, 0) * groups / cells


def closed(geometry: Geometry) -> bool:
    """Whether the last view is followed by the first: whole turns at one table position."""
    orbit = geometry.orbit
    return orbit is not None and orbit.feed_mm == 0 and orbit.views_per_turn == geometry.views


def smooth(values: np.ndarray, views: float, rows: float, columns: float, wrap: bool) -> np.ndarray:
    """Gaussian of these standard deviations, in cells, over [..., view, row, column]."""
    modes = ["nearest"] * (values.ndim - 3) + ["wrap" if wrap else "nearest", "nearest", "nearest"]
    return ndimage.gaussian_filter(values, [0.0] * (values.ndim - 3) + [views, rows, columns], mode=modes)


def refine(values: np.ndarray, geometry: Geometry) -> np.ndarray:
    """Values of a coarsened geometry [..., view, row, column] at every view and cell of the whole one, linearly."""
    wrap = closed(geometry)
    for axis, count in ((-3, geometry.views), (-2, geometry.rows), (-1, geometry.columns)):
        values = _stretch(values, axis, count, wrap and axis == -3)
    return values


def _stretch(values: np.ndarray, axis: int, count: int, wrap: bool) -> np.ndarray:
    """Linear interpolation along one axis: views start together, cells share their outer edges."""
    size = values.shape[axis]
    if axis == -3:
        chosen = np.arange(size) * count // size
        at = np.interp(np.arange(count), np.append(chosen, count), np.arange(size + 1))
    else:
        at = (np.arange(count) + 0.5) * size / count - 0.5
    low = np.floor(at).astype(int)
    share = (at - low).reshape([-1] + [1] * (-1 - axis))
    first, second = (np.take(values, (i % size) if wrap else np.clip(i, 0, size - 1), axis) for i in (low, low + 1))
    return first + share * (second - first)
