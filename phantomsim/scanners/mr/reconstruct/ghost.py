"""Echo-planar imaging: ghosts of half the field of view, and samples taken on the gradient's ramps.

Lines of opposite polarity differ by a phase that is constant and linear along the readout (Bruder et al. 1992,
doi:10.1002/mrm.1910230211). Three reference lines without phase encoding, of polarity +, -, +, show it; the mean of
the outer two takes out what grows evenly with time. The linear term by lag-one autocorrelation: Ahn and Cho 1987,
doi:10.1109/TMI.1987.4307795.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from phantomsim.errors import ScannerError
from phantomsim.scanners.mr.reconstruct.centred import pixels, to_pixels, to_samples

Array = jax.Array


@jax.jit
def polarity_phase(reference: Array) -> tuple[Array, Array]:
    """Phase of lines of negative polarity over that of positive ones.

    Args:
        reference: complex64 [coil, 3, sample], lines of polarity +, -, + without phase encoding, samples in order of k.
    Returns:
        constant term at the middle of the field of view [rad] and linear term [rad per field of view], float32.
    """
    lines = to_pixels(reference, (-1,))
    cross = jnp.sum(lines[:, 1] * jnp.conj(lines[:, 0] + lines[:, 2]), axis=0)
    slope = jnp.angle(jnp.sum(cross[1:] * jnp.conj(cross[:-1])))
    count = reference.shape[-1]
    place = pixels(count) * count
    return jnp.angle(jnp.sum(cross * jnp.exp(-1j * slope * place))), slope * count


@jax.jit
def correct_ghost(kspace: Array, negative: Array, constant_rad: Array, linear_rad: Array) -> Array:
    """Turn the lines of negative polarity to the phase of the others.

    Args:
        kspace: complex64 [..., line, sample], samples in order of k.
        negative: which lines, bool [line].
        constant_rad, linear_rad: from `polarity_phase`.
    Returns:
        complex64 of the same shape.
    """
    turn = jnp.exp(-1j * (constant_rad + linear_rad * pixels(kspace.shape[-1]).astype(np.float32)))
    turned = to_samples(to_pixels(kspace, (-1,)) * turn, (-1,))
    return jnp.where(negative[:, None], turned, kspace)


def regridding(k_per_mm: np.ndarray, fov_mm: float, count: int, cutoff: float = 1e-3) -> np.ndarray:
    """Matrix from samples anywhere along a readout to evenly spaced ones; host side.

    The least-squares inverse of the interpolation sinc((k - k_j) FOV), which is exact for an object inside the field
    of view but for the samples beyond the last.

    Args:
        k_per_mm: where the samples were taken [sample], to cover the even ones about as densely as 1/FOV.
        fov_mm: along the readout.
        count: even samples, at (j - count // 2) / FOV.
        cutoff: singular values below this share of the largest are dropped.
    Returns:
        float32 [count, sample].
    Raises:
        ScannerError: fewer samples than are to be found.
    """
    k = np.asarray(k_per_mm, float)
    if k.ndim != 1 or len(k) < count:
        raise ScannerError(f"{k.size} samples for {count} even ones; at least as many are needed. Sample more densely")
    steps = k[:, None] * fov_mm - (np.arange(count) - count // 2)
    return np.linalg.pinv(np.sinc(steps), rcond=cutoff).astype(np.float32)
