"""The NUFFT of points that may change: differentiable in the image, the values and the points."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.interpreters.ad import Zero

from phantomsim.errors import ScannerError
from phantomsim.scanners.mr.nufft import gridding
from phantomsim.scanners.mr.nufft.blocks import Blocks, sort
from phantomsim.scanners.mr.nufft.kernel import Kernel
from phantomsim.scanners.mr.nufft.linear import apply

Array = jax.Array

DEFAULT = Kernel.within(1e-4)


def to_points(image: Array, points: Array, kernel: Kernel = DEFAULT) -> Array:
    """Fourier transform of pixels at any points: sum over n of image_n exp(-2 pi i k . n).

    n counts from the middle of the array: index - (N - 1)/2 along each axis.

    Args:
        image: complex64 [..., *N], of one to three axes as the points have.
        points: k, in the order of the image's axes, float32 [point, axis] cycles per pixel; any real number.
        kernel: sets the error; see `Kernel.within`.
    Returns:
        complex64 [..., point].
    Raises:
        ScannerError: points do not fit the image.
    """
    check(points, image.shape, kernel)
    operator = _Moving(tuple(image.shape[image.ndim - points.shape[1] :]), kernel)
    return apply(operator, jnp.asarray(image, jnp.complex64), jnp.asarray(points, jnp.float32))


def to_image(values: Array, points: Array, shape: tuple[int, ...], kernel: Kernel = DEFAULT) -> Array:
    """The adjoint of `to_points`: sum over points of value exp(+2 pi i k . n).

    Args:
        values: complex64 [..., point].
        points, kernel: as in `to_points`.
        shape: of the image, *N (static).
    Returns:
        complex64 [..., *N].
    Raises:
        ScannerError: points do not fit the values or the shape.
    """
    check(points, shape, kernel)
    if values.shape[-1] != len(points):
        raise ScannerError(f"NUFFT: {values.shape[-1]} values at {len(points)} points; give one value for each point")
    values, points = jnp.asarray(values, jnp.complex64), jnp.asarray(points, jnp.float32)
    return apply(_Moving(tuple(shape), kernel), values, points, turned=True)


def check(points: Array | np.ndarray, shape: tuple[int, ...], kernel: Kernel) -> None:
    """Refuse what is no list of points for an image."""
    if points.ndim != 2 or not 1 <= points.shape[1] <= 3 or len(shape) < points.shape[1]:
        raise ScannerError(
            f"NUFFT: points of shape {tuple(points.shape)} for an image of shape {tuple(shape)}; give points as"
            " [point, axis] with one, two or three axes, those of the image"
        )
    if len(points) == 0 or 0 in shape:
        raise ScannerError("NUFFT: no points, or no pixels; give at least one of each")
    if not isinstance(kernel, Kernel):
        raise ScannerError(f"NUFFT: kernel is {kernel!r}; give a Kernel, as Kernel.within(1e-4)")


@dataclass(frozen=True)
class _Moving:
    """The pair of transforms whose parameters are the points."""

    shape: tuple[int, ...]
    kernel: Kernel

    def ahead(self, x: Array, *parameters: Array) -> Array:
        return forward(x, sort(*parameters, shape=self.shape, kernel=self.kernel))

    def behind(self, y: Array, *parameters: Array) -> Array:
        return adjoint(y, sort(*parameters, shape=self.shape, kernel=self.kernel))

    def change(self, x: Array, parameters: tuple[Array, ...], tangents: tuple[Any, ...], turned: bool) -> Array | None:
        """Moving a point by dk multiplies every pixel by -2 pi i n . dk: exact, not the derivative of the kernel."""
        if isinstance(tangents[0], Zero):
            return None
        dk = jnp.moveaxis(tangents[0], -1, 0).astype(x.dtype)
        if turned:
            dk = dk.reshape(len(dk), *[1] * (x.ndim - 1), -1)
            return jnp.sum(2j * np.pi * self._ramps(x.ndim - 1) * apply(self, dk * x, *parameters, turned=True), 0)
        moved = apply(self, x * (-2j * np.pi * self._ramps(x.ndim - len(self.shape))).astype(x.dtype), *parameters)
        return jnp.einsum("a...m,am->...m", moved, dk, precision="highest")

    def _ramps(self, batches: int) -> np.ndarray:
        """Pixels' distances from the middle along each axis, float32 [axis, 1, ..., *N]."""
        n = np.stack(np.meshgrid(*[np.arange(s) - (s - 1) / 2 for s in self.shape], indexing="ij"))
        return n.reshape(len(self.shape), *[1] * batches, *self.shape).astype(np.float32)


