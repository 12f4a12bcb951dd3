"""What a channelised observer sees: the profiles of its channels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import eval_laguerre

from phantomsim.trials.readers.spec import Channels, DenseDoG, Gabor, LaguerreGauss

Floats = NDArray[np.float64]


def profiles(channels: Channels, y_mm: Floats, x_mm: Floats, pixel_mm: float) -> Floats:
    """Channels around the origin, each of unit sum of squares over the points given.

    Args:
        y_mm, x_mm: coordinates of rows and columns relative to the lesion's centre [mm].
        pixel_mm: what "per pixel" means in the channels' own parameters.
    Returns:
        [C, rows, columns].
    """
    y, x = y_mm[:, None], x_mm[None, :]
    if isinstance(channels, LaguerreGauss):
        made = _laguerre_gauss(channels, np.hypot(y, x))
    elif isinstance(channels, DenseDoG):
        made = _dense_dog(channels, np.hypot(y, x) / pixel_mm)
    else:
        made = _gabor(channels, y / pixel_mm, x / pixel_mm)
    return made / np.sqrt((made**2).sum(axis=(1, 2), keepdims=True))


def _laguerre_gauss(channels: LaguerreGauss, r_mm: Floats) -> Floats:
    """exp(-pi r^2 / a^2) L_j(2 pi r^2 / a^2), j = 0 .. (Gallas and Barrett 2003)."""
    s = np.pi * (r_mm / channels.width_mm) ** 2
    return np.stack([np.exp(-s) * eval_laguerre(j, 2 * s) for j in range(channels.count)])


def _dense_dog(channels: DenseDoG, r: Floats) -> Floats:
    """Spatial form of exp(-(f / Q s)^2 / 2) - exp(-(f / s)^2 / 2) with s = sigma0 alpha^j (Abbey and Barrett 2001)."""
    widths = channels.sigma0_per_pixel * channels.alpha ** np.arange(1, channels.count + 1)
    return np.stack([_gaussian(channels.Q * s, r) - _gaussian(s, r) for s in widths])


def _gaussian(s: float, r: Floats) -> Floats:
    """Inverse Fourier transform in the plane of exp(-(f / s)^2 / 2), f in cycles per unit of r."""
    return 2 * np.pi * s**2 * np.exp(-2 * np.pi**2 * s**2 * r**2)


def _gabor(channels: Gabor, y: Floats, x: Floats) -> Floats:
    """exp(-4 ln2 r^2 / w^2) cos(2 pi f u + phase) over octaves, directions and phases.

    Passbands are octaves up to 1/4 cycles per pixel; width w = 4 ln2 / (pi bandwidth).
    """
    made = []
    for phase in range(channels.phases):
        for octave in range(channels.octaves, 0, -1):
            band = 0.25 * 0.5**octave
            centre, width = 1.5 * band, 4 * np.log(2) / (np.pi * band)
            for turn in np.arange(channels.orientations) * np.pi / channels.orientations:
                u = x * np.cos(turn) + y * np.sin(turn)
                envelope = np.exp(-4 * np.log(2) * (x**2 + y**2) / width**2)
                made.append(envelope * np.cos(2 * np.pi * centre * u + phase * np.pi / 2))
    return np.stack(made)
