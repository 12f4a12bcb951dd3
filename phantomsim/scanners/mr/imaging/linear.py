"""Images by Fourier transform, SENSE or GRAPPA: each a linear map of k-space to one complex image, and partial Fourier.

Homodyne and POCS need the phase of the image's smooth part, which is the same linear map of the middle of k-space.
"""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from phantomsim.scanners.mr.imaging.frames import region
from phantomsim.scanners.mr.reconstruct.centred import to_pixels, to_samples
from phantomsim.scanners.mr.reconstruct.homodyne import centre_window, pocs, weighting

Array = jax.Array
Map = Callable[[Array], Array]  # kspace [coil, (partition,) line, sample] to an image [(z,) phase, readout]


def magnitude(kspace: Array, taken: np.ndarray, image_of: Map, partial_fourier: str) -> Array:
    """Magnitude image of one frame, partial Fourier along the phase axis made up for.

    Args:
        kspace: complex64 [coil, (partition,) line, sample].
        taken: measured lines, bool [line] or [partition, line].
        image_of: linear.
        partial_fourier: "homodyne", "pocs" or "zero-filling".
    """
    lines = region(taken)
    if lines.all() or partial_fourier == "zero-filling":
        return jnp.abs(image_of(kspace))
    if partial_fourier == "homodyne":
        weighted = image_of(kspace * _column(weighting(lines)))
        smooth = image_of(kspace * _column(centre_window(lines)))
        return jnp.maximum(jnp.real(weighted * jnp.conj(smooth)) / jnp.maximum(jnp.abs(smooth), 1e-30), 0)
    combined = image_of(kspace)
    fov = (float(combined.shape[-2]), float(combined.shape[-1]))  # so that the scale of pixels stays
    return jnp.abs(pocs(to_samples(combined) * _column(lines), lines, fov))


def coil_images(kspace: Array) -> Array:
    """Of full matrices [coil, (partition,) line, sample], scaled as `to_pixels`."""
    return to_pixels(kspace, tuple(range(1 - kspace.ndim, 0)))


def _column(values: np.ndarray) -> np.ndarray:
    return np.asarray(values, np.float32)[:, None]
