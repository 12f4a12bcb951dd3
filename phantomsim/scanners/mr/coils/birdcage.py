"""A birdcage in its homogeneous mode (Hayes et al. 1985, doi:10.1016/0022-2364(85)90257-4), quasi-static.

Rung n of N carries cos or sin (2 pi n / N) of the port's current; the end rings carry what Kirchhoff leaves them.
Low-pass and high-pass cages differ in where the capacitors sit, not in these currents.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from phantomsim.scanners.mr.coils.coil import Coil
from phantomsim.scanners.mr.coils.loop import Loop
from phantomsim.scanners.mr.coils.wire import Wire
from phantomsim.scanners.mr.spec.array import Birdcage

CHORD_deg = 6.0  # longest straight piece of an end ring


def birdcage(array: Birdcage) -> list[Coil]:
    """One coil per port; the second port, a quarter turn further, makes the coil a quadrature one."""
    return [cage(array.radius_mm, array.length_mm, array.rungs, port * np.pi / 2) for port in range(array.ports)]


def cage(radius_mm: float, length_mm: float, rungs: int, phase_rad: float = 0.0) -> Coil:
    """A cage about z, centred at the isocentre, whose rungs carry cos(angle - phase_rad)."""
    turning = quadrature(radius_mm, length_mm, rungs)
    ahead = np.exp(-1j * phase_rad)
    return Coil(tuple((float((current * ahead).real), part) for current, part in turning.parts))


def quadrature(radius_mm: float, length_mm: float, rungs: int) -> Coil:
    """A cage driven at both ports a quarter period apart: rungs carry exp(i angle)."""
    angles = 2 * np.pi * np.arange(rungs) / rungs
    parts: list[tuple[complex, Loop | Wire]] = []
    for angle in angles:
        ends = [_point(radius_mm, angle, z) for z in (-length_mm / 2, length_mm / 2)]
        parts.append((complex(np.exp(1j * angle)), Wire(*ends)))
    # What comes up the rungs flows on along the top ring: J(n + 1/2) - J(n - 1/2) = I(n).
    ring = np.exp(1j * (angles + np.pi / rungs)) / (2j * np.sin(np.pi / rungs))
    for angle, current in zip(angles, ring):
        parts += _arc(radius_mm, length_mm / 2, angle, 2 * np.pi / rungs, complex(current))
        parts += _arc(radius_mm, -length_mm / 2, angle, 2 * np.pi / rungs, -complex(current))
    return Coil(tuple(parts))


def _arc(radius_mm: float, z: float, first: float, span: float, current: complex) -> list[tuple[complex, Loop | Wire]]:
    pieces = max(int(np.ceil(np.rad2deg(span) / CHORD_deg)), 1)
    points = [_point(radius_mm, first + span * i / pieces, z) for i in range(pieces + 1)]
    return [(current, Wire(a, b)) for a, b in pairwise(points)]


def _point(radius_mm: float, angle: float, z: float) -> np.ndarray:
    return np.array([radius_mm * np.cos(angle), radius_mm * np.sin(angle), z])
