"""The exact Fourier integral of voxels along one axis, as a matrix; where the image's pixels are.

Each voxel is a box of constant magnetisation. The signal engine does the same by FFT where it can (`signal.axes`).
"""

from __future__ import annotations

import numpy as np


def k_per_mm(count: int, fov_mm: float, oversampling: int = 1) -> np.ndarray:
    """Sampled spatial frequencies of one axis, [count x oversampling] 1/mm; zero at index count x oversampling // 2."""
    total = count * oversampling
    return (np.arange(total) - total // 2) / (fov_mm * oversampling)


def fourier(k: np.ndarray, centres_mm: np.ndarray, width_mm: float) -> np.ndarray:
    """Fourier integrals exp(-2 pi i k r) over boxes, complex128 [k, voxel] mm."""
    return width_mm * np.sinc(k * width_mm)[:, None] * np.exp(-2j * np.pi * np.outer(k, centres_mm))


def pixels_mm(count: int, fov_mm: float) -> np.ndarray:
    """Centres of the image's pixels along one axis, from its middle [mm]."""
    return (np.arange(count) - (count - 1) / 2) * fov_mm / count


def readout(count: int, fov_mm: float, centres_mm: np.ndarray, width_mm: float, oversampling: int) -> np.ndarray:
    """Readout matrix with the receiver's decimation filter, complex128 [count, voxel] mm.

    Oversampled samples are transformed, cropped to the field of view and transformed back, so that what lies
    outside along the readout does not fold in. White noise stays white.
    """
    fine = fourier(k_per_mm(count, fov_mm, oversampling), centres_mm, width_mm)
    if oversampling == 1:
        return fine
    kept = np.exp(2j * np.pi * np.outer(pixels_mm(count, fov_mm), k_per_mm(count, fov_mm, oversampling)))
    back = np.exp(-2j * np.pi * np.outer(k_per_mm(count, fov_mm), pixels_mm(count, fov_mm)))
    return back @ (kept @ fine) / (count * oversampling)
