"""Beam hardening by bone, corrected in a second pass.

Joseph and Spital, J. Comput. Assist. Tomogr. 2 (1978) 100, doi:10.1097/00004728-197801000-00017: bone is segmented in a
first image and projected, so that each ray is known to have crossed so much water and so much bone. What both
together read, less what they would read of one energy, is taken off the projections, which are reconstructed again.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from phantomsim import materials
from phantomsim.scanners.ct import fdk
from phantomsim.scanners.ct.bases import Bases
from phantomsim.scanners.ct.geometry import Geometry
from phantomsim.scanners.ct.projector import line_integrals
from phantomsim.scanners.ct.water import TYPICAL_MM, WaterCorrection, water_paths

BONE = "bone-cortical"
LOW, HIGH = 0.1, 0.3  # in excess of water [1]: below no bone, above all bone; smooth between (100 and 300 HU)
WATER_MM, BONE_MM = 450.0, 120.0  # ranges of the fit
POWERS = (5, 5)  # of water path and bone path
PIXELS, SLICES = 256, 48  # at most, of the image that bone is found in


class BoneCorrection(NamedTuple):
    """What bone adds to a ray's path of water, and what it should add.

    Attributes:
        ratio: water that weighs as much as bone behind 200 mm of water [1].
        coefficients: of a polynomial in path of water / WATER_MM and of bone / BONE_MM, which times the path of
            bone is the correction, float32 [POWERS].
    """

    ratio: jax.Array | np.ndarray
    coefficients: jax.Array | np.ndarray


def bone_correction(bases: Bases, correction: WaterCorrection, beam: int = 0, response: int = 0) -> BoneCorrection:
    """The correction for readings that `correction` turns into paths of water; of the beam on the central ray.

    Args:
        bases: of any tissues; its beam counts.
        correction: of the same beam and response.
        beam, response: as of `water.water_correction`.
    """
    one = bases.beams[beam]
    mu = materials.attenuation_matrix((*bases.names, BONE), one.energy_keV)
    air, water = bases.air.astype(float) @ mu[:-1], bases.water @ mu[:-1]
    middle = tuple(n // 2 for n in one.filter_exponent.shape[1:])
    share = one.weights[response] * np.exp(-one.filter_exponent[:, *middle])
    central = WaterCorrection(_cell(correction.coefficients), correction.longest)

    def equivalent(water_mm: np.ndarray, bone_mm: np.ndarray) -> np.ndarray:
        """Path of water that reads the same."""
        passed = np.exp(-water_mm[..., None] * water - bone_mm[..., None] * (mu[-1] - air)) @ share / share.sum()
        found = water_paths(jnp.asarray(-np.log(passed), jnp.float32), central)
        return np.asarray(found, float).reshape(water_mm.shape)

    little = np.array([0.0, 1.0])
    ratio = float(np.diff(equivalent(np.full(2, TYPICAL_MM), little))[0])
    w, b = np.meshgrid(np.linspace(0, WATER_MM, 40), np.linspace(1, BONE_MM, 40))
    read = equivalent(w, b)
    powers = np.stack(
        [(read / WATER_MM) ** i * (b / BONE_MM) ** j for i in range(POWERS[0]) for j in range(POWERS[1])], -1
    )
    # Rays through much of both are rare and dim: they weigh less in the fit.
    weight = np.exp(-read / WATER_MM)[..., None]
    wanted = ((w + ratio * b - read) / b)[..., None] * weight
    fit = np.linalg.lstsq((powers * weight).reshape(w.size, -1), wanted.ravel(), rcond=None)[0]
    return BoneCorrection(np.asarray(ratio, np.float32), fit.reshape(POWERS).astype(np.float32))


def _cell(coefficients: jax.Array | np.ndarray) -> np.ndarray:
    """Series of the cell in the middle, which broadcasts against any two dimensions."""
    whole = np.asarray(coefficients)
    return whole[:, whole.shape[1] // 2, whole.shape[2] // 2].reshape(len(whole), 1, 1)


@jax.jit
def bone_fraction(image: jax.Array, ratio: jax.Array | float) -> jax.Array:
    """Volume fraction of cortical bone, the rest water, of an image in units of water [1]."""
    excess = image - 1
    part = jnp.clip((excess - LOW) / (HIGH - LOW), 0, 1)
    return part * part * (3 - 2 * part) * excess / (ratio - 1)


@jax.jit
def corrected(paths_mm: jax.Array, bone_mm: jax.Array, correction: BoneCorrection) -> jax.Array:
    """Paths of water as if the beam were of one energy, from those read and those in bone [mm]."""
    w = jnp.clip(paths_mm / WATER_MM, 0, 1.2)
    b = jnp.clip(bone_mm / BONE_MM, 0, 1)
    total = jnp.zeros_like(w)
    for row in correction.coefficients[::-1]:
        inner = jnp.zeros_like(w)
        for value in row[::-1]:
            inner = inner * b + value
        total = total * w + inner
    return paths_mm + total * bone_mm


def second_pass(paths_mm: jax.Array, geometry: Geometry, correction: BoneCorrection, passes: int = 2) -> jax.Array:
    """Find bone in a first image of the whole field, project it and correct; reconstruct the result as one likes.

    Args:
        paths_mm: paths of water [view, row, column] or [scan, view, row, column] [mm].
        geometry: of the scan.
        correction: of its beam.
        passes: how often bone is found; the first image shows too little of it.
    Returns:
        Corrected paths, same shape [mm].
    """
    scans = paths_mm.reshape(-1, *paths_mm.shape[-3:])
    low, high = geometry.source_mm[:, 2].min(), geometry.source_mm[:, 2].max()
    height = high - low + geometry.collimation_mm
    slices = int(np.clip(np.ceil(height / (geometry.row_mm / geometry.magnification)), 1, SLICES))
    pixel = max(geometry.field_mm / PIXELS, geometry.column_at_isocentre_mm)
    side = int(np.ceil(geometry.field_mm / pixel))
    spacing, centre = (height / slices, pixel, pixel), (0.0, 0.0, float(low + high) / 2)
    # The cone reaches beyond the slices: the outermost go on there.
    more = int(np.ceil(geometry.collimation_mm * geometry.field_mm / (4 * geometry.radius_mm) / spacing[0])) + 1
    result = scans
    for _ in range(passes):
        image = fdk.reconstruct(result, geometry, "standard", (slices, side, side), spacing, centre)
        fraction = bone_fraction(image, correction.ratio)
        wide = jnp.pad(fraction, ((0, 0), (more, more), (0, 0), (0, 0)), mode="edge")
        result = corrected(scans, line_integrals(wide, spacing, centre, geometry, "point"), correction)
    return result.reshape(paths_mm.shape)
