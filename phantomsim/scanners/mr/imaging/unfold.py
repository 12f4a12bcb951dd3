"""SENSE of regular undersampling along one or two axes, weights kept between scans."""

from __future__ import annotations

from functools import lru_cache, partial

import jax
import jax.numpy as jnp
import numpy as np

from phantomsim.scanners.mr import maps, reconstruct
from phantomsim.scanners.mr.maps import Unfolding
from phantomsim.scanners.mr.spec.array import Coils, Load

Array = jax.Array


@lru_cache(maxsize=8)
def slab_unfolding(
    array: Coils, load: Load, field_T: float, voxels: maps.Voxels, steps: tuple[int, int], regularisation: float
) -> Unfolding:
    """SENSE along (partition, phase) of a slab: voxels that fold onto one another are put into one axis.

    Returns:
        As `maps.unfolding` for one slice whose phase axis has Rz Ry parts of nz / Rz x ny / Ry voxels each.
    """
    whole = np.moveaxis(maps.sensitivities(array, voxels), 1, 0)  # [coil, z, y, x]
    weights, g, variance = reconstruct.unfolding(
        np.asarray(gathered(whole, steps))[None], maps.shape_of_noise(array, load, field_T), steps[0] * steps[1],
        regularisation,
    )  # fmt: skip
    nz, ny = whole.shape[1:3]
    g, variance = (np.asarray(spread(v[0], steps, (nz, ny))) for v in (g, variance))
    return Unfolding(jnp.asarray(weights), g, variance)


def gathered(volume: np.ndarray | Array, steps: tuple[int, int]) -> np.ndarray | Array:
    """[..., z, y, x] to [..., Rz Ry nz/Rz ny/Ry, x]: voxels that fold together a fixed distance apart."""
    rz, ry = steps
    *lead, nz, ny, nx = volume.shape
    parts = volume.reshape(*lead, rz, nz // rz, ry, ny // ry, nx)
    n = len(lead)
    order = (*range(n), n, n + 2, n + 1, n + 3, n + 4)
    return parts.transpose(order).reshape(*lead, nz * ny, nx)


def spread(rows: np.ndarray | Array, steps: tuple[int, int], shape: tuple[int, int]) -> np.ndarray | Array:
    """The inverse of `gathered`, for [Rz Ry nz/Rz ny/Ry, x]."""
    (rz, ry), (nz, ny) = steps, shape
    parts = rows.reshape(rz, ry, nz // rz, ny // ry, -1)
    return parts.transpose(0, 2, 1, 3, 4).reshape(nz, ny, -1)


@partial(jax.jit, static_argnames=("steps", "first"))
def folded(kspace: Array, steps: tuple[int, int], first: tuple[int, int]) -> Array:
    """Coil images of the lattice's samples [coil, nz/Rz, ny/Ry, x] of [coil, z, y, x], as one part of `gathered`.

    Args:
        first: index of the lattice's first partition and line; the lattice passes the centre.
    """
    taken = kspace[:, first[0] :: steps[0], first[1] :: steps[1]]
    for axis, step in ((1, steps[0]), (2, steps[1]), (3, 1)):
        count = taken.shape[axis]
        j = np.arange(count) - count // 2
        half = np.exp(-1j * np.pi * j * (step * count - 1) / count).astype(np.complex64)
        shape = [1] * 4
        shape[axis] = -1
        taken = jnp.fft.ifft(jnp.fft.ifftshift(taken * half.reshape(shape), axis), axis=axis)
    return taken.reshape(len(taken), -1, taken.shape[-1])
