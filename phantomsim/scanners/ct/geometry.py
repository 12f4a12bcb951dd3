"""Where the source and the detector cells are in every view: the one place that fixes CT's conventions.

The frame is the phantom grid's own (x right, y anterior, z superior, RAS+), with its zero at the isocentre:

- **View 0**: the source is above the patient, at (0, +R, 0), and the central ray runs along -y.
- **Sense of rotation**: at angle b the source is at R (-sin b, cos b): it turns from anterior (+y) to the
  patient's left (-x) first, that is from +y towards -x, counterclockwise about +z.
- **Columns**: column c leaves the source at fan angle g = (c - (C-1)/2 - offset) dg from the central ray,
  in the direction (sin(b + g), -cos(b + g)); in view 0 a higher column lies further towards +x.
- **Rows**: row r lies at (r - (R-1)/2) pitch along +z; a higher row is further superior.
- **Isocentre**: (0, 0, 0), on the axis of rotation, in the middle of the scan's z-range.

A `Geometry` holds vectors of every view and knows nothing of how they came about; `orbits` has the constructors.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from phantomsim.errors import ScannerError


@dataclass(frozen=True, eq=False)
class Orbit:
    """The circle or helix that a geometry was made from; reconstruction by filtering needs one.

    Attributes:
        radius_mm: source to axis, R [mm]; infinite for parallel beams.
        distance_mm: source to detector, D [mm]; infinite for parallel beams.
        angle: of the source in each view [rad], increasing without wrapping [view].
        table_mm: z of the source in each view [mm] [view].
        views_per_turn: views in 360 degrees.
        feed_mm: way of the source along z in one turn [mm]; 0 for axial scans.
    """

    radius_mm: float
    distance_mm: float
    angle: np.ndarray
    table_mm: np.ndarray
    views_per_turn: int
    feed_mm: float = 0.0


@dataclass(frozen=True, eq=False)
class Geometry:
    """Source and detector of every view; arrays are host side, float64, [view, 3] (x, y, z) from the isocentre [mm].

    Attributes:
        source_mm: focal spot; for parallel beams the unit vector along the rays instead.
        centre_mm: where the detector is met by the central ray.
        along_mm: step from one column to the next, at the centre.
        up_mm: step from one row to the next.
        columns, rows: cells.
        detector: "flat", or "curved": an arc about the focal spot or `pivot_mm`, straight along `up_mm`.
        beam: "cone" (fans are cones of one row) or "parallel".
        column_offset: the central ray meets column (C-1)/2 + offset; a quarter makes opposite rays interleave.
        orbit: the circle or helix, if it is one.
        pivot_mm: what a curved detector is curved about, where that is not `source_mm` [view, 3] [mm].
    """

    source_mm: np.ndarray
    centre_mm: np.ndarray
    along_mm: np.ndarray
    up_mm: np.ndarray
    columns: int
    rows: int
    detector: Literal["flat", "curved"] = "curved"
    beam: Literal["cone", "parallel"] = "cone"
    column_offset: float = 0.0
    orbit: Orbit | None = None
    pivot_mm: np.ndarray | None = None

    def __post_init__(self) -> None:
        arrays = (self.source_mm, self.centre_mm, self.along_mm, self.up_mm)
        if any(a.shape != (len(self.source_mm), 3) or not np.isfinite(a).all() for a in arrays):
            raise ScannerError("source, centre, along and up must each be finite numbers [view, 3]")
        if not len(self.source_mm) or self.columns < 1 or self.rows < 1:
            raise ScannerError(f"{len(self.source_mm)} views of {self.rows} x {self.columns} cells; need 1 or more")
        if np.any(np.linalg.norm(np.cross(self.along_mm, self.up_mm), axis=-1) == 0):
            raise ScannerError("columns and rows of the detector run along one line in some view")

    @property
    def views(self) -> int:
        """Number of views."""
        return len(self.source_mm)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(view, row, column): the shape of the raw data."""
        return self.views, self.rows, self.columns

    @property
    def columns_from_centre(self) -> np.ndarray:
        """Each column's place, in columns from the central ray [column]."""
        return np.arange(self.columns) - (self.columns - 1) / 2 - self.column_offset

    @property
    def rows_from_centre(self) -> np.ndarray:
        """Each row's place, in rows from the middle [row]."""
        return np.arange(self.rows) - (self.rows - 1) / 2

    def cells(self, columns: np.ndarray | None = None, rows: np.ndarray | None = None) -> np.ndarray:
        """Points of the detector [mm] [view, row, column, 3].

        Args:
            columns, rows: places from the centre, in cells, fractions allowed; by default the cells' middles.
        """
        columns = self.columns_from_centre if columns is None else np.asarray(columns, float)
        rows = self.rows_from_centre if rows is None else np.asarray(rows, float)
        line = self._flat_line(columns) if self.detector == "flat" else self._arc(columns)
        return line[:, None] + self.up_mm[:, None, None] * rows[:, None, None]

    def _flat_line(self, columns: np.ndarray) -> np.ndarray:
        return self.centre_mm[:, None] + self.along_mm[:, None] * columns[:, None]

    def _arc(self, columns: np.ndarray) -> np.ndarray:
        """Points of the arc about the source, or the pivot [view, column, 3]."""
        pivot = self.source_mm if self.pivot_mm is None else self.pivot_mm
        ahead = self.centre_mm - pivot
        distance = np.linalg.norm(ahead, axis=-1)[:, None, None]
        pitch = np.linalg.norm(self.along_mm, axis=-1)[:, None, None]
        angle = columns[:, None] * pitch / distance
        sideways = self.along_mm[:, None] / pitch * distance
        return pivot[:, None] + ahead[:, None] * np.cos(angle) + sideways * np.sin(angle)

    @property
    def upright(self) -> bool:
        """Whether columns stand along z and rows lie level: then all rays of a column share one vertical plane."""
        level = np.abs(self.along_mm[:, 2]) <= 1e-9 * np.linalg.norm(self.along_mm, axis=-1)
        standing = np.linalg.norm(self.up_mm[:, :2], axis=-1) <= 1e-9 * np.linalg.norm(self.up_mm, axis=-1)
        return bool(np.all(level & standing))

    @property
    def directions(self) -> np.ndarray:
        """Horizontal unit vectors along the rays of each column, for upright detectors [view, column, 2]."""
        if self.beam == "parallel":
            level = np.repeat(self.source_mm[:, None, :2], self.columns, 1)
        else:
            level = (self.cells(rows=np.zeros(1))[:, 0] - self.source_mm[:, None])[..., :2]
        return level / np.linalg.norm(level, axis=-1, keepdims=True)

    def subset(self, views: np.ndarray) -> Geometry:
        """Some of the views, by index or by slice; the orbit keeps their angles and table positions."""
        orbit = self.orbit
        if orbit is not None:
            orbit = replace(orbit, angle=orbit.angle[views], table_mm=orbit.table_mm[views])
        vectors = {name: getattr(self, name)[views] for name in ("source_mm", "centre_mm", "along_mm", "up_mm")}
        pivot = None if self.pivot_mm is None else self.pivot_mm[views]
        return replace(self, **vectors, orbit=orbit, pivot_mm=pivot)

    # What follows is of circles and helices.

    def _circle(self) -> Orbit:
        if self.orbit is None:
            raise ScannerError("this geometry is no circle or helix; only iterative reconstruction can use it")
        return self.orbit

    @property
    def radius_mm(self) -> float:
        """Source to axis [mm]."""
        return self._circle().radius_mm

    @property
    def distance_mm(self) -> float:
        """Source to detector [mm]."""
        return self._circle().distance_mm

    @property
    def angles(self) -> np.ndarray:
        """Angle of the source in each view [rad]."""
        return self._circle().angle

    @property
    def column_mm(self) -> float:
        """Pitch of the columns at the detector [mm]."""
        return float(np.linalg.norm(self.along_mm[0]))

    @property
    def row_mm(self) -> float:
        """Pitch of the rows at the detector [mm]."""
        return float(np.linalg.norm(self.up_mm[0]))

    @property
    def fan_step(self) -> float:
        """Angle between neighbouring columns of a curved detector, or of a flat one at its middle [rad]."""
        return self.column_mm / self.distance_mm

    @property
    def fan(self) -> np.ndarray:
        """Fan angle of each column [rad]."""
        angle = self.columns_from_centre * self.fan_step
        return angle if self.detector == "curved" else np.arctan(angle)

    @property
    def row_edges(self) -> np.ndarray:
        """Edges of the rows over the distance of the detector's middle: tangents of cone angles [row + 1]."""
        return (np.arange(self.rows + 1) - self.rows / 2) * self.row_mm / self.distance_mm

    @property
    def row_slopes(self) -> np.ndarray:
        """Tangent of the cone angle of the middle of each row [row]."""
        return self.rows_from_centre * self.row_mm / self.distance_mm

    @property
    def field_mm(self) -> float:
        """Diameter of the circle that every view sees whole [mm]."""
        outer = np.abs(self.columns_from_centre[[0, -1]]).min() + 0.5
        if self.beam == "parallel":
            return 2 * float(outer) * self.column_mm
        angle = outer * self.fan_step
        return 2 * self.radius_mm * float(np.sin(angle if self.detector == "curved" else np.arctan(angle)))

    @property
    def magnification(self) -> float:
        """Of an object at the isocentre; 1 for parallel beams."""
        return 1.0 if self.beam == "parallel" else self.distance_mm / self.radius_mm

    @property
    def collimation_mm(self) -> float:
        """Height of the beam at the isocentre [mm]."""
        return self.rows * self.row_mm / self.magnification

    @property
    def column_at_isocentre_mm(self) -> float:
        """Pitch of the columns, scaled to the isocentre [mm]."""
        return self.column_mm / self.magnification
