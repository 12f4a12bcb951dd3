"""Laws of forms on voxels: volumes and masses."""

from __future__ import annotations

import math

import jax
import numpy as np

from phantomsim.generators.lesions.cluster import Cluster
from phantomsim.generators.lesions.spiculated import Spiculated, spiculated
from phantomsim.generators.lesions.star import star
from phantomsim.generators.lesions.stretched import Stretched
from phantomsim.generators.lesions.voxels import Form, ball_radius_mm, box_shape, draw
from phantomsim.laws import Law


def form_laws() -> list[Law]:
    """What forms hold on voxels, and what they should by quadrature."""
    ball = star(jax.random.key(1), 0.15, 2.5)
    spiky = _spiky()
    forms: list[Form] = [ball, spiky, Stretched(ball, np.array([0.6, 0.0, 0.8]), 2.0)]
    volume, size = [], []
    for d in (1.0, 0.5):
        for i, form in enumerate(forms):
            found, ratio = _drawn(form, 1.0, d)
            volume.append(found)
            size += [ratio] if i == 1 and d == 0.5 else []
    bodies_mL = 4 / 3 * math.pi * 0.1**3 / 1000
    speck = Cluster(np.zeros((1, 3)), np.array([bodies_mL]), (star(jax.random.key(2), 0.2, 3.0),))
    mass = max(_speck(speck, bodies_mL, d) for d in (0.5, 0.2))
    return [
        Law("lesion volume at 1 and 0.5 mm, worst of 3 forms, spiculated too", "requested", 0.0, max(volume), 0.005),
        Law("size of a spiculated mass at 0.5 mm over that by quadrature", "integral of r^3/3", 1.0, size[0], 0.01),
        Law("mass of a 0.2 mm calcification on 0.5 and 0.2 mm voxels, relative error", "requested", 0.0, mass, 0.01),
    ]


def _speck(speck: Cluster, volume_mL: float, voxel_mm: float) -> float:
    box = speck.box((voxel_mm,) * 3)
    f = speck.fraction(np.asarray(box) // 2 + np.array([0.4, 0.5, -0.3]), (voxel_mm,) * 3, box)
    return abs(float(f.sum(dtype=float)) * voxel_mm**3 / 1000 / volume_mL - 1)


def _spiky() -> Spiculated:
    core = star(jax.random.key(3), 0.15, 2.0)
    return spiculated(jax.random.key(4), core, np.linspace(1.4, 2.3, 18), np.linspace(0.22, 0.12, 18))


def _drawn(form: Form, volume_mL: float, voxel_mm: float) -> tuple[float, float]:
    """Relative error of the volume on voxels; size of the surface over the ball's radius."""
    spacing = (voxel_mm,) * 3
    box = box_shape(volume_mL, form.reach, spacing)
    found = draw(form, volume_mL, np.asarray(box) // 2 + np.array([0.3, -0.2, 0.4]), spacing, box)
    held = float(found.fraction().sum(dtype=float)) * voxel_mm**3 / 1000
    return abs(held / volume_mL - 1), found.radius / ball_radius_mm(volume_mL)
