"""What cannot be scanned: phantoms, detectors and requests that are refused before any work, and what to do instead."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from phantomsim.errors import ScannerError
from phantomsim.memory import gibibytes, physical_bytes
from phantomsim.phantom import Phantom
from phantomsim.scanners.ct.geometry import Geometry
from phantomsim.scanners.ct.spec import CTProtocol, CTReconstruction, CTScanner
from phantomsim.scanners.ct.spec.protocol import LEAST_MAS, MOST_MAS

if TYPE_CHECKING:
    from phantomsim.scanners.ct.readout import Readout

STEEPEST = 1.0  # tangent of the cone angle of the outermost row; beyond 45 degrees no method here follows the rays
DENSEST = 100.0  # times a tissue's own density: texture is near 1, and a mistaken unit is a thousand
ROUNDING = 1e-4  # by which fractions may lie outside 0 to 1
SCAN_COPIES = 5  # arrays as large as the readings that a scan holds at once, at least: two moments, noise, paths
IMAGE_COPIES, ITERATIVE_COPIES = 4, 8  # arrays as large as the image that a reconstruction holds at once, at least


def check_volumes(phantom: Phantom) -> None:
    """Raises ScannerError for densities that no tissue has, unknown labels, and fractions outside 0 to 1."""
    density, label = np.asarray(phantom.density), np.asarray(phantom.label)
    good = np.isfinite(density) & (density >= 0) & (density <= DENSEST)
    allowed = f"must be finite, at least 0 and at most {DENSEST:g} times the tissue's own"
    _all(good, density, "phantom.density", allowed)
    count = len(phantom.tissues)
    if label.min() < 0 or label.max() >= count:
        known = (label >= 0) & (label < count)
        _all(known, label, "phantom.label", f"must be below {count}, the number of phantom.tissues")
    for part in phantom.parts():
        fraction = np.asarray(part.fraction)
        good = (fraction >= -ROUNDING) & (fraction <= 1 + ROUNDING)
        named = f'of "{phantom.tissues[int(part.tissue)]}"' if np.ndim(part.tissue) == 0 else "of second tissues"
        of = f"phantom: the volume fraction {named} in the box at {part.start}"
        _all(good, fraction, of, "must be from 0 to 1")


def point(place_mm: np.typing.ArrayLike) -> np.ndarray:
    """A world point, float64 [3] [mm]. Raises ScannerError if it is none."""
    place = np.asarray(place_mm, float)
    if place.shape != (3,) or not np.isfinite(place).all():
        raise ScannerError(f"isocentre_mm is {place.tolist()}; must be three finite numbers (x, y, z)")
    return place


def _all(good: np.ndarray, values: np.ndarray, what: str, allowed: str) -> None:
    """Raises ScannerError that names the first value that is not good."""
    if good.all():
        return
    at = tuple(int(i) for i in np.argwhere(~good)[0])
    more = int((~good).sum()) - 1
    where = f" at voxel (z, y, x) = {at}" + (f" and wrong in {more} more" if more else "") if at else ""
    raise ScannerError(f"{what} is {values[at]:g}{where}; {allowed}. Mend the phantom")


def check_shape(scanner: CTScanner, protocol: CTProtocol) -> None:
    """Whether there can be such a detector."""
    radius, distance = scanner.source_to_isocentre_mm, scanner.source_to_detector_mm
    if radius >= distance:
        raise ScannerError(
            f"scanner.source_to_isocentre_mm is {radius:g}; must be below source_to_detector_mm ({distance:g})"
        )
    fan = math.degrees(scanner.columns * scanner.column_mm / distance)
    if scanner.shape == "curved" and fan >= 180:
        raise ScannerError(
            f"scanner.columns x column_mm, {scanner.columns} x {scanner.column_mm:g} mm on an arc {distance:g} mm from"
            f" the focal spot, is a fan of {fan:.0f} degrees; must be below 180. Use fewer or narrower columns"
        )
    height = protocol.rows * scanner.row_mm
    if height / 2 > STEEPEST * distance:
        raise ScannerError(
            f"protocol.rows x scanner.row_mm is {height:g} mm at {distance:g} mm from the focal spot: a cone above 90"
            " degrees. Use fewer or lower rows"
        )
    if abs(scanner.column_offset) >= scanner.columns / 2:
        raise ScannerError(
            f"scanner.column_offset is {scanner.column_offset:g} columns: the central ray misses the detector of"
            f" {scanner.columns}; must be below {scanner.columns / 2:g}"
        )


def check_readings(protocol: CTProtocol, columns: int) -> None:
    """Before anything is made: whether the readings alone could be held."""
    turns = 1.0 if protocol.path == "radiograph" else protocol.turns
    views = 1 if protocol.path == "radiograph" else protocol.views
    cells = protocol.rows // protocol.binned_rows * columns
    wanted, there = SCAN_COPIES * 4 * cells * views * turns, physical_bytes()
    if there and wanted > there:
        raise ScannerError(
            f"{views * turns:.7g} views of {protocol.rows // protocol.binned_rows} x {columns} cells need"
            f" {gibibytes(wanted)}; this machine has {gibibytes(there)}. Use fewer views, rows or turns, or bin cells"
            " (binned_rows, binned_columns)"
        )


def check_image(wanted: CTReconstruction, field_mm: float) -> None:
    """Raises ScannerError for an image outside the scan field, or one that does not fit into memory."""
    x, y = (max(abs(at) - wanted.fov_mm / 2, 0.0) for at in wanted.offset_mm[:2])
    if math.hypot(x, y) >= field_mm / 2:
        raise ScannerError(
            f"reconstruction.offset_mm is {list(wanted.offset_mm)}: the image of {wanted.fov_mm:g} mm lies outside"
            f" the scan field of {field_mm:.0f} mm. Move it towards (0, 0, 0)"
        )
    copies = IMAGE_COPIES if wanted.method == "fbp" else ITERATIVE_COPIES
    need, there = 4 * copies * wanted.slices * wanted.matrix**2, physical_bytes()
    if there and need > there:
        raise ScannerError(
            f"an image of {wanted.slices} slices of {wanted.matrix} x {wanted.matrix} pixels needs {gibibytes(need)};"
            f" this machine has {gibibytes(there)}. Lower reconstruction.matrix or reconstruction.slices"
        )


def check_photons(readouts: Sequence[Readout], air: Sequence[np.ndarray]) -> None:
    """Raises ScannerError for an air scan [channel, row, column] in which no cell reads a photon."""
    for readout, readings in zip(readouts, air):
        photons = float((readings.max((1, 2)) / readout.quantum).max())
        if not photons >= 1:
            raise ScannerError(
                f"without a patient the brightest cell reads {photons:.2g} photons a view at {readout.kVp:g} kVp; need"
                " 1 or more. Raise mAs or kVp, bin cells, or use fewer views or thinner filters"
            )


def check_memory(need: int, geometry: Geometry, phantom: Phantom) -> None:
    """Raises ScannerError where a scan of a phantom needs more bytes than the machine has."""
    there = physical_bytes()
    if there and need > there:
        raise ScannerError(
            f"{geometry.shape} readings of a phantom of {phantom.grid.shape} voxels need about {gibibytes(need)}; this"
            f" machine has {gibibytes(there)}. Use fewer views, rows or turns, bin cells (binned_rows, binned_columns),"
            " or coarser voxels"
        )


def found_mAs(mAs: float, protocol: CTProtocol) -> float:
    """The tube current that a wish for dose or noise needs. Raises ScannerError if none may be asked for directly."""
    if LEAST_MAS <= mAs <= MOST_MAS:
        return mAs
    asked = next(n for n in ("CTDIvol_mGy", "SSDE_mGy", "noise_HU") if getattr(protocol, n) is not None)
    raise ScannerError(
        f"protocol.{asked} = {getattr(protocol, asked):g} needs {mAs:.3g} mAs; must be from {LEAST_MAS:g} to"
        f" {MOST_MAS:g}. Ask for another {'noise' if asked == 'noise_HU' else 'dose'}"
    )
