"""From the words of a kind to the form of one lesion."""

from __future__ import annotations

import jax
import numpy as np

from phantomsim.generators.lesions import shape_spec as spec
from phantomsim.generators.lesions.cluster import Cluster, cluster
from phantomsim.generators.lesions.conform import Field, Space, crescent, lens
from phantomsim.generators.lesions.fluids import cistern, ventricle
from phantomsim.generators.lesions.given import given
from phantomsim.generators.lesions.spiculated import spiculated
from phantomsim.generators.lesions.star import star
from phantomsim.generators.lesions.stretched import Stretched
from phantomsim.generators.lesions.voxels import Form

CONFORMING = (spec.LensForm, spec.CrescentForm, spec.CisternForm, spec.VentricleForm)
REFERENCE_ML = 50.0  # volume for which a crescent's thickness is given


def form(shape: spec.Shape, key: jax.Array, numbers: np.ndarray) -> Form | Cluster:
    """The form of a lesion that does not depend on where it lies.

    Args:
        key: of this lesion's form.
        numbers: uniform, three at least: for the figures that the form draws.
    """
    if isinstance(shape, spec.StarForm):
        ball = star(key, shape.irregularity, shape.smoothness)
        aspect = shape.aspect.quantile(numbers[0])
        return ball if aspect == 1 else Stretched(ball, _direction(jax.random.fold_in(key, 1)), aspect)
    if isinstance(shape, spec.SpiculatedForm):
        core = star(key, shape.irregularity, shape.smoothness)
        count = min(spec.SPICULES, round(shape.spicules.quantile(numbers[0])))
        u = np.asarray(jax.random.uniform(jax.random.fold_in(key, 2), (2, spec.SPICULES)), float)
        length, width = ([law.quantile(v) for v in row] for law, row in zip((shape.length, shape.width), u))
        return spiculated(jax.random.fold_in(key, 3), core, np.array(length[:count]), np.array(width[:count]))
    if isinstance(shape, spec.ClusterForm):
        return cluster(key, shape, numbers)
    if isinstance(shape, spec.MeshForm):
        return given(key if shape.turn else None, shape.file, None)
    if isinstance(shape, spec.MaskForm):
        return given(key if shape.turn else None, shape.file, shape.dataset)
    raise TypeError(f"{shape.form} takes its form from the anatomy")


def field(
    shape: spec.Shape, key: jax.Array, numbers: np.ndarray, space: Space, at: np.ndarray, volume_mL: float
) -> Field:
    """The form of a lesion that fits itself into the anatomy about a voxel `at`.

    Raises:
        TissueError: the phantom has no such anatomy.
    """
    if isinstance(shape, spec.LensForm):
        return lens(space, at, shape.flatness.quantile(numbers[0]), volume_mL)
    if isinstance(shape, spec.CrescentForm):
        thick = shape.thickness_mm.quantile(numbers[0]) * (volume_mL / REFERENCE_ML) ** (1 / 3)
        return crescent(space, at, thick, shape.rim)
    if isinstance(shape, spec.CisternForm):
        return cistern(space, at, shape.fill, star(key, shape.irregularity, shape.smoothness), volume_mL)
    if isinstance(shape, spec.VentricleForm):
        tilt = np.sin(np.radians(shape.tilt_deg)) * (2 * numbers[:2] - 1)
        return ventricle(space, (float(tilt[0]), float(tilt[1])))
    raise TypeError(f"{shape.form} does not depend on the anatomy")


def _direction(key: jax.Array) -> np.ndarray:
    v = np.asarray(jax.random.normal(key, (3,)), float)
    return v / np.linalg.norm(v)
