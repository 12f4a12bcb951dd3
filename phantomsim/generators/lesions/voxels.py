"""From a star to fractions of voxels, with the requested volume."""

from __future__ import annotations

import math

import numpy as np

from phantomsim.errors import PlacementError
from phantomsim.generators.lesions.star import Star, relative_distance

SAMPLES_PER_RADIUS = 12  # of the sub-grid; per voxel edge at least LEAST and at most MOST
LEAST, MOST = 2, 12


def ball_radius_mm(volume_mL: float) -> float:
    """Radius of the ball of a volume [mm]."""
    return (3000.0 * volume_mL / (4 * math.pi)) ** (1 / 3)


def box_shape(volume_mL: float, reach: float, spacing_mm: tuple[float, ...]) -> tuple[int, int, int]:
    """Voxels z, y, x of a box that holds any lesion of at most that volume about any centre within a voxel."""
    radius = ball_radius_mm(volume_mL) * reach
    return tuple(2 * (math.ceil(radius / d) + 1) + 1 for d in spacing_mm)  # type: ignore[return-value]


def fractions(
    shape: Star, volume_mL: float, centre: np.ndarray, spacing_mm: tuple[float, ...], box: tuple[int, int, int]
) -> np.ndarray:
    """Volume fraction of each voxel of a box, float32 [z, y, x]; their sum x voxel volume is the requested volume.

    Voxels near the surface are sampled on a sub-grid, each sample counting by how far it lies inside the surface in
    units of its own size. The size of the shape is then set so that the sum is exact; for fine voxels it moves by some
    thousandths only.

    Args:
        shape: from `star`.
        centre: of the lesion, index (z, y, x) in the box.
        spacing_mm: of voxels z, y, x.
        box: from `box_shape`.
    Raises:
        PlacementError: the lesion does not fit the box.
    """
    radius = ball_radius_mm(volume_mL)
    fine = [int(np.clip(math.ceil(SAMPLES_PER_RADIUS * d / radius), LEAST, MOST)) for d in spacing_mm]
    offsets = [(np.arange(n) - c) * d for n, c, d in zip(box, centre, spacing_mm)]
    coarse = relative_distance(shape, _points(*offsets))
    reach = 1.2 * math.hypot(*spacing_mm) * 0.5 * float(coarse_slope(shape)) + 0.1 * radius
    inner, edge = coarse < radius - reach, np.abs(coarse - radius) <= reach
    step = [((np.arange(n) + 0.5) / n - 0.5) * d for n, d in zip(fine, spacing_mm)]
    sub = _points(*step).reshape(-1, 3)
    fuzzy = relative_distance(shape, _points(*offsets)[edge][:, None, :] + sub)
    width = max(d / n for n, d in zip(fine, spacing_mm))
    wanted = volume_mL * 1000.0 / math.prod(spacing_mm) - inner.sum()
    size = _solve(fuzzy, wanted, width, radius, reach)
    out = inner.astype(np.float32)
    out[edge] = _cover(fuzzy, size, width).mean(axis=1)
    return out


def core(
    shape: Star, volume_mL: float, centre: np.ndarray, spacing_mm: tuple[float, ...], box: tuple[int, int, int]
) -> np.ndarray:
    """Voxels that the lesion surely touches, 1 or 0, float32 [z, y, x]: a fast look before `fractions`."""
    offsets = [(np.arange(n) - c) * d for n, c, d in zip(box, centre, spacing_mm)]
    return (relative_distance(shape, _points(*offsets)) < 0.95 * ball_radius_mm(volume_mL)).astype(np.float32)


def coarse_slope(shape: Star) -> float:
    """Bound on how fast the relative distance changes per millimetre: 1 / smallest radius, and its tilt."""
    log = np.log(shape.radius)
    around = np.abs(np.diff(log, axis=1)).max() * (log.shape[1] - 1) / (2 * np.pi)
    along = np.abs(np.diff(log, axis=0)).max() * (log.shape[0] - 1) / np.pi
    return math.hypot(1.0, max(along, min(around, 4 * along))) / float(shape.radius.min())


def _points(z: np.ndarray, y: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Product grid of points (x, y, z), [z, y, x, 3]."""
    return np.stack(np.broadcast_arrays(x[None, None, :], y[None, :, None], z[:, None, None]), axis=-1)


def _cover(distance: np.ndarray, size: float, width: float) -> np.ndarray:
    return np.clip((size - distance) / width + 0.5, 0.0, 1.0)


def _solve(distance: np.ndarray, wanted: float, width: float, radius: float, reach: float) -> float:
    """The size [mm] at which the edge voxels hold what is wanted [voxels], by bisection."""
    low, high = max(radius - reach, 0.0), radius + reach
    samples = distance.shape[1]
    if not _cover(distance, low, width).sum() / samples <= wanted <= _cover(distance, high, width).sum() / samples:
        raise PlacementError(f"a lesion of radius {radius:.3g} mm cannot be drawn on this grid; use finer voxels")
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if _cover(distance, middle, width).sum() / samples < wanted else (low, middle)
    return (low + high) / 2
