"""Whitened coil sensitivities for one image: as they are, or as the data show them."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from phantomsim.errors import ScannerError
from phantomsim.scanners.mr.reconstruct.espirit import calibration_block, espirit
from phantomsim.scanners.mr.reconstruct.lattice import centre_block, mask_of

Array = jax.Array
BLOCK = 24  # samples along the readout that calibrate
LEAST = 8  # lines, more than ESPIRiT's kernel of 6


def estimated(kspace: Array, taken: np.ndarray, true: Array) -> Array:
    """ESPIRiT's maps, of the true ones' root sum of squares, so that the image keeps its scale.

    Args:
        kspace: whitened, complex64 [coil, (partition,) line, sample].
        taken: measured lines, bool [line] or [partition, line].
        true: whitened, of the image's shape.
    Raises:
        ScannerError: too few calibration lines.
    """
    widths = [min(w, n) for w, n in zip((*full_block(taken), BLOCK), kspace.shape[1:])]
    if min(widths) < min(LEAST, *kspace.shape[1:]):
        raise ScannerError(
            f"ESPIRiT finds {widths[:-1]} calibration lines about the centre; it needs {LEAST}. "
            f"Set calibration_lines = {BLOCK} in the protocol"
        )
    kernel = tuple(min(6, w) for w in widths)
    found, _ = espirit(calibration_block(kspace, tuple(widths)), true.shape[1:], kernel)
    return found * jnp.sqrt(jnp.sum(jnp.abs(true) ** 2, 0))


def full_block(taken: np.ndarray) -> tuple[int, ...]:
    """Widths of the largest fully measured block centred in k-space, at most BLOCK, along (partition,) line."""
    mask = mask_of(taken)
    slices = centre_block(mask)
    widths = [2 * min(n // 2 - s.start, s.stop - n // 2) for n, s in zip(mask.shape, slices)]
    widths = [min(max(w, 1), BLOCK) for w in widths]
    return tuple(widths) if np.ndim(taken) == 2 else (widths[1],)
