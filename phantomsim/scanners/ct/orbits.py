"""Named constructors of `Geometry`: circles and helices of parallel, fan and cone beams."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np

from phantomsim.errors import ScannerError
from phantomsim.scanners.ct.geometry import Geometry, Orbit


def parallel(
    views: int,
    columns: int,
    column_mm: float,
    rows: int = 1,
    row_mm: float = 1.0,
    arc_deg: float = 180.0,
    column_offset: float = 0.0,
) -> Geometry:
    """A parallel beam over an arc; view 0 shines along -y."""
    angle = np.deg2rad(arc_deg) * np.arange(views) / views
    orbit = Orbit(math.inf, math.inf, angle, np.zeros(views), round(views * 360 / arc_deg))
    ahead, along, up = _axes(angle, column_mm, row_mm)
    return Geometry(ahead, np.zeros((views, 3)), along, up, columns, rows, "flat", "parallel", column_offset, orbit)


def third_generation(
    radius_mm: float,
    distance_mm: float,
    views: int,
    columns: int,
    rows: int,
    column_mm: float,
    row_mm: float,
    column_offset: float = 0.0,
) -> Geometry:
    """One axial turn of a curved detector: distances of the source [mm], cells, their pitch at the detector [mm]."""
    angle = 2 * np.pi * np.arange(views) / views
    return _orbit(
        Orbit(radius_mm, distance_mm, angle, np.zeros(views), views),
        columns,
        rows,
        column_mm,
        row_mm,
        "curved",
        column_offset,
    )


def fan(
    radius_mm: float,
    distance_mm: float,
    views: int,
    columns: int,
    column_mm: float,
    column_offset: float = 0.0,
    detector: Literal["flat", "curved"] = "flat",
) -> Geometry:
    """One turn of a single row, whose height at the isocentre is the column's width."""
    angle = 2 * np.pi * np.arange(views) / views
    orbit = Orbit(radius_mm, distance_mm, angle, np.zeros(views), views)
    return _orbit(orbit, columns, 1, column_mm, column_mm, detector, column_offset)


def flat_panel(
    radius_mm: float,
    distance_mm: float,
    views: int,
    columns: int,
    rows: int,
    column_mm: float,
    row_mm: float,
    column_offset: float = 0.0,
    arc_deg: float = 360.0,
) -> Geometry:
    """A cone-beam turn, or an arc, of a flat panel."""
    angle = np.deg2rad(arc_deg) * np.arange(views) / views
    orbit = Orbit(radius_mm, distance_mm, angle, np.zeros(views), round(views * 360 / arc_deg))
    return _orbit(orbit, columns, rows, column_mm, row_mm, "flat", column_offset)


def helical(
    radius_mm: float,
    distance_mm: float,
    views_per_turn: int,
    turns: float,
    feed_mm: float,
    columns: int,
    rows: int,
    column_mm: float,
    row_mm: float,
    column_offset: float = 0.0,
) -> Geometry:
    """A helix of a curved detector about the isocentre; the source moves along +z by `feed_mm` a turn.

    Pitch = feed_mm / collimation. In the middle of the helix the source is in the plane z = 0.
    """
    views = round(views_per_turn * turns)
    angle = 2 * np.pi * np.arange(views) / views_per_turn
    table = (np.arange(views) - (views - 1) / 2) * feed_mm / views_per_turn
    orbit = Orbit(radius_mm, distance_mm, angle, table, views_per_turn, feed_mm)
    return _orbit(orbit, columns, rows, column_mm, row_mm, "curved", column_offset)


def step_and_shoot(
    radius_mm: float,
    distance_mm: float,
    views_per_turn: int,
    turns: int,
    step_mm: float,
    columns: int,
    rows: int,
    column_mm: float,
    row_mm: float,
    column_offset: float = 0.0,
) -> Geometry:
    """Axial turns at table positions `step_mm` apart, the middle of them at the isocentre."""
    angle = 2 * np.pi * np.arange(views_per_turn * turns) / views_per_turn
    table = np.repeat((np.arange(turns) - (turns - 1) / 2) * step_mm, views_per_turn)
    orbit = Orbit(radius_mm, distance_mm, angle, table, views_per_turn)
    return _orbit(orbit, columns, rows, column_mm, row_mm, "curved", column_offset)


def _axes(angle: np.ndarray, column_mm: float, row_mm: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Central ray (unit), step of a column and step of a row in each view [view, 3]."""
    zero = np.zeros_like(angle)
    ahead = np.stack([np.sin(angle), -np.cos(angle), zero], -1)
    along = column_mm * np.stack([np.cos(angle), np.sin(angle), zero], -1)
    return ahead, along, np.broadcast_to([0.0, 0.0, row_mm], ahead.shape)


def _orbit(
    orbit: Orbit,
    columns: int,
    rows: int,
    column_mm: float,
    row_mm: float,
    detector: Literal["flat", "curved"],
    column_offset: float,
) -> Geometry:
    """A cone beam on a circle or helix."""
    if not 0 < orbit.radius_mm < orbit.distance_mm:
        raise ScannerError(
            f"source to isocentre is {orbit.radius_mm} mm; must be above 0 and below source to detector"
            f" ({orbit.distance_mm} mm)"
        )
    if not (column_mm > 0 and row_mm > 0):
        raise ScannerError(f"cells of {column_mm} x {row_mm} mm; must be above 0")
    if detector == "curved" and columns * column_mm / orbit.distance_mm >= np.pi:
        raise ScannerError(f"{columns} columns of {column_mm} mm reach half way round the source; use fewer")
    ahead, along, up = _axes(orbit.angle, column_mm, row_mm)
    height = np.stack([np.zeros_like(orbit.angle)] * 2 + [orbit.table_mm], -1)
    source = -orbit.radius_mm * ahead + height
    centre = source + orbit.distance_mm * ahead
    return Geometry(source, centre, along, up, columns, rows, detector, "cone", column_offset, orbit)
