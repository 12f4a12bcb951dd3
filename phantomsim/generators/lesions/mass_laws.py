"""Laws of the mass effect: against its closed form, and what it keeps."""

from __future__ import annotations

import math

import numpy as np
from scipy import ndimage

from phantomsim.generators.lesions.flow import Flow, flow
from phantomsim.generators.lesions.mass import midline_shift_mm
from phantomsim.generators.lesions.voxels import ball_radius_mm
from phantomsim.grid import Grid
from phantomsim.laws import Law


def mass_laws() -> list[Law]:
    """The flow against its closed form, and what it keeps."""
    error, jacobian = _ball_in_ball()
    shifts = [_head_flow(v) for v in (10.0, 20.0, 40.0)]
    rising = min(b - a for a, b in zip([0.0, *(s for s, _, _ in shifts)], (s for s, _, _ in shifts)))
    brain = max(abs(change) for _, change, _ in shifts)
    least = min(jacobian, *(j for _, _, j in shifts))
    return [
        Law("displacement by a ball, worst of 3 distances [mm]", "(r^3 + a^3)^(1/3) - r", 0.0, error, 0.5),
        Law("flows with a Jacobian that is not positive", "no folding", 0.0, float(least <= 0), 0.0),
        Law("brain lost to lesions of 10 to 40 mL, largest part", "incompressible", 0.0, brain, 0.01),
        Law("midline shift falls with volume", "monotone", 0.0, float(rising <= 0), 0.0),
    ]


def _ball_in_ball() -> tuple[float, float]:
    """A lesion in the middle of a ball of brain under a shell of fluid: the flow is radial."""
    h = 4.0
    grid = Grid.centred((40, 40, 40), (h,) * 3)
    z, y, x = np.ix_(*grid.axes_mm())
    r = np.sqrt(x * x + y * y + z * z)
    moves, inner = _cover(76 - r, h), _cover(60 - r, h)
    found = flow(grid, moves, moves - inner, _ball(r, h), 30.0, 0.9)
    worst = 0.0
    for i in (26, 28, 30):  # along x, clear of the lesion and of the fluid
        there = float(grid.axes_mm()[2][i])
        back = np.mean([found.back_mm[2][k, j, i] for k in (19, 20) for j in (19, 20)])
        came = (np.hypot(there, h / 2 * math.sqrt(2)) ** 3 - 0.9 * 30e3 * 3 / (4 * math.pi)) ** (1 / 3)
        worst = max(worst, abs(-back - (there - came * there / np.hypot(there, h / 2 * math.sqrt(2)))))
    return worst, float(found.jacobian().min())


def _head_flow(volume_mL: float) -> tuple[float, float, float]:
    """Midline shift, relative change of the brain's volume, and least Jacobian of a lesion in a head of shells."""
    h = 4.0
    grid = Grid.centred((40, 40, 40), (h,) * 3)
    z, y, x = np.ix_(*grid.axes_mm())
    r = np.sqrt(x * x + y * y + z * z)
    moves, brain = _cover(74 - r, h), _cover(62 - r, h)
    brain = brain * (1 - _cover(14 - np.sqrt((x / 1.4) ** 2 + y**2 + z**2), h))
    distance = np.sqrt((x - 32) ** 2 + y**2 + z**2)
    found = flow(grid, moves, moves - brain, _ball(distance, h), volume_mL, 0.9)
    lesion = _ball(distance, h)(volume_mL)
    return midline_shift_mm(found), _kept(found, brain, lesion), float(found.jacobian().min())


def _kept(found: Flow, brain: np.ndarray, lesion: np.ndarray) -> float:
    index = np.argwhere(found.moved).T
    source = index + found.back_mm[:, found.moved] / np.asarray(found.grid.spacing_mm)[:, None]
    after = brain.copy()
    after[found.moved] = ndimage.map_coordinates(brain, source, order=1)
    return float((after * (1 - lesion)).sum() / brain.sum() - 1)


def _ball(distance: np.ndarray, voxel_mm: float):  # type: ignore[no-untyped-def]
    return lambda volume: _cover(ball_radius_mm(volume) - distance, voxel_mm)


def _cover(inside_mm: np.ndarray, voxel_mm: float) -> np.ndarray:
    return np.clip(inside_mm / voxel_mm + 0.5, 0, 1).astype(np.float32)
