"""What a strength of 1 means, for any grid, geometry and dose.

A quadratic penalty halves the amplitude of a texture where its curvature equals the data's. So the data's curvature is
measured with a texture of one frequency in the middle of the image, by one projection, and a strength of 1 is what
halves it at `HALF_PER_MM`: textures whose differences stay below the edge of the penalty keep the resolution of a
smooth kernel, and edges more. The edge is at `EDGE`, or at the noise expected at this resolution if that is more.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from phantomsim.scanners.ct.iterative import penalty as penalties
from phantomsim.scanners.ct.iterative.penalty import Penalty
from phantomsim.scanners.ct.iterative.system import System

HALF_PER_MM = 0.1  # half amplitude there: the MTF50 of the smooth kernel
FINEST = 0.3  # of the sampling frequency of the image; coarse grids are smoothed less
EDGE = 0.01  # 10 HU: Thibault et al. 2007 use c = 10 HU (unverified)
WINDOW_MM = 12.0  # SD of the texture's extent: about two periods each way


class Scale(NamedTuple):
    """Attributes:
    beta: of a quadratic penalty of strength 1 [mm^2 x unit of weights].
    noise: SD of an image of that resolution, if weights are inverse variances [1].
    """

    beta: jax.Array
    noise: jax.Array


def texture(shape: tuple[int, int, int], spacing_mm: tuple[float, float, float]) -> tuple[np.ndarray, float]:
    """Waves along x and along y in a round window [1, z, y, x], alike in all slices, and their frequency [1/mm]."""
    frequency = min(HALF_PER_MM, FINEST / max(spacing_mm[1:]))
    y, x = ((np.arange(shape[i]) - (shape[i] - 1) / 2) * spacing_mm[i] for i in (1, 2))
    width = min(WINDOW_MM, shape[1] * spacing_mm[1] / 6, shape[2] * spacing_mm[2] / 6)
    window = np.exp(-0.5 * (x**2 + y[:, None] ** 2) / width**2)
    waves = np.cos(2 * np.pi * frequency * x) + np.cos(2 * np.pi * frequency * y[:, None])
    return np.broadcast_to((window * waves).astype(np.float32), (1, *shape)), frequency


@jax.jit
def scale(
    system: System, weights: jax.Array | None, wave: jax.Array, penalty: Penalty, cells: jax.Array | float
) -> Scale:
    """Measure; see above.

    Args:
        system: the scan.
        weights: of its rays [K, view, row, column], or None.
        wave: `texture`.
        penalty: how pairs of voxels count.
        cells: squared frequency of the texture over that of the sampling, frequency^2 dx dy.
    Returns:
        numbers for each of K images [K].
    """
    energy = (system.arrange_weights(weights) * system.forward(wave) ** 2).sum((0, 2, 3, 4))
    wave = jnp.broadcast_to(wave, (max(len(energy), len(penalty.local)), *wave.shape[1:]))
    rough = 2 * penalties.value("quadratic", wave, penalty)
    each = energy / (wave[0] ** 2).sum()
    # Noise of least squares rises as frequency: 2 pi f df times f / f_half, up to the half-way frequency.
    return Scale(energy / rough, jnp.sqrt(2 * jnp.pi / 3 * cells / each))