def forward(image: Array, blocks: Blocks) -> Array:
    """`to_points` for sorted points."""
    shape, axes = blocks.shape, range(-len(blocks.shape), 0)
    lead = image.shape[: image.ndim - len(shape)]
    grid = (image / _attenuation(blocks)).reshape(-1, *shape)
    for axis, n, g in zip(axes, shape, blocks.grid):
        behind, ahead = jnp.split(grid, [n // 2], axis)
        gap = [*grid.shape]
        gap[axis] = g - n
        grid = jnp.concatenate([ahead, jnp.zeros(gap, grid.dtype), behind], axis)
    grid = _real(jnp.fft.fftn(grid, axes=axes))
    values = gridding.interpolate(jnp.pad(grid, (*blocks.margins, (0, 0)), "wrap"), blocks)
    return (_complex(values[blocks.slot]) * blocks.phase).reshape(*lead, -1)


def adjoint(values: Array, blocks: Blocks) -> Array:
    """`to_image` for sorted points."""
    shape, axes = blocks.shape, range(-len(blocks.shape), 0)
    lead = values.shape[:-1]
    channels = _real((values * jnp.conj(blocks.phase)).reshape(-1, values.shape[-1]))
    none = jnp.zeros((1, channels.shape[1]), channels.dtype)
    grid = _fold(gridding.spread(jnp.concatenate([channels, none])[blocks.order.ravel()], blocks), blocks)
    image = jnp.fft.ifftn(_complex(grid), axes=axes, norm="forward")
    for axis, n in zip(axes, shape):
        size = image.shape[axis]
        behind, ahead = (
            jax.lax.slice_in_dim(image, *cut, axis=axis) for cut in ((size - n // 2, size), (0, -(-n // 2)))
        )
        image = jnp.concatenate([behind, ahead], axis)
    return image.reshape(*lead, *shape) / _attenuation(blocks)


def regrid(weights: Array, blocks: Blocks) -> Array:
    """Real values spread to the grid by the kernel and read there again, float32 [point]."""
    channels = jnp.concatenate([weights, jnp.zeros(1, weights.dtype)])[:, None]
    grid = _fold(gridding.spread(channels[blocks.order.ravel()], blocks), blocks)
    return gridding.interpolate(jnp.pad(grid, (*blocks.margins, (0, 0)), "wrap"), blocks)[blocks.slot, 0]


def _fold(grid: Array, blocks: Blocks) -> Array:
    """Margins added to the cells that they repeat."""
    for axis, (g, (before, _)) in enumerate(zip(blocks.grid, blocks.margins)):
        left, middle, right = jnp.split(grid, [before, before + g], axis)
        grid = _add(_add(middle, left, axis, g - before), right, axis, 0)
    return grid


def _add(grid: Array, part: Array, axis: int, start: int) -> Array:
    """grid, with part added from `start` on along an axis; part may wrap no more than once."""
    index = (slice(None),) * axis + (slice(start, start + part.shape[axis]),)
    return grid.at[index].add(part)


def _attenuation(blocks: Blocks) -> np.ndarray:
    total = np.ones((1,) * len(blocks.shape))
    for axis, n in enumerate(blocks.shape):
        total = total * blocks.kernel.attenuation(n).reshape([-1 if a == axis else 1 for a in range(total.ndim)])
    return total.astype(np.float32)


def _real(z: Array) -> Array:
    """[channel, ...] complex to [..., 2 channel] real."""
    return jnp.moveaxis(jnp.concatenate([z.real, z.imag]), 0, -1)


def _complex(x: Array) -> Array:
    """The inverse of `_real`."""
    real, imaginary = jnp.split(jnp.moveaxis(x, -1, 0), 2)
    return jax.lax.complex(real, imaginary)
