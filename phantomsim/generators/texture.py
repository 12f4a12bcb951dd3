"""Density texture: Gaussian noise with a power-law spectrum, periodic, laid like tiles."""

from __future__ import annotations

import itertools
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from phantomsim.generators.spec import Texture
from phantomsim.grid import Grid

#: Tissues that are even: fluids and gas, which are stirred, the lens and what is made.
FLUIDS = {"air", "water", "csf", "blood", "bladder", "gallbladder", "bile", "urine", "eye"}
EVEN = frozenset(FLUIDS | {"lens", "polycarbonate", "carbon"})
EDGES = (64, 96, 128)  # voxels of a tile; small factors for the transform. The field repeats beyond.
CUT_SD = 4.0  # the density stays believable
LEAST = 0.05  # and positive, in lung and spongy bone too


@partial(jax.jit, static_argnames="shape")
def noise(key: jax.Array, shape: tuple[int, int, int], cycles_per_voxel: jax.Array, power: jax.Array) -> jax.Array:
    """Gaussian field with spectrum 1 / (f^2 + f0^2)^(power / 2), zero mean, unit variance, float32 of a shape.

    Args:
        shape: even numbers of voxels [z, y, x].
        cycles_per_voxel: f0, below which the spectrum is flat [1/voxel].
        power: exponent of the power spectrum [1].
    """
    f, g, h = (jnp.fft.rfftfreq(n).astype(jnp.float32) for n in shape)
    f2 = f[:, None, None] ** 2 + g[None, :, None] ** 2 + h[None, None, :] ** 2 + cycles_per_voxel**2
    amplitude = _mirrored(_mirrored(f2 ** (-power / 4), 0), 1)  # powers are dear: of positive frequencies alone
    white = jnp.fft.rfftn(jax.random.normal(key, shape))
    field = jnp.fft.irfftn(white * amplitude, shape)
    field = field - field.mean()
    return field / field.std()


def _mirrored(half: jax.Array, axis: int) -> jax.Array:
    """What frequencies from 0 to the highest hold, for the negative ones too, in the order of a transform."""
    inner = jax.lax.slice_in_dim(half, 1, half.shape[axis] - 1, axis=axis)
    return jnp.concatenate([half, jnp.flip(inner, axis)], axis)


def tile(key: jax.Array, texture: Texture, grid: Grid) -> jax.Array:
    """Noise of a texture on a grid's voxels, float32, as large as it or `EDGES`; at work while its caller goes on."""
    f0 = float(np.mean(grid.spacing_mm)) / texture.coarsest_mm
    shape = tuple(next((edge for edge in EDGES if edge >= n), EDGES[-1]) for n in grid.shape)
    return jnp.clip(noise(key, shape, jnp.float32(f0), jnp.float32(texture.power)), -CUT_SD, CUT_SD)


def density(
    key: jax.Array, texture: Texture, grid: Grid, label: np.ndarray, tissues: tuple[str, ...]
) -> np.ndarray | float:
    """Relative density [1]: float32 [z, y, x], 1 in even tissues; the number 1.0 where the texture has no spread."""
    if not spread(texture, tissues).any():
        return 1.0
    return laid(tile(key, texture, grid), texture, label, tissues)


def laid(noise_tile: jax.Array, texture: Texture, label: np.ndarray, tissues: tuple[str, ...]) -> np.ndarray | float:
    """As `density`, of noise from `tile`."""
    sd = spread(texture, tissues)
    if not sd.any():
        return 1.0
    out, laid_down = sd[label], np.asarray(noise_tile)
    for corner in itertools.product(*(range(0, n, m) for n, m in zip(label.shape, laid_down.shape))):
        part = out[tuple(slice(c, c + m) for c, m in zip(corner, laid_down.shape))]
        part *= laid_down[tuple(slice(0, n) for n in part.shape)]
    out += 1
    return np.maximum(out, np.float32(LEAST), out=out)


def spread(texture: Texture, tissues: tuple[str, ...]) -> np.ndarray:
    """Standard deviation of the density of each tissue, float32."""
    return np.array([0.0 if t in EVEN else texture.tissues.get(t, texture.sd) for t in tissues], np.float32)
