"""Measures of image quality and of segmentation, one number per case."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy.ndimage import label

from phantomsim.errors import TrialError
from phantomsim.trials.readers.roi import Bools, Floats, Spacing, around, core, distance_mm

Measure = Literal["absolute-percent", "signed-percent", "absolute-mL", "signed-mL"]


def _within(values: ArrayLike, where: ArrayLike | None) -> Floats:
    v = np.asarray(values, float)
    chosen = v.ravel() if where is None else v[np.asarray(where, bool)]
    if not chosen.size:
        raise TrialError("no voxel to measure in; check that the image covers the region")
    return chosen


def rmse(image: ArrayLike, truth: ArrayLike, where: ArrayLike | None = None) -> float:
    """Root mean square of image - truth, in their unit, over the voxels `where` (all if None)."""
    return float(np.sqrt(np.mean(_within(np.subtract(image, truth, dtype=float), where) ** 2)))


def bias(image: ArrayLike, truth: ArrayLike, where: ArrayLike | None = None) -> float:
    """Mean of image - truth, in their unit, over the voxels `where` (all if None)."""
    return float(np.mean(_within(np.subtract(image, truth, dtype=float), where)))


def cnr(image: ArrayLike, fraction: ArrayLike, spacing_mm: Spacing, gap_mm: float = 1.0, ring_mm: float = 5.0) -> float:
    """|mean in the lesion - mean in a ring| / standard deviation in the ring (Rose's contrast over noise).

    The lesion's mean is over the voxels that it fills. The ring starts `gap_mm` beyond the last voxel that holds
    any of it, so anatomy within the ring counts as noise.

    Args:
        image, fraction: [z, y, x]; fraction is the lesion's share of every voxel.
    Raises:
        TrialError: no lesion, or a ring of fewer than two voxels or without any noise.
    """
    f = np.asarray(fraction, float)
    part = around(f, spacing_mm, gap_mm + ring_mm)
    values, f = np.asarray(image, float)[part], f[part]
    away = distance_mm(f, spacing_mm)
    ring = values[(away > gap_mm) & (away <= gap_mm + ring_mm)]
    if ring.size < 2 or not ring.std() > 0:
        raise TrialError("the ring around the lesion holds no noise to compare with; widen ring_mm")
    return float(abs(values[core(f)].mean() - ring.mean()) / ring.std(ddof=1))


def half_contrast(image: ArrayLike, fraction: ArrayLike, spacing_mm: Spacing, reach_mm: float = 10.0) -> Bools:
    """A simple segmentation for algorithms that give an image: the half-maximum contour around a known place.

    The threshold lies half-way between the mean of the voxels that the lesion fills and the median of those
    within `reach_mm` of it; the side of the lesion's mean is kept, and of that the parts that touch the lesion,
    face to face. On a sharp edge that was blurred evenly this is unbiased; noise roughens it.

    Args:
        image, fraction: [z, y, x].
        reach_mm: how far from the lesion the segmentation may grow [mm].
    Returns:
        Mask [z, y, x].
    """
    f = np.asarray(fraction, float)
    part = around(f, spacing_mm, reach_mm)
    values, f = np.asarray(image, float)[part], f[part]
    away = distance_mm(f, spacing_mm)
    inside, outside = values[core(f)].mean(), np.median(values[(away > 0) & (away <= reach_mm)])
    sign = 1.0 if inside >= outside else -1.0
    marked = (sign * (values - 0.5 * (inside + outside)) > 0) & (away <= reach_mm)
    pieces, _ = label(marked)
    touching = np.unique(pieces[marked & (f >= min(0.5, float(f.max())))])
    mask = np.zeros(np.shape(image), bool)
    mask[part] = np.isin(pieces, touching[touching > 0])
    return mask


def volume_mL(mask: ArrayLike, spacing_mm: Spacing) -> float:
    """Volume of a mask or of volume fractions [z, y, x] in mL."""
    return float(np.sum(np.asarray(mask), dtype=float) * np.prod(spacing_mm) / 1000.0)


def volume_error(measured_mL: float, true_mL: float, measure: Measure = "absolute-percent") -> float:
    """Measured minus true volume, in mL or per cent of the true one.

    Raises:
        TrialError: the true volume is not positive and a percentage is asked for.
    """
    error = measured_mL - true_mL
    if measure.endswith("percent"):
        if not true_mL > 0:
            raise TrialError("the lesion has no volume on the image's grid; a percentage is not defined")
        error *= 100.0 / true_mL
    return abs(error) if measure.startswith("absolute") else error
