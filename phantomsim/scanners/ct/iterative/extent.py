"""The grid that an iterative method works on: the wanted one, grown until it holds all that the rays meet.

What lies outside the grid would be explained by voxels inside, as bright rims and streaks (Ziegler et al., Med.
Phys. 35 (2008) 1317, doi:10.1118/1.2870219). So the image is grown to the field that every view sees whole, and along z
to where the outermost rows leave that field.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from phantomsim.scanners.ct.geometry import Geometry


class Extent(NamedTuple):
    """A grid that holds a wanted one.

    Attributes:
        shape: voxels along z, y, x.
        spacing_mm: along z, y, x.
        centre_mm: (x, y, z) of its middle from the isocentre.
        wanted: slices along z, y, x that cut out the wanted grid.
        field: 1 within the circle that may hold the patient, 0 outside, float32 [1, y, x].
    """

    shape: tuple[int, int, int]
    spacing_mm: tuple[float, float, float]
    centre_mm: tuple[float, float, float]
    wanted: tuple[slice, slice, slice]
    field: np.ndarray


def extent(
    geometry: Geometry,
    shape: tuple[int, int, int],
    spacing_mm: tuple[float, float, float],
    centre_mm: np.typing.ArrayLike = (0.0, 0.0, 0.0),
    beyond: float = 0.0,
) -> Extent:
    """Grow a grid.

    Args:
        geometry: of the scan.
        shape, spacing_mm: wanted voxels along z, y, x, and their pitch [mm].
        centre_mm: (x, y, z) of the wanted grid's middle from the isocentre [mm].
        beyond: how much further than the field, as a share of it: room for a patient that reaches out of the field.
    """
    centre = np.asarray(centre_mm, float)[::-1]
    radius = field_radius_mm(geometry) * (1 + beyond)
    low, high = z_reach_mm(geometry, radius)
    bounds = np.array([[low, high], [-radius, radius], [-radius, radius]])
    half = 0.5 * np.asarray(shape) * np.asarray(spacing_mm)
    missing = np.stack([(centre - half) - bounds[:, 0], bounds[:, 1] - (centre + half)], 1)
    added = np.maximum(0, np.ceil(missing / np.asarray(spacing_mm)[:, None] - 1e-6)).astype(int)
    grown = tuple(int(n + a.sum()) for n, a in zip(shape, added))
    middle = centre + 0.5 * (added[:, 1] - added[:, 0]) * np.asarray(spacing_mm)
    y, x = ((np.arange(grown[i]) - (grown[i] - 1) / 2) * spacing_mm[i] + middle[i] for i in (1, 2))
    field = (np.hypot(x, y[:, None]) <= radius + spacing_mm[2])[None].astype(np.float32)
    wanted = tuple(slice(int(a[0]), int(a[0]) + n) for a, n in zip(added, shape))
    return Extent(grown, spacing_mm, tuple(middle[::-1].tolist()), wanted, field)  # type: ignore[arg-type]


def field_radius_mm(geometry: Geometry) -> float:
    """Radius of the circle about the axis that every view sees whole, for any upright detector [mm]."""
    if geometry.orbit is not None:
        return geometry.field_mm / 2
    edge = np.array([geometry.columns_from_centre[0] - 0.5, geometry.columns_from_centre[-1] + 0.5])
    level = (geometry.cells(columns=edge, rows=np.zeros(1))[:, 0] - geometry.source_mm[:, None])[..., :2]
    source = geometry.source_mm[:, None, :2]
    apart = np.abs(source[..., 0] * level[..., 1] - source[..., 1] * level[..., 0]) / np.linalg.norm(level, axis=-1)
    return float(apart.min())


def z_reach_mm(geometry: Geometry, radius_mm: float) -> tuple[float, float]:
    """Lowest and highest z that any ray has within a cylinder about the axis [mm]."""
    edge = np.array([-geometry.rows / 2, geometry.rows / 2])
    cells = geometry.cells(columns=np.zeros(1), rows=edge)[:, :, 0]
    if geometry.beam == "parallel":
        return float(cells[..., 2].min()), float(cells[..., 2].max())
    source = geometry.source_mm
    distance = np.linalg.norm((cells - source[:, None])[..., :2], axis=-1)
    away = np.linalg.norm(source[:, :2], axis=-1)
    ends = np.stack([np.maximum(away - radius_mm, 0.0), away + radius_mm])[..., None] / distance
    z = source[:, 2, None] + ends * (cells[..., 2] - source[:, 2, None])
    return float(z.min()), float(z.max())
