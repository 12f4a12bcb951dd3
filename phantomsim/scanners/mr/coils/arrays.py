"""The coils of every kind of array that a person can write."""

from __future__ import annotations

import numpy as np

from phantomsim.scanners.mr.coils.birdcage import birdcage
from phantomsim.scanners.mr.coils.coil import Coil
from phantomsim.scanners.mr.coils.loop import Loop
from phantomsim.scanners.mr.spec.array import Birdcage, Coils, LoopArray, LoopSet, Solenoid


def loops(array: LoopArray) -> list[Loop]:
    """The loops of an array: ring by ring along z, each ring counter-clockwise from +x; normals point inwards."""
    found = []
    for ring in range(array.rings):
        z = (ring - (array.rings - 1) / 2) * array.ring_distance_mm
        for i in range(array.count):
            angle = 2 * np.pi * (i + 0.5 * (ring % 2)) / array.count
            out = np.array([np.cos(angle), np.sin(angle), 0.0])
            found.append(Loop(array.radius_mm * out + [0.0, 0.0, z], -out, array.loop_radius_mm))
    return found


def coils(array: Coils) -> list[Coil]:
    """The channels of an array, in order; there are `array.channels` of them."""
    if isinstance(array, Birdcage):
        return birdcage(array)
    if isinstance(array, Solenoid):
        return [_solenoid(array)]
    rings = _listed(array) if isinstance(array, LoopSet) else loops(array)
    return [Coil(((1.0, one),)) for one in rings]


def _listed(array: LoopSet) -> list[Loop]:
    """The loops as they were written; normals are made unit vectors."""
    return [
        Loop(np.array(one.centre_mm, float), np.array(one.normal) / np.linalg.norm(one.normal), one.radius_mm)
        for one in array.loops
    ]


def _solenoid(array: Solenoid) -> Coil:
    """Turns in series about z, evenly spaced over the length."""
    z = (np.arange(array.turns) - (array.turns - 1) / 2) * array.length_mm / max(array.turns - 1, 1)
    axis = np.array([0.0, 0.0, 1.0])
    return Coil(tuple((1.0, Loop(at * axis, axis, array.radius_mm)) for at in z))
