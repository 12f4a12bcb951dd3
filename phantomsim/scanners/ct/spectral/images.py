"""Images from basis images: virtual mono-energetic, iodine, virtual non-contrast, and the best mixture.

Basis images hold amounts per volume in excess of air, [K, z, y, x]: volume fractions of tissues, mg/mL of iodine.
Virtual mono-energetic images: Alvarez and Seppi, IEEE Trans. Nucl. Sci. 26 (1979) 2853, doi:10.1109/TNS.1979.4330549.
"""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from phantomsim.errors import ScannerError
from phantomsim.materials.attenuation import attenuation_matrix
from phantomsim.scanners.ct.spectral.model import IODINE, basis_attenuation


def mono_weights(names: Sequence[str], mono_keV: float) -> np.ndarray:
    """What each basis adds to water-normalised attenuation at one energy, float64 [K]; HU = 1000 (sum - 1)."""
    water, air = attenuation_matrix(("water", "air"), [mono_keV])[:, 0]
    return basis_attenuation(names, [mono_keV])[:, 0] / (water - air)


def mono(images: jax.Array, names: Sequence[str], mono_keV: float) -> jax.Array:
    """Virtual mono-energetic image [z, y, x] [HU].

    Args:
        images: of the bases [K, z, y, x], in excess of air.
        names: of the bases.
        mono_keV: energy.
    """
    return 1000 * (jnp.tensordot(jnp.asarray(mono_weights(names, mono_keV), jnp.float32), images, 1) - 1)


def iodine(images: jax.Array, names: Sequence[str]) -> jax.Array:
    """Iodine [z, y, x] [mg/mL]. Raises ScannerError if none of the bases is iodine."""
    if IODINE not in names:
        raise ScannerError(f"no iodine image from bases {', '.join(names)}; decompose on water and iodine")
    return images[list(names).index(IODINE)]


def non_contrast(images: jax.Array, names: Sequence[str], mono_keV: float) -> jax.Array:
    """Virtual non-contrast image [z, y, x] [HU]: the mono-energetic image without its iodine."""
    weights = mono_weights(names, mono_keV) * [name != IODINE for name in names]
    return 1000 * (jnp.tensordot(jnp.asarray(weights, jnp.float32), images, 1) - 1)


def best_weights(contrast: np.typing.ArrayLike, covariance: np.typing.ArrayLike) -> np.ndarray:
    """Weights of C images, sum 1, whose mixture has the greatest contrast to noise, float64 [C].

    The matched filter, covariance^-1 contrast; for channels of independent noise contrast / variance: Schmidt, Med.
    Phys. 36 (2009) 3018, doi:10.1118/1.3148535.

    Args:
        contrast: of the object in each image [C].
        covariance: of the noise of the images [C, C].
    Raises:
        ScannerError: the weights sum to nothing.
    """
    weights = np.linalg.solve(np.asarray(covariance, float), np.asarray(contrast, float))
    if abs(weights.sum()) < 1e-9 * np.abs(weights).sum() or not np.isfinite(weights).all():
        raise ScannerError("the best weights sum to zero: no mixture of these images keeps water at water")
    return weights / weights.sum()


def best_mono_keV(
    names: Sequence[str], covariance: np.typing.ArrayLike, contrast: np.typing.ArrayLike | None = None
) -> float:
    """Energy from 40 to 150 keV at which a virtual mono-energetic image is least noisy, or shows a contrast best.

    Args:
        names: K bases.
        covariance: of the noise of the basis images [K, K].
        contrast: amounts of the bases by which an object differs [K]; None for the least noise.
    """
    energies = np.arange(40.0, 150.5, 0.5)
    weights = np.stack([mono_weights(names, energy) for energy in energies])
    noise = np.sqrt(np.einsum("nk,kl,nl->n", weights, np.asarray(covariance, float), weights))
    signal = np.ones_like(noise) if contrast is None else np.abs(weights @ np.asarray(contrast, float))
    return float(energies[np.argmax(signal / noise)])


def mix(images: jax.Array, weights: np.typing.ArrayLike) -> jax.Array:
    """Weighted sum of C images [C, z, y, x] -> [z, y, x]."""
    return jnp.tensordot(jnp.asarray(weights, jnp.float32), images, 1)
