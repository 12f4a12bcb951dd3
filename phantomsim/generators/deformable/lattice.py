"""Regular grids of the mean anatomy, and what is interpolated on them.

Points are (z, y, x) in mm throughout this package, from the centre of the anatomy; world points are turned at its door.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import jax
import jax.numpy as jnp
import numpy as np


@dataclass(frozen=True)
class Lattice:
    """Cubic voxels in the frame of the mean anatomy.

    Attributes:
        shape: voxels along z, y, x.
        spacing_mm: edge of a voxel [mm].
        centre_mm: the lattice's middle (z, y, x) [mm].
    """

    shape: tuple[int, int, int]
    spacing_mm: float
    centre_mm: tuple[float, float, float]

    def axes(self) -> list[np.ndarray]:
        """Coordinates of voxel centres along z, y, x [mm]."""
        return [(np.arange(n) - (n - 1) / 2) * self.spacing_mm + c for n, c in zip(self.shape, self.centre_mm)]

    def points(self) -> np.ndarray:
        """Voxel centres, float32 [z, y, x, 3] [mm]."""
        return np.stack(np.meshgrid(*self.axes(), indexing="ij"), axis=-1).astype(np.float32)

    def index(self, points: jax.Array) -> jax.Array:
        """Fractional indices of points [mm]."""
        middle = (jnp.asarray(self.shape, jnp.float32) - 1) / 2
        return (points - jnp.asarray(self.centre_mm, jnp.float32)) / self.spacing_mm + middle

    def refined(self, factor: int) -> Lattice:
        """The same box with voxels `factor` times smaller."""
        shape = tuple(n * factor for n in self.shape)
        return Lattice(shape, self.spacing_mm / factor, self.centre_mm)  # type: ignore[arg-type]


def sample(values: jax.Array, index: jax.Array) -> jax.Array:
    """Trilinear interpolation of [z, y, x, c] at fractional indices [..., 3]; the edge repeats outside."""
    shape = values.shape[:3]
    top = jnp.asarray(shape, jnp.float32) - 1
    index = jnp.clip(index, 0.0, top)
    low = jnp.minimum(jnp.floor(index), jnp.maximum(top - 1, 0)).astype(jnp.int32)
    t = index - low
    flat = values.reshape(-1, values.shape[3])
    step = (shape[1] * shape[2] if shape[0] > 1 else 0, shape[2] if shape[1] > 1 else 0, 1 if shape[2] > 1 else 0)
    first = (low[..., 0] * shape[1] + low[..., 1]) * shape[2] + low[..., 2]
    out = jnp.zeros((*index.shape[:-1], values.shape[3]), jnp.float32)
    for corner in range(8):
        bits = (corner >> 2 & 1, corner >> 1 & 1, corner & 1)
        weight = jnp.ones(index.shape[:-1], jnp.float32)
        for axis, bit in enumerate(bits):
            weight = weight * (t[..., axis] if bit else 1 - t[..., axis])
        offset = sum(b * s for b, s in zip(bits, step))
        out = out + weight[..., None] * flat[first + offset]
    return out


def resample(values: jax.Array, old: Lattice, new: Lattice) -> jax.Array:
    """[z, y, x, c] on another lattice, linearly; the edge repeats outside. Three small matrix products."""
    return products(values, *(jnp.asarray(m) for m in matrices(old, new)))


def smooth(values: jax.Array, sigma: float) -> jax.Array:
    """Gaussian smoothing of [z, y, x, c] with `sigma` in voxels; the edge repeats."""
    return products(values, *(jnp.asarray(_gaussian(n, sigma)) for n in values.shape[:3]))


def products(values: jax.Array, z: jax.Array, y: jax.Array, x: jax.Array) -> jax.Array:
    """A matrix [new, old] along each axis of [z, y, x, c]."""
    values = jnp.einsum("ai,ijkc->ajkc", z, values)
    values = jnp.einsum("bj,ajkc->abkc", y, values)
    return jnp.einsum("dk,abkc->abdc", x, values)


@lru_cache(maxsize=64)
def matrices(old: Lattice, new: Lattice) -> tuple[np.ndarray, ...]:
    """Linear interpolation from one lattice to another, a matrix [new, old] for each axis."""
    out = []
    for n, a, b in zip(old.shape, old.axes(), new.axes()):
        at = np.clip((b - a[0]) / old.spacing_mm, 0, n - 1)
        out.append(np.maximum(0, 1 - np.abs(at[:, None] - np.arange(n))).astype(np.float32))
    return tuple(out)


@lru_cache(maxsize=64)
def _gaussian(n: int, sigma: float) -> np.ndarray:
    reach = int(np.ceil(4 * sigma))
    matrix = np.zeros((n, n))
    for offset in range(-reach, reach + 1):
        np.add.at(
            matrix, (np.arange(n), np.clip(np.arange(n) + offset, 0, n - 1)), np.exp(-0.5 * (offset / sigma) ** 2)
        )
    return (matrix / matrix.sum(axis=1, keepdims=True)).astype(np.float32)
