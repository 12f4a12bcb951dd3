"""A coil: conductors that carry one current, each in its share. What every kind of array is made of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from phantomsim.scanners.mr.coils import loop, wire
from phantomsim.scanners.mr.coils.loop import Loop
from phantomsim.scanners.mr.coils.wire import Wire


@dataclass(frozen=True)
class Coil:
    """One receive channel.

    Attributes:
        parts: conductors and the current of each over that at the port [1]; complex where it is out of phase, and
            then so are field and potential.
    """

    parts: tuple[tuple[complex, Loop | Wire], ...]


def field(conductor: Loop | Wire | Coil, points_mm: np.ndarray) -> np.ndarray:
    """Magnetic field per unit current (at the port), [..., 3] uT/A at points [..., 3] mm."""
    if isinstance(conductor, Coil):
        total = np.zeros(np.shape(points_mm), np.result_type(float, *(type(current) for current, _ in conductor.parts)))
        for current, part in conductor.parts:
            total += current * field(part, points_mm)
        return total
    return loop.field(conductor, points_mm) if isinstance(conductor, Loop) else wire.field(conductor, points_mm)


def vector_potential(conductor: Loop | Wire | Coil, points_mm: np.ndarray) -> np.ndarray:
    """Magnetic vector potential per unit current (at the port), [..., 3] uT mm/A at points [..., 3] mm."""
    if isinstance(conductor, Coil):
        total = np.zeros(np.shape(points_mm), np.result_type(float, *(type(current) for current, _ in conductor.parts)))
        for current, part in conductor.parts:
            total += current * vector_potential(part, points_mm)
        return total
    kind = loop if isinstance(conductor, Loop) else wire
    return kind.vector_potential(conductor, points_mm)  # type: ignore[arg-type]


def length_mm(coil: Coil) -> float:
    """Length of wire that would lose as much with the port's current in all of it: sum of length x |current|^2."""
    return sum(abs(current) ** 2 * part.length_mm for current, part in coil.parts)
