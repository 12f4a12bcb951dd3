"""How often each ray was measured: weights of views and columns, so that every line counts once.

The line of fan angle g from the source at angle b is met again, backwards, at angle b + pi + 2 g and fan angle -g. A
measurement counts c / (sum of c over all measurements of its line) with a smooth c, 0 at the ends of an arc: Noo et
al., Phys. Med. Biol. 47 (2002) 2525, doi:10.1088/0031-9155/47/14/311, after Parker, Med. Phys. 9 (1982) 254,
doi:10.1118/1.595078. A detector that is shifted sideways, so that one side alone sees the rim of the field, is weighted
likewise across its columns: Wang, Med. Phys. 29 (2002) 1634, doi:10.1118/1.1489043.
"""

from __future__ import annotations

import numpy as np

from phantomsim.errors import ScannerError
from phantomsim.scanners.ct.geometry import Geometry

TAPER_RAD = np.pi / 4  # longest rise of c at the ends of an arc
SHIFTED = 1.0  # columns of offset; more than that is a shifted detector, less (a quarter) lets rays interleave


def weights(geometry: Geometry) -> np.ndarray:
    """Share of each measurement in its line; the shares of one line sum to 1.

    Args:
        geometry: of a circle or an arc.
    Returns:
        float64 [view, column].
    Raises:
        ScannerError: the arc is too short to see every line.
    """
    angle, arc = _arc(geometry)
    sense = np.sign(geometry.angles[-1] - geometry.angles[0])
    fan = np.zeros(geometry.columns) if geometry.beam == "parallel" else geometry.fan * sense
    place = np.broadcast_to(angle[:, None], (len(angle), len(fan)))
    taper = _taper(geometry, arc, float(np.abs(fan).max()))
    again = sum(
        _rise(place + 2 * np.pi * n, arc, taper) * _side(geometry, 1)
        + _rise(place + np.pi + 2 * fan + 2 * np.pi * n, arc, taper) * _side(geometry, -1)
        for n in range(-int(arc / (2 * np.pi)) - 2, int(arc / (2 * np.pi)) + 2)
    )
    return _rise(place, arc, taper) * _side(geometry, 1) / np.maximum(again, 1e-12)


def shifted(geometry: Geometry) -> bool:
    """Whether one side of the detector reaches further out than the other, on purpose."""
    return abs(geometry.column_offset) > SHIFTED


def _arc(geometry: Geometry) -> tuple[np.ndarray, float]:
    """Middle of each view's share of the arc, from the arc's start, and its length [rad]."""
    angle = geometry.angles
    if len(angle) < 2:
        raise ScannerError(f"{len(angle)} view; reconstruction by filtering needs an arc of many")
    step = np.diff(angle)
    if np.ptp(step) > 1e-6 * abs(step).mean() or not step.mean():
        raise ScannerError("views are not evenly spaced; use an iterative reconstruction")
    return np.abs(angle - angle[0]) + abs(step[0]) / 2, len(angle) * abs(float(step[0]))


def _taper(geometry: Geometry, arc: float, half_fan: float) -> float:
    """Length of the rise at either end of the arc; 0 where whole turns (half turns of parallel rays) close it."""
    once = np.pi if geometry.beam == "parallel" and not shifted(geometry) else 2 * np.pi
    if abs(arc / once - round(arc / once)) < 1e-6 and arc > once / 2:
        return 0.0
    least = 2 * np.pi if shifted(geometry) else np.pi + 2 * half_fan
    if arc < least - 1.5 * arc / geometry.views:
        raise ScannerError(
            f"views over {np.rad2deg(arc):.0f} degrees; filtered backprojection needs {np.rad2deg(least):.0f}"
            " (half a turn and the fan; a turn for a shifted detector). Use a longer arc, or an iterative method"
        )
    return min(max(arc - np.pi, arc / geometry.views), TAPER_RAD)


def _rise(place: np.ndarray, arc: float, taper: float) -> np.ndarray:
    """c: 1 on the arc, 0 off it, rising as sin^2 over `taper` at its ends."""
    from_end = np.minimum(place, arc - place)
    inside = np.where(from_end > 0, 1.0, 0.0)
    return inside * np.sin(0.5 * np.pi * np.clip(from_end / taper, 0, 1)) ** 2 if taper else inside


def _side(geometry: Geometry, sense: int) -> np.ndarray:
    """c across the columns of a shifted detector, at each column or at its mirror image [column]."""
    if not shifted(geometry):
        return np.ones(geometry.columns)
    place = geometry.columns_from_centre
    short = np.abs(place[[0, -1]]).min() + 0.5
    to_long = place * (1 if place[-1] > -place[0] else -1) * sense
    return 0.5 * (1 + np.sin(0.5 * np.pi * np.clip(to_long / short, -1, 1)))
