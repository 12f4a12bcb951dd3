"""Laws of the anatomy: what lesions and procedural patients must satisfy."""

from __future__ import annotations

import math
from pathlib import Path

import jax
import numpy as np

from phantomsim import catalogue, spec
from phantomsim.generators.generate import generate
from phantomsim.generators.lesions.place import place
from phantomsim.generators.lesions.spec import Lesions
from phantomsim.generators.lesions.star import REACH_SD, star
from phantomsim.generators.lesions.truth import fraction_on
from phantomsim.generators.lesions.voxels import ball_radius_mm, box_shape, fractions
from phantomsim.generators.procedural.abdomen import laws as abdomen
from phantomsim.generators.procedural.breast import laws as breast
from phantomsim.generators.procedural.chest import laws as chest
from phantomsim.generators.procedural.head import laws as head
from phantomsim.generators.procedural.spec import Procedural
from phantomsim.generators.resample import isotropic, signed_distance
from phantomsim.grid import Grid
from phantomsim.laws import Law
from phantomsim.phantom import Phantom

SEED = 11
DIRECTIONS = 4000


def laws(patients: int = 200) -> list[Law]:
    """Measure all laws of anatomy.

    Args:
        patients: sampled of every region; of 200, a region takes one to two core-minutes.
    """
    regions = (region.laws(patients) for region in (abdomen, chest, breast, head))
    return [*lesion_laws(), *resampling_laws(), *placement_laws(), *(law for found in regions for law in found)]


def lesion_laws() -> list[Law]:
    """Volume, shape and truth of lesions."""
    errors = []
    for i, (volume, voxel) in enumerate(((0.005, 1.0), (0.02, 2.0), (0.3, 0.5), (1.0, 1.0), (10.0, 2.0), (0.03, 3.0))):
        f = _draw(0.2, volume, (voxel,) * 3, i)
        errors.append(abs(f.sum(dtype=float) * voxel**3 / 1000 / volume - 1))
    ball = _draw(0.0, 4.0, (1.0, 1.0, 1.0), 3)
    z = np.arange(ball.shape[0]) - ball.sum(axis=(1, 2)) @ np.arange(ball.shape[0]) / ball.sum()
    spread = float(ball.sum(axis=(1, 2)) @ z**2 / ball.sum())
    radius = ball_radius_mm(4.0)
    fine, coarse = (_spread(_draw(0.25, 4.0, (d,) * 3, 5)) * d * d for d in (0.5, 2.0))
    return [
        Law("lesion volume, worst relative error of 6 (0.005-10 mL at 0.5-3 mm)", "requested", 0.0, max(errors), 0.01),
        Law(
            "second moment of a ball of 4 mL [mm2]", "r^2 / 5, and 1/12 of a voxel", radius**2 / 5 + 1 / 12, spread, 0.1
        ),
        Law("second moment of one lesion at 2 mm over that at 0.5 mm", "same shape", 1.0, coarse / fine, 0.03),
        Law(
            "log-radius SD of 150 lesions of irregularity 0.2", "Gaussian random sphere", 0.2, _irregularity(150), 0.01
        ),
    ]


def _draw(irregularity: float, volume: float, spacing: tuple[float, float, float], key: int) -> np.ndarray:
    shape = star(jax.random.key(key), irregularity, 3.0)
    box = box_shape(volume, math.exp(REACH_SD * irregularity), spacing)
    return fractions(shape, volume, np.asarray(box) // 2 + 0.0, spacing, box)


def _spread(fraction: np.ndarray) -> float:
    """Trace of the second central moments [voxel^2], less what voxels add."""
    total, trace = float(fraction.sum()), 0.0
    for axis in range(3):
        w = fraction.sum(axis=tuple(a for a in range(3) if a != axis))
        i = np.arange(len(w))
        trace += float(w @ (i - w @ i / total) ** 2 / total) - 1 / 12
    return trace


def _irregularity(count: int) -> float:
    """SD of log radius over random directions and shapes."""
    ways = np.random.default_rng(SEED).normal(size=(DIRECTIONS, 3))
    ways /= np.linalg.norm(ways, axis=1, keepdims=True)
    variances = [np.log(star(jax.random.key(1000 + k), 0.2, 3.0).size(ways)).var() for k in range(count)]
    return float(np.sqrt(np.mean(variances)))


def _spec(name: str) -> Procedural:
    path: Path = catalogue.root() / "generators" / f"{name}.toml"
    return spec.read(path, Procedural)  # type: ignore[no-any-return]


def resampling_laws() -> list[Law]:
    """A ball of labels on another grid."""
    grid = Grid.centred((24, 40, 40), (2.5, 1.5, 1.5))
    z, y, x = np.ix_(*grid.axes_mm())
    label = (x**2 + y**2 + z**2 < 20.0**2).astype(np.uint8)
    new = isotropic(grid, 1.0)
    volume = float(signed_distance(label, grid, new).sum()) * new.voxel_mL
    return [Law("ball of 20 mm, signed-distance resampling [mL]", "4/3 pi r^3", 33.51, volume, 0.5)]


def placement_laws() -> list[Law]:
    """A lesion in the liver of an abdomen."""
    p = generate(_spec("abdomen-procedural"), SEED, 0)
    grown = Lesions(tissue="tumour", host="liver", volume_mL=2.0, margin_mm=6.0, forbidden=("muscle", "bone-cortical"))
    q = place(p, grown, SEED, 0)
    grid = Grid.centred((40, 70, 90), (5.0, 4.3, 4.3), (3.0, 2.0, 1.0))
    seen = float(fraction_on(q, grid).sum()) * grid.voxel_mL
    lesion = _lesion_mask(q)
    forbidden = np.isin(np.asarray(p.label), [p.tissue_index(t) for t in grown.forbidden or ()])
    return [
        Law("lesion volume on a grid of 5 x 4.3 x 4.3 mm [mL]", "requested", 2.0, seen, 0.02),
        Law("lesion voxels in forbidden tissue", "placement", 0.0, float((lesion & forbidden).sum()), 0),
    ]


def _lesion_mask(p: Phantom) -> np.ndarray:
    return fraction_on(p, p.grid) > 0
