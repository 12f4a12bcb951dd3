"""Where the rays of one view run, as the tube and the detector see them: both turn with the gantry."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from phantomsim.scanners.ct.geometry import Geometry

METRE_MM = 1000.0


class Rays(NamedTuple):
    """The rays to the cells' middles, in the gantry's frame; everything before the patient depends on these only.

    Attributes:
        direction: unit vectors (along the columns, ahead, along the rows: towards +z) [row, column, 3].
        distance_mm: source to cell; infinite for parallel beams [row, column].
        cosine: between the ray and the cell's normal [row, column].
    """

    direction: np.ndarray
    distance_mm: np.ndarray
    cosine: np.ndarray

    @property
    def fan(self) -> np.ndarray:
        """Angle to the central ray within the plane of the fan [rad] [row, column]."""
        return np.arctan2(self.direction[..., 0], self.direction[..., 1])

    @property
    def level(self) -> np.ndarray:
        """Cosine of the angle to the plane of the fan [row, column]."""
        return np.hypot(self.direction[..., 0], self.direction[..., 1])

    @property
    def strength(self) -> np.ndarray:
        """Photons per area of the cell, over photons per area that faces the source 1 m away [row, column]."""
        if np.isinf(self.distance_mm).any():
            return self.cosine
        return self.cosine * np.square(METRE_MM / self.distance_mm)


def rays(geometry: Geometry) -> Rays:
    """Rays of the first view; those of the others are the same to tube and detector."""
    along, up = (v[0] / np.linalg.norm(v[0]) for v in (geometry.along_mm, geometry.up_mm))
    ahead = np.cross(along, up)
    if geometry.beam == "parallel":
        shape = (geometry.rows, geometry.columns)
        return Rays(np.broadcast_to([0.0, 1.0, 0.0], (*shape, 3)), np.full(shape, np.inf), np.ones(shape))
    vector = _cells(geometry) - geometry.source_mm[0]
    distance = np.linalg.norm(vector, axis=-1)
    direction = vector @ np.stack([along, ahead, up], -1) / distance[..., None]
    flat = geometry.detector == "flat"
    cosine = direction[..., 1] if flat else np.hypot(direction[..., 0], direction[..., 1])
    return Rays(direction, distance, cosine)


def _cells(geometry: Geometry) -> np.ndarray:
    """Cells of the first view only [row, column, 3]."""
    first = replace(
        geometry,
        source_mm=geometry.source_mm[:1],
        centre_mm=geometry.centre_mm[:1],
        along_mm=geometry.along_mm[:1],
        up_mm=geometry.up_mm[:1],
        orbit=None,
    )
    return first.cells()[0]
