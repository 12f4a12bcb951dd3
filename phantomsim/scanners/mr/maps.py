"""What reconstruction knows of the coils: sensitivities at the image's voxels and the weights of SENSE.

Neither depends on the patient, so both are kept between scans: a process makes them once.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from phantomsim.scanners.mr import coils, encode, noise, reconstruct
from phantomsim.scanners.mr.spec import Coils, Load, MRProtocol


class Voxels(NamedTuple):
    """Where a protocol's image lies about the isocentre; see `MRProtocol` for the fields."""

    slices: int
    pitch_mm: float
    matrix: tuple[int, int]
    fov_mm: tuple[float, float]
    offset_mm: tuple[float, float, float]
    phase_axis: str

    @classmethod
    def of(cls, p: MRProtocol) -> Voxels:
        """Those of a protocol."""
        return cls(p.slices, p.slice_mm + p.gap_mm, p.matrix, p.fov_mm, p.offset_mm, p.phase_axis)


class Unfolding(NamedTuple):
    """How SENSE takes folded coil images to pixels; see `reconstruct.unfolding`.

    Attributes:
        weights: complex64 [slice, R, coil, phase/R, readout].
        g: g-factor, float32 [slice, phase, readout].
        variance: of a pixel for coils whose noise has the covariance `shape_of_noise`, float32 [slice, phase, readout].
    """

    weights: jax.Array
    g: np.ndarray
    variance: np.ndarray


@lru_cache(maxsize=4)
def sensitivities(array: Coils, voxels: Voxels) -> np.ndarray:
    """Sensitivities at the voxels' centres, complex64 [slice, coil, phase, readout] uT/A; not to be written to.

    They are taken as known, as from a noise-free reference scan.
    """
    z = (np.arange(voxels.slices) - (voxels.slices - 1) / 2) * voxels.pitch_mm + voxels.offset_mm[2]
    y, x = (encode.pixels_mm(voxels.matrix[i], voxels.fov_mm[i]) + voxels.offset_mm[1 - i] for i in (0, 1))
    weights = [coils.interpolation(axis) for axis in (z, y, x)]
    maps = np.einsum("za,cabd->czbd", weights[0], coils.sensitivity_table(array))
    maps = np.einsum("czyd,xd->czyx", np.matmul(weights[1], maps), weights[2], optimize=True)
    maps = np.swapaxes(maps, 0, 1)
    maps = np.ascontiguousarray(np.swapaxes(maps, -1, -2) if voxels.phase_axis == "x" else maps)
    maps.setflags(write=False)
    return maps


def shape_of_noise(array: Coils, load: Load, field_T: float) -> np.ndarray:
    """Noise covariance of the coils with a mean variance of 1, float64 [coil, coil]."""
    resistance = noise.resistance_ohm(array, load, field_T)
    return resistance * (len(resistance) / np.trace(resistance))


@lru_cache(maxsize=8)
def unfolding(
    array: Coils, load: Load, field_T: float, voxels: Voxels, acceleration: int, regularisation: float
) -> Unfolding:
    """SENSE of one array, image, acceleration and regularisation."""
    weights, g, variance = reconstruct.unfolding(
        sensitivities(array, voxels), shape_of_noise(array, load, field_T), acceleration, regularisation
    )
    return Unfolding(jnp.asarray(weights), g, variance)
