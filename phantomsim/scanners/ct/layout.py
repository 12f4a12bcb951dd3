"""From a scanner and a protocol to the geometry of the scan."""

from __future__ import annotations

import math
from typing import Any

from phantomsim.errors import ScannerError
from phantomsim.scanners.ct import limits, orbits
from phantomsim.scanners.ct.geometry import Geometry
from phantomsim.scanners.ct.spec import CTProtocol, CTScanner


def layout(scanner: CTScanner, protocol: CTProtocol) -> Geometry:
    """The cells that a protocol reads, in every view.

    Raises:
        ScannerError: the protocol asks for more than the scanner has, or for what its shape cannot do.
    """
    limits.check_shape(scanner, protocol)
    _check_rows(scanner, protocol)
    columns, column = _columns(scanner, protocol)
    limits.check_readings(protocol, columns)
    of: dict[str, Any] = {
        "radius_mm": scanner.source_to_isocentre_mm,
        "distance_mm": scanner.source_to_detector_mm,
        "columns": columns,
        "rows": protocol.rows // protocol.binned_rows,
        "column_mm": column,
        "row_mm": scanner.row_mm * protocol.binned_rows,
        "column_offset": scanner.column_offset,
    }
    turn = orbits.flat_panel if scanner.shape == "flat" else orbits.third_generation
    if protocol.path == "radiograph":
        return turn(views=1, **of)
    if scanner.shape == "flat" and (protocol.path == "helical" or protocol.turns > 1):
        raise ScannerError(f'scanner "{scanner.name}" has a flat panel: it makes one axial turn (path = "axial")')
    collimation = protocol.rows * scanner.row_mm * scanner.source_to_isocentre_mm / scanner.source_to_detector_mm
    if protocol.path == "helical":
        feed = protocol.pitch * collimation
        return orbits.helical(views_per_turn=protocol.views, turns=protocol.turns, feed_mm=feed, **of)
    if protocol.turns > 1:
        turns = round(protocol.turns)
        return orbits.step_and_shoot(views_per_turn=protocol.views, turns=turns, step_mm=collimation, **of)
    return turn(views=protocol.views, **of)


def _check_rows(scanner: CTScanner, protocol: CTProtocol) -> None:
    if protocol.rows > scanner.rows or protocol.rows % protocol.binned_rows:
        raise ScannerError(
            f"protocol.rows is {protocol.rows}; must be at most {scanner.rows} and a multiple of binned_rows"
            f" ({protocol.binned_rows})"
        )


def _columns(scanner: CTScanner, protocol: CTProtocol) -> tuple[int, float]:
    """How many (binned) columns see the scan field, and their pitch [mm]."""
    radius, distance = scanner.source_to_isocentre_mm, scanner.source_to_detector_mm
    half = scanner.columns * scanner.column_mm / distance / 2
    widest = 2 * radius * math.sin(half if scanner.shape == "curved" else math.atan(half))
    if protocol.field_mm > widest:
        raise ScannerError(f"protocol.field_mm is {protocol.field_mm}; the detector sees at most {widest:.0f} mm")
    angle = math.asin(protocol.field_mm / 2 / radius)
    if protocol.binned_columns > scanner.columns:
        raise ScannerError(
            f"protocol.binned_columns is {protocol.binned_columns}; the detector has {scanner.columns} columns"
        )
    column = scanner.column_mm * protocol.binned_columns
    columns = 2 * math.ceil((angle if scanner.shape == "curved" else math.tan(angle)) * distance / column)
    return min(columns, scanner.columns // protocol.binned_columns), column


def reach_mm(geometry: Geometry, path: str) -> float:
    """How far from the isocentre along z slices can be reconstructed [mm].

    A slice of a helix needs half a turn and the fan, half of it on each side.
    """
    table = geometry.orbit.table_mm if geometry.orbit else [0.0]
    ends = float(table[-1] - table[0]) / 2
    if path == "helical" and geometry.orbit:
        fan = 2 * float(abs(geometry.fan).max())
        return ends - geometry.orbit.feed_mm * (math.pi + fan) / (4 * math.pi)
    return ends + geometry.collimation_mm / 2
