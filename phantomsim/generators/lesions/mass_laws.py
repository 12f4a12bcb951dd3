"""Laws of the mass effect: against its closed form, and what it keeps."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import numpy as np

from phantomsim.generators.lesions import bodies, catalogue, regions
from phantomsim.generators.lesions.flow import flow
from phantomsim.generators.lesions.kind_spec import LesionKind
from phantomsim.generators.lesions.place import place
from phantomsim.generators.lesions.spec import Lesions
from phantomsim.generators.lesions.voxels import ball_radius_mm
from phantomsim.grid import Grid
from phantomsim.laws import Law

KINDS = ("haemorrhage-deep", "haemorrhage-lobar", "haemorrhage-subdural", "haemorrhage-epidural")
VOLUMES_ML = (10.0, 40.0, 100.0)


def mass_laws(kinds: tuple[str, ...] = KINDS, volumes_mL: tuple[float, ...] = VOLUMES_ML) -> list[Law]:
    """The flow against its closed form, and what haematomas of several volumes at one place do to a head of shells."""
    error, jacobian = _ball_in_ball()
    bled = [[_bled(catalogue.kind(name), v) for v in volumes_mL] for name in kinds]
    least = min(jacobian, *(j for one in bled for j, _, _ in one))
    lost = max(part for one in bled for _, part, _ in one)
    falls = sum(b <= a for one in bled for a, b in itertools.pairwise([0.0, *(shift for *_, shift in one)]))
    what = f"of {len(kinds)} kinds of {volumes_mL[0]:g} to {volumes_mL[-1]:g} mL"
    return [
        Law("displacement by a ball, worst of 3 distances [mm]", "(r^3 + a^3)^(1/3) - r", 0.0, error, 0.5),
        Law("flows with a Jacobian that is not positive", "no folding", 0.0, float(least <= 0), 0.0),
        Law(f"brain lost to haematomas {what}, largest part", "incompressible", 0.0, lost, 0.01),
        Law(f"midline shifts {what} that do not rise with volume", "monotone", 0.0, float(falls), 0.0),
    ]


def _bled(kind: LesionKind, volume_mL: float) -> tuple[float, float, float]:
    """Least Jacobian, part of the brain that is lost, oedema being brain, and midline shift [mm]."""
    body = bodies.head()
    found = place(body, Lesions(kind=kind, volume_mL=volume_mL), 5, 3)
    before, after = (
        sum(
            float(np.asarray(p.fraction(t)).sum(dtype=float))
            for t in (*regions.BRAIN, "oedema")
            if t in p.tissues and t != "csf"
        )
        for p in (body, found)
    )
    told: dict[str, float] = found.facts.provenance["lesions"][0]  # type: ignore[index]
    return told["least_jacobian"], abs(after / before - 1), told["midline_shift_mm"]


def _ball_in_ball() -> tuple[float, float]:
    """A lesion in the middle of a ball of brain under a shell of fluid: the flow is radial."""
    h = 4.0
    grid = Grid.centred((40, 40, 40), (h,) * 3)
    z, y, x = np.ix_(*grid.axes_mm())
    r = np.sqrt(x * x + y * y + z * z)
    moves, inner = _cover(76 - r, h), _cover(60 - r, h)
    found = flow(grid, moves, moves - inner, _ball(r, h), 30.0, 0.9, moves > 0)
    worst = 0.0
    for i in (26, 28, 30):  # along x, clear of the lesion and of the fluid
        there = float(grid.axes_mm()[2][i])
        back = np.mean([found.back_mm[2][k, j, i] for k in (19, 20) for j in (19, 20)])
        came = (np.hypot(there, h / 2 * math.sqrt(2)) ** 3 - 0.9 * 30e3 * 3 / (4 * math.pi)) ** (1 / 3)
        worst = max(worst, abs(-back - (there - came * there / np.hypot(there, h / 2 * math.sqrt(2)))))
    return worst, float(found.jacobian().min())


def _ball(distance: np.ndarray, voxel_mm: float) -> Callable[[float], np.ndarray]:
    return lambda volume: _cover(ball_radius_mm(volume) - distance, voxel_mm)


def _cover(inside_mm: np.ndarray, voxel_mm: float) -> np.ndarray:
    return np.clip(inside_mm / voxel_mm + 0.5, 0, 1).astype(np.float32)
