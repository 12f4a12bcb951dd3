"""From a scanner and a protocol to the geometry of the scan."""

from __future__ import annotations

import math

from phantomsim.errors import ScannerError
from phantomsim.scanners.ct import orbits
from phantomsim.scanners.ct.geometry import Geometry
from phantomsim.scanners.ct.spec import CTProtocol, CTScanner


def layout(scanner: CTScanner, protocol: CTProtocol) -> Geometry:
    """The cells that a protocol reads, in every view.

    Raises:
        ScannerError: the protocol asks for more than the scanner has, or for what its shape cannot do.
    """
    _check_rows(scanner, protocol)
    columns, column = _columns(scanner, protocol)
    rows, row = protocol.rows // protocol.binned_rows, scanner.row_mm * protocol.binned_rows
    distances = (scanner.source_to_isocentre_mm, scanner.source_to_detector_mm)
    cells = (columns, rows, column, row, scanner.column_offset)
    if protocol.path == "radiograph":
        return (
            orbits.flat_panel(*distances, 1, *cells) if scanner.shape == "flat" else _scout(scanner, distances, cells)
        )
    collimation = protocol.rows * scanner.row_mm * distances[0] / distances[1]
    if scanner.shape == "flat":
        if protocol.path == "helical" or protocol.turns > 1:
            raise ScannerError(f'scanner "{scanner.name}" has a flat panel: it makes one axial turn (path = "axial")')
        return orbits.flat_panel(*distances, protocol.views, *cells)
    if protocol.path == "helical":
        return orbits.helical(*distances, protocol.views, protocol.turns, protocol.pitch * collimation, *cells)
    if protocol.turns > 1:
        return orbits.step_and_shoot(*distances, protocol.views, round(protocol.turns), collimation, *cells)
    return orbits.third_generation(*distances, protocol.views, *cells)


def _scout(scanner: CTScanner, distances: tuple[float, float], cells: tuple[int, int, float, float, float]) -> Geometry:
    """One view of a curved detector."""
    return orbits.third_generation(*distances, 1, *cells)


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
