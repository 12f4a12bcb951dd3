"""From an image to what the coils measure, and back: the operators of iterative reconstruction.

Pruessmann et al. 2001, doi:10.1002/mrm.1241. Data are plain sums over pixels; k-space in signal x mm^2 is that times
a pixel's area. Coils are white: the caller multiplies maps and data by `whitening` first.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Protocol

import jax
import jax.numpy as jnp
import numpy as np

from phantomsim.errors import ScannerError
from phantomsim.scanners.mr import nufft

Array = jax.Array


class Encoding(Protocol):
    """What a reconstruction needs to know of a measurement."""

    @property
    def maps(self) -> Array:
        """Sensitivities, complex64 [coil, *N]."""

    @property
    def power(self) -> Array:
        """Mean of the normal operator's diagonal, to which regularisations are relative."""

    def forward(self, image: Array) -> Array:
        """Data [coil, ...] of an image [*N]."""

    def adjoint(self, data: Array) -> Array:
        """Weighted data back to an image."""

    def normal(self, image: Array) -> Array:
        """adjoint(forward(image)), as fast as can be."""


@partial(jax.tree_util.register_dataclass, data_fields=["maps", "mask"], meta_fields=[])
@dataclass(frozen=True)
class Cartesian:
    """Samples on the grid of k-space, in the order of `reconstruct.to_image`: zero frequency at index N // 2.

    Attributes:
        maps: complex64 [coil, *N].
        mask: bool or float32 [*N], which samples were taken.
    """

    maps: Array
    mask: Array

    @property
    def power(self) -> Array:
        """Mean of the normal operator's diagonal."""
        return _mean_power(self.maps) * jnp.sum(jnp.square(self.mask.astype(jnp.float32)))

    def forward(self, image: Array) -> Array:
        """Data [coil, *N], 0 where no sample is."""
        axes = range(-image.ndim, 0)
        return jnp.fft.fftshift(jnp.fft.fftn(self.maps * image, axes=axes), axes) * self._sampled()

    def adjoint(self, data: Array) -> Array:
        """Image [*N]."""
        axes = range(-self.mask.ndim, 0)
        images = jnp.fft.ifftn(jnp.fft.ifftshift(data * jnp.conj(self._sampled()), axes), axes=axes, norm="forward")
        return jnp.sum(jnp.conj(self.maps) * images, 0)

    def normal(self, image: Array) -> Array:
        """adjoint(forward(image)): half a pixel's phase cancels."""
        axes = range(-image.ndim, 0)
        sampled = jnp.fft.ifftshift(jnp.square(self.mask.astype(jnp.float32))) * image.size
        images = jnp.fft.ifftn(jnp.fft.fftn(self.maps * image, axes=axes) * sampled, axes=axes)
        return jnp.sum(jnp.conj(self.maps) * images, 0)

    def _sampled(self) -> Array:
        phase = np.ones((), complex)
        for n in self.mask.shape:
            phase = np.multiply.outer(phase, np.exp(1j * np.pi * (np.arange(n) - n // 2) * (n - 1) / n))
        return self.mask * phase.astype(np.complex64)


@partial(jax.tree_util.register_dataclass, data_fields=["maps", "plan", "gram", "weights"], meta_fields=[])
@dataclass(frozen=True)
class NonCartesian:
    """Samples at any points of k-space; make one with `non_cartesian`.

    Attributes:
        maps: complex64 [coil, *N].
        plan: of the points.
        gram: their weighted normal operator.
        weights: of the samples in the least squares, float32 [point].
    """

    maps: Array
    plan: nufft.Plan
    gram: nufft.Toeplitz
    weights: Array

    @property
    def power(self) -> Array:
        """Mean of the normal operator's diagonal."""
        return _mean_power(self.maps) * jnp.sum(self.weights)

    def forward(self, image: Array) -> Array:
        """Data [coil, point]."""
        return self.plan.to_points(self.maps * image)

    def adjoint(self, data: Array) -> Array:
        """Image [*N] of weighted data."""
        return jnp.sum(jnp.conj(self.maps) * self.plan.to_image(data * self.weights), 0)

    def normal(self, image: Array) -> Array:
        """Image of the weighted data of an image."""
        return jnp.sum(jnp.conj(self.maps) * self.gram(self.maps * image), 0)


def non_cartesian(
    maps: Array, points: np.ndarray, weights: np.ndarray | None = None, kernel: nufft.Kernel | None = None
) -> NonCartesian:
    """Plan the encoding of a trajectory, on the host.

    Args:
        maps: complex64 [coil, *N].
        points: float32 [point, axis] cycles per pixel, in the order of the maps' axes.
        weights: of the samples in the least squares [point]; density compensation makes iterations fewer and noise
            more (Pruessmann 2001). None for ones.
        kernel: of the NUFFT; None for its default.
    Raises:
        ScannerError: shapes do not fit.
    """
    kernel = nufft.Kernel.within(1e-4) if kernel is None else kernel
    shape = maps.shape[1:]
    weights = np.ones(len(points), np.float32) if weights is None else np.asarray(weights, np.float32)
    if weights.shape != (len(points),):
        raise ScannerError(f"weights of shape {weights.shape} for {len(points)} points; give one weight for each point")
    plan = nufft.plan(points, shape, kernel)
    return NonCartesian(jnp.asarray(maps), plan, nufft.toeplitz(points, shape, weights, kernel), jnp.asarray(weights))


def _mean_power(maps: Array) -> Array:
    return jnp.mean(jnp.sum(jnp.abs(maps) ** 2, 0))
