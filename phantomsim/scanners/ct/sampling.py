"""The size of the focal spot and the turning of the gantry within a view, as several point geometries.

A reading is the mean of *intensities* over the points of the focal spot and over the time of the view, so

    reading = sum over (geometry, weight) of weight x readings of that geometry

with readings, not their logarithms. Points and instants are Gauss-Legendre's, so that n of them give the moments of an
evenly bright spot and of an even turn up to the order 2 n - 1.

In closed form, at distance r from the axis and magnification M, these blur by MTF(f) = sinc(w f (M - 1) / M) for a spot
of width w, f at the isocentre, and along the turn by sinc(r f 2 pi / views) (Hsieh, Computed Tomography, SPIE, ch. 5,
unverified). The spot lies on the slanted anode: what looks like a length l from the isocentre reaches over
l / tan(anode angle) along the beam, and looks shorter from the anode's side (line focus).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from phantomsim.errors import ScannerError
from phantomsim.scanners.ct.geometry import Geometry
from phantomsim.scanners.ct.spec.tube import FocalSpot


def samples(
    geometry: Geometry,
    focus: FocalSpot,
    anode_deg: float,
    focal_samples: tuple[int, int] = (1, 1),
    rotation_samples: int = 1,
) -> list[tuple[Geometry, float]]:
    """Geometries to average over, and their weights, which sum to 1.

    Args:
        geometry: with the focal spot a point, at the middle of each view.
        focus: size of the focal spot as seen from the isocentre.
        anode_deg: target angle; the anode lies towards +z.
        focal_samples: points across the width and along the length.
        rotation_samples: instants within a view.
    Raises:
        ScannerError: rotation of a geometry that is no circle or helix.
    """
    found = []
    for turn, turn_weight in _points(1.0, rotation_samples):
        turned = geometry if turn == 0 else rotated(geometry, turn)
        for along, width_weight in _points(focus.width_mm, focal_samples[0]):
            for height, length_weight in _points(focus.length_mm, focal_samples[1]):
                weight = turn_weight * width_weight * length_weight
                found.append((shifted(turned, along, height, anode_deg), weight))
    return found


def _points(size: float, count: int) -> list[tuple[float, float]]:
    """Gauss-Legendre points of an interval about 0, and their weights."""
    place, weight = np.polynomial.legendre.leggauss(count if size > 0 else 1)
    return [(float(size * p / 2), float(w / 2)) for p, w in zip(place, weight)]


def shifted(geometry: Geometry, along_mm: float, height_mm: float, anode_deg: float) -> Geometry:
    """The geometry seen from another point of the focal spot; the detector stays where it is.

    Args:
        along_mm: across the beam, towards higher columns.
        height_mm: along z, as seen from the isocentre; towards the anode (+z) it lies nearer to the patient.
    """
    if geometry.beam == "parallel" or (along_mm == 0 and height_mm == 0):
        return geometry
    ahead, side, up = (
        a / np.linalg.norm(a, axis=-1, keepdims=True)
        for a in (geometry.centre_mm - geometry.source_mm, geometry.along_mm, geometry.up_mm)
    )
    slant = ahead / np.tan(np.deg2rad(anode_deg))
    pivot = geometry.source_mm if geometry.pivot_mm is None else geometry.pivot_mm
    orbit = geometry.orbit if height_mm == 0 else None  # off the plane of the orbit it is not that circle any more
    source = geometry.source_mm + along_mm * side + height_mm * (up + slant)
    return replace(geometry, source_mm=source, pivot_mm=pivot, orbit=orbit)


def rotated(geometry: Geometry, views: float) -> Geometry:
    """The geometry a part of a view later: turned about the axis, and moved along it in a helix.

    Raises:
        ScannerError: the geometry is no circle or helix.
    """
    orbit = geometry.orbit
    if orbit is None:
        raise ScannerError(
            "this geometry is no circle or helix; it has no rotation within a view (rotation_samples = 1)"
        )
    angle = 2 * np.pi * views / orbit.views_per_turn
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    feed = np.array([0.0, 0.0, orbit.feed_mm * views / orbit.views_per_turn])
    feed_source = 0.0 if geometry.beam == "parallel" else feed
    return replace(
        geometry,
        source_mm=geometry.source_mm @ turn.T + feed_source,
        centre_mm=geometry.centre_mm @ turn.T + feed,
        along_mm=geometry.along_mm @ turn.T,
        up_mm=geometry.up_mm @ turn.T,
        pivot_mm=None if geometry.pivot_mm is None else geometry.pivot_mm @ turn.T + feed,
        orbit=replace(orbit, angle=orbit.angle + angle, table_mm=orbit.table_mm + feed[2]),
    )
