"""The slow, plain way through voxels, in float64: what the fast projector is measured against.

Siddon, Med. Phys. 12 (1985) 252, doi:10.1118/1.595715: the exact length of a ray in every voxel.
"""

from __future__ import annotations

import numpy as np


def line_integral(
    volume: np.ndarray,
    spacing_mm: tuple[float, float, float],
    centre_mm: np.typing.ArrayLike,
    start_mm: np.typing.ArrayLike,
    end_mm: np.typing.ArrayLike,
) -> float:
    """Integral of a volume of box voxels along one segment.

    Args:
        volume: values [z, y, x].
        spacing_mm: voxel pitch along z, y, x [mm].
        centre_mm: (x, y, z) of the volume's middle [mm].
        start_mm, end_mm: ends of the segment (x, y, z) [mm].
    Returns:
        The integral [mm x unit of volume]; zero if the segment misses.
    """
    count = np.asarray(volume.shape[::-1])
    pitch = np.asarray(spacing_mm[::-1], float)
    corner = np.asarray(centre_mm, float) - 0.5 * count * pitch
    start, end = np.asarray(start_mm, float), np.asarray(end_mm, float)
    ray = end - start
    crossings = [np.array([0.0, 1.0])]
    for axis in range(3):
        if ray[axis] != 0:
            planes = corner[axis] + pitch[axis] * np.arange(count[axis] + 1)
            crossings.append((planes - start[axis]) / ray[axis])
    at = np.unique(np.clip(np.concatenate(crossings), 0.0, 1.0))
    middle = start + 0.5 * (at[1:] + at[:-1])[:, None] * ray
    index = np.floor((middle - corner) / pitch).astype(int)
    inside = np.all((index >= 0) & (index < count), -1)
    x, y, z = index[inside].T
    return float(np.sum(volume[z, y, x] * np.diff(at)[inside]) * np.linalg.norm(ray))
