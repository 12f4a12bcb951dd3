"""Where a reader looks: the lesion's centre, a box around it, a ring around it."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import distance_transform_edt

from phantomsim.errors import TrialError

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Spacing = tuple[float, float, float]


def lesion_centre(fraction: ArrayLike) -> Floats:
    """Centre of mass of a lesion's volume fractions [z, y, x], as a fractional index (z, y, x).

    Raises:
        TrialError: no voxel holds any of the lesion.
    """
    f = np.asarray(fraction, float)
    if not f.sum() > 0:
        raise TrialError("no voxel of the image holds the lesion; let the reconstruction's grid cover it")
    return np.array(
        [(f.sum(axis=tuple(j for j in range(3) if j != i)) @ np.arange(n)) / f.sum() for i, n in enumerate(f.shape)]
    )


def box(centre: ArrayLike, reach_mm: float, spacing_mm: Spacing, shape: tuple[int, ...]) -> tuple[slice, ...]:
    """Slices of the voxels whose centres lie within `reach_mm` of `centre` along every axis, inside the image."""
    c, half = np.asarray(centre, float), reach_mm / np.asarray(spacing_mm)
    first = np.clip(np.ceil(c - half), 0, None).astype(int)
    last = np.minimum(np.floor(c + half).astype(int) + 1, shape)
    return tuple(slice(int(a), int(b)) for a, b in zip(first, last))


def distance_mm(fraction: ArrayLike, spacing_mm: Spacing) -> Floats:
    """Distance of every voxel from the nearest voxel that holds any of the lesion [mm], [z, y, x]."""
    return np.asarray(distance_transform_edt(np.asarray(fraction) <= 0, sampling=spacing_mm), np.float64)


def core(fraction: ArrayLike) -> Bools:
    """Voxels that the lesion fills to nine tenths; the fullest one if there is none."""
    f = np.asarray(fraction, float)
    return f >= min(0.9, float(f.max()))


def around(fraction: NDArray, spacing_mm: Spacing, reach_mm: float) -> tuple[slice, ...]:
    """The box of the lesion's voxels, wider by `reach_mm` and a voxel on every side, inside the image.

    Raises:
        TrialError: no voxel holds any of the lesion.
    """
    where = np.nonzero(fraction > 0)
    if not len(where[0]):
        raise TrialError("no voxel of the image holds the lesion; let the reconstruction's grid cover it")
    more = [int(np.ceil(reach_mm / s)) + 1 for s in spacing_mm]
    return tuple(slice(max(int(w.min()) - m, 0), int(w.max()) + m + 1) for w, m in zip(where, more))
