"""One Cartesian frame to one magnitude image."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from phantomsim.scanners.mr.imaging.coil_maps import estimated
from phantomsim.scanners.mr.imaging.linear import coil_images, magnitude
from phantomsim.scanners.mr.reconstruct.combine import adaptive
from phantomsim.scanners.mr.reconstruct.grappa import grappa
from phantomsim.scanners.mr.spec.reconstruction import MRReconstruction

Array = jax.Array


class Frame(NamedTuple):
    """One image's data.

    Attributes:
        kspace: whitened coils, complex64 [coil, (partition,) line, sample], apodised.
        taken: measured lines, bool [line] or [partition, line].
        maps: true sensitivities of the whitened coils, complex64 [coil, (z,) phase, readout].
        steps: acceleration along (partition, line).
        times_s: for which off-resonance had acted at each sample [line, sample]; None: not known.
        field_Hz: off-resonance on the image [phase, readout].
    """

    kspace: Array
    taken: np.ndarray
    maps: Array
    steps: tuple[int, int]
    times_s: np.ndarray | None = None
    field_Hz: np.ndarray | None = None


def fourier(frame: Frame, wanted: MRReconstruction) -> Array:
    """Plain transform, coils combined."""
    return _combined(frame, frame.kspace, wanted)


def filled(frame: Frame, wanted: MRReconstruction) -> Array:
    """GRAPPA, then as `fourier`."""
    steps = frame.steps if frame.kspace.ndim == 4 else frame.steps[1]
    if frame.steps == (1, 1):
        return fourier(frame, wanted)
    return _combined(frame, grappa(frame.kspace, frame.taken, steps), wanted)


def _combined(frame: Frame, kspace: Array, wanted: MRReconstruction) -> Array:
    if wanted.combination == "root-sum-of-squares":
        parts = [magnitude(coil[None], frame.taken, _only, wanted.partial_fourier) for coil in kspace]
        return jnp.sqrt(sum(part**2 for part in parts) / _power(frame.maps))
    maps = estimated(kspace, np.ones_like(frame.taken), frame.maps) if wanted.maps == "espirit" else frame.maps
    if wanted.combination == "adaptive":
        _, vectors = adaptive(coil_images(kspace), np.eye(len(kspace)))
        maps = vectors * jnp.sqrt(_power(frame.maps))
    return magnitude(kspace, frame.taken, matched(maps), wanted.partial_fourier)


def matched(maps: Array) -> Callable[[Array], Array]:
    """Optimal combination of whitened coils."""

    def image_of(kspace: Array) -> Array:
        power = _power(maps)
        return jnp.sum(jnp.conj(maps) * coil_images(kspace), 0) / jnp.where(power > 0, power, jnp.inf)

    return image_of


def _only(kspace: Array) -> Array:
    return coil_images(kspace)[0]


def _power(maps: Array) -> Array:
    return jnp.sum(jnp.abs(maps) ** 2, 0)
