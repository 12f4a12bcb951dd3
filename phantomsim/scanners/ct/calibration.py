"""The Hounsfield scale by calibration: air and a water cylinder, scanned without noise through the same chain.

What the filter, the interpolations and the corrections leave of an error in scale is measured here once for
each geometry, kernel and beam, as a real scanner's daily calibration does.
"""

from __future__ import annotations

import dataclasses

import jax.numpy as jnp
import numpy as np

from phantomsim.scanners.ct import fdk
from phantomsim.scanners.ct.bases import Bases
from phantomsim.scanners.ct.geometry import Geometry, Orbit
from phantomsim.scanners.ct.transmission import transmission
from phantomsim.scanners.ct.water import WaterCorrection, water_paths

LARGEST_MM, SHARE = 100.0, 0.4  # radius of the cylinder, and at most so much of the field's diameter
PIXELS = 48  # of the image, over the inner part of the cylinder
VIEWS = 720


def slope(
    geometry: Geometry, kernel: str, bases: Bases, correction: WaterCorrection, beam: int = 0, response: int = 0
) -> float:
    """What images in units of water must be multiplied by, so that water is 1: HU = 1000 (slope x image - 1).

    Air needs no offset: it reads as the air scan does, whose logarithm is 0.

    Args:
        geometry: of the scan; its middle row serves.
        kernel: of the reconstruction.
        bases, correction, beam, response: what `water.water_paths` corrects the scan with.
    """
    radius = min(LARGEST_MM, SHARE * geometry.field_mm)
    length = cylinder(geometry, radius)
    paths = jnp.asarray(bases.water[:, None, None, None] * length, jnp.float32)
    read = transmission(paths, bases.tables[beam])[response]
    row = water_paths(-jnp.log(read), correction)[:, geometry.rows // 2]
    circle = _circle(geometry)
    scan = jnp.broadcast_to(row[:, None], (circle.views, 1, geometry.columns))
    side = radius  # the middle half of the cylinder
    image = fdk.reconstruct(scan, circle, kernel, (1, PIXELS, PIXELS), (1.0, side / PIXELS, side / PIXELS))
    return float(1 / np.asarray(image).mean())


def cylinder(geometry: Geometry, radius_mm: float) -> np.ndarray:
    """Path of each ray of the first view in an endless cylinder about the axis, float64 [1, row, column] [mm]."""
    cell = geometry.subset(np.array([0])).cells()[0]
    ray = np.broadcast_to(geometry.source_mm[0], cell.shape)
    ray = ray if geometry.beam == "parallel" else cell - ray
    level = np.linalg.norm(ray[..., :2], axis=-1)
    apart = (cell[..., 0] * ray[..., 1] - cell[..., 1] * ray[..., 0]) / level
    chord = 2 * np.sqrt(np.maximum(radius_mm**2 - apart**2, 0))
    return (chord * np.linalg.norm(ray, axis=-1) / level)[None]


def _circle(geometry: Geometry) -> Geometry:
    """One level turn of one row, otherwise like a scan."""
    angle = 2 * np.pi * np.arange(VIEWS) / VIEWS
    ahead = np.stack([np.sin(angle), -np.cos(angle), 0 * angle], -1)
    along = geometry.column_mm * np.stack([np.cos(angle), np.sin(angle), 0 * angle], -1)
    up = np.broadcast_to([0.0, 0.0, geometry.row_mm], ahead.shape)
    orbit = Orbit(geometry.radius_mm, geometry.distance_mm, angle, np.zeros(VIEWS), VIEWS)
    if geometry.beam == "parallel":
        source, centre = ahead, np.zeros_like(ahead)
    else:
        source = -geometry.radius_mm * ahead
        centre = source + geometry.distance_mm * ahead
    return dataclasses.replace(
        geometry, source_mm=source, centre_mm=centre, along_mm=along, up_mm=up, rows=1, orbit=orbit
    )
