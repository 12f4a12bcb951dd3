"""Where the source and the detector cells are in every view: the one place that fixes CT's conventions.

The frame is the phantom grid's own (x right, y anterior, z superior, RAS+), with its zero at the isocentre:

- **View 0**: the source is above the patient, at (0, +R, 0), and the central ray runs along -y.
- **Sense of rotation**: in view v the source is at R (-sin b, cos b) with b = 2 pi v / views: it turns from
  anterior (+y) to the patient's left (-x) first, that is from +x towards +y, counterclockwise about +z.
- **Columns**: column c leaves the source at fan angle g = (c - (C-1)/2 - offset) dg from the central ray,
  in the direction (sin(b + g), -cos(b + g)); in view 0 a higher column lies further towards +x.
- **Rows**: row r lies at (r - (R-1)/2) pitch along +z; a higher row is further superior.
- **Detector**: a third-generation cylinder about the focal spot, so that every cell of a row is at the same
  distance D, and all rows of one column lie above one horizontal line.
- **Isocentre**: (0, 0, 0), on the axis of rotation, in the plane between the two middle rows.

A cell is read along one line in the plane and over its full height along z.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from phantomsim.errors import ScannerError


@dataclass(frozen=True)
class Rays:
    """Source and detector points of a scan, host side, float64.

    Attributes:
        source_mm: focal spot of each view, [view, 3] (x, y, z) from the isocentre [mm].
        directions: horizontal unit vectors from the source to each column, [view, column, 2] (x, y).
        row_edges: tangent of the cone angle of the lower edge of row 0 .. upper edge of the last row,
            [row + 1]; a point at horizontal distance t from the source is at height source z + t * tangent.
    """

    source_mm: np.ndarray
    directions: np.ndarray
    row_edges: np.ndarray

    @property
    def row_slopes(self) -> np.ndarray:
        """Tangent of the cone angle of the middle of each row [row]."""
        return 0.5 * (self.row_edges[1:] + self.row_edges[:-1])

    @property
    def shape(self) -> tuple[int, int, int]:
        """(view, row, column): the shape of the raw data."""
        return len(self.source_mm), len(self.row_edges) - 1, self.directions.shape[1]


@dataclass(frozen=True)
class Geometry:
    """A circular scan: see the module's text for every convention.

    Attributes:
        radius_mm: source to isocentre, R [mm].
        distance_mm: source to detector, D [mm].
        views: views in one turn of 360 degrees.
        columns, rows: detector cells read.
        column_mm, row_mm: pitch of the cells at the detector, along the arc and along z [mm].
        column_offset: shift of the detector along the arc, in cells (a quarter: opposite rays interleave).
    """

    radius_mm: float
    distance_mm: float
    views: int
    columns: int
    rows: int
    column_mm: float
    row_mm: float
    column_offset: float = 0.0

    def __post_init__(self) -> None:
        if not 0 < self.radius_mm < self.distance_mm:
            raise ScannerError(
                f"source to isocentre is {self.radius_mm} mm; must be above 0 and below source to detector"
                f" ({self.distance_mm} mm)"
            )

    @property
    def shape(self) -> tuple[int, int, int]:
        """(view, row, column): the shape of the raw data."""
        return self.views, self.rows, self.columns

    @property
    def angles(self) -> np.ndarray:
        """Angle of the source in each view [rad], float64."""
        return 2 * np.pi * np.arange(self.views) / self.views

    @property
    def fan_step(self) -> float:
        """Angle between neighbouring columns [rad]."""
        return self.column_mm / self.distance_mm

    @property
    def fan(self) -> np.ndarray:
        """Fan angle of each column [rad], float64."""
        return (np.arange(self.columns) - (self.columns - 1) / 2 - self.column_offset) * self.fan_step

    @property
    def row_edges(self) -> np.ndarray:
        """Tangent of the cone angle at the edges of the rows [row + 1]."""
        return (np.arange(self.rows + 1) - self.rows / 2) * self.row_mm / self.distance_mm

    @property
    def field_mm(self) -> float:
        """Diameter of the circle that every view sees whole [mm]."""
        half_fan = min(-self.fan[0], self.fan[-1]) + self.fan_step / 2
        return 2 * self.radius_mm * float(np.sin(half_fan))

    @property
    def collimation_mm(self) -> float:
        """Height of the beam at the isocentre [mm]."""
        return self.rows * self.row_mm * self.radius_mm / self.distance_mm

    @property
    def column_at_isocentre_mm(self) -> float:
        """Pitch of the columns, scaled to the isocentre [mm]."""
        return self.fan_step * self.radius_mm

    def rays(self) -> Rays:
        """Source and cells of every view."""
        b = self.angles
        source = self.radius_mm * np.stack([-np.sin(b), np.cos(b), np.zeros_like(b)], -1)
        angle = b[:, None] + self.fan
        return Rays(source, np.stack([np.sin(angle), -np.cos(angle)], -1), self.row_edges)
