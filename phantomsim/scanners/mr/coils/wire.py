"""A straight piece of wire: its magnetic field and vector potential in closed form.

Hanson and Hirshman 2002, Phys. Plasmas 9:4410, doi:10.1063/1.1507589: forms that are accurate everywhere. One piece
alone is not a circuit; its field is that of Biot and Savart, and pieces that close give the field of the circuit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from phantomsim.scanners.mr.coils.loop import MU0_uT_mm_per_A, WIRE_mm


@dataclass(frozen=True)
class Wire:
    """A straight wire from `start_mm` to `end_mm`, (x, y, z) [mm]; the current flows that way."""

    start_mm: np.ndarray
    end_mm: np.ndarray

    @property
    def length_mm(self) -> float:
        """Length of the wire."""
        return float(np.linalg.norm(self.end_mm - self.start_mm))


def _distances(wire: Wire, points_mm: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Vectors from the start, and softened distances from start and end."""
    points = np.asarray(points_mm, float)
    from_start, from_end = points - wire.start_mm, points - wire.end_mm
    near, far = (np.sqrt(np.sum(r**2, -1) + WIRE_mm**2) for r in (from_start, from_end))
    return from_start, near, far


def field(wire: Wire, points_mm: np.ndarray) -> np.ndarray:
    """Magnetic field per unit current, [..., 3] uT/A at points [..., 3] mm."""
    from_start, near, far = _distances(wire, points_mm)
    both, length = near + far, wire.length_mm
    along = (wire.end_mm - wire.start_mm) / length
    size = MU0_uT_mm_per_A / (4 * np.pi) * 2 * length * both / (near * far * (both**2 - length**2))
    return size[..., None] * np.cross(along, from_start)


def vector_potential(wire: Wire, points_mm: np.ndarray) -> np.ndarray:
    """Magnetic vector potential per unit current (Coulomb gauge), [..., 3] uT mm/A at points [..., 3] mm."""
    _, near, far = _distances(wire, points_mm)
    length = wire.length_mm
    size = MU0_uT_mm_per_A / (2 * np.pi) * np.arctanh(length / (near + far))
    return size[..., None] * (wire.end_mm - wire.start_mm) / length
