"""What photons travel through: a label map with densities, in a box around the isocentre."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from phantomsim.errors import GridError
from phantomsim.materials.tissues import Tissue
from phantomsim.scanners.ct.scatter.interactions import Interactions, interactions


class Medium(NamedTuple):
    """A label map; around it is nothing.

    Attributes:
        label: uint8 [z, y, x], index of the material.
        density: relative to the material's own, float32 [z, y, x].
        spacing_mm: voxel pitch along x, y, z [3].
        corner_mm: (x, y, z) of the outer corner of voxel 0 from the isocentre [3].
        tables: of the materials.
        majorant: largest attenuation in any voxel [1/mm] [E].
    """

    label: jax.Array
    density: jax.Array
    spacing_mm: jax.Array
    corner_mm: jax.Array
    tables: Interactions
    majorant: jax.Array


def medium(
    label: np.typing.ArrayLike,
    density: np.typing.ArrayLike,
    spacing_mm: Sequence[float],
    centre_mm: np.typing.ArrayLike,
    names: Sequence[str | Tissue],
) -> Medium:
    """A medium from a label map.

    Args:
        label: index into `names` [z, y, x].
        density: relative density, scalar or [z, y, x].
        spacing_mm: voxel pitch along z, y, x [mm].
        centre_mm: (x, y, z) of the map's middle from the isocentre [mm].
        names: of materials.
    Raises:
        GridError: not three-dimensional, a label without a name, or densities that are negative or no numbers.
        TissueError: an unknown material.
    """
    label = np.asarray(label)
    density = np.broadcast_to(np.asarray(density, np.float32), label.shape)
    if label.ndim != 3 or label.size >= 2**31:
        raise GridError(f"label map of shape {label.shape}; must be [z, y, x] of fewer than 2^31 voxels")
    if label.min() < 0 or label.max() >= len(names):
        raise GridError(f"labels run from {label.min()} to {label.max()}; there are {len(names)} materials")
    if not (np.isfinite(density).all() and density.min() >= 0):
        raise GridError("densities must be finite and not negative")
    pitch = np.asarray(spacing_mm, float)[::-1]
    corner = np.asarray(centre_mm, float) - 0.5 * pitch * np.array(label.shape[::-1])
    tables = interactions(names)
    most = np.array([np.max(density, initial=0, where=label == i) for i in range(len(names))])
    total = np.asarray(tables.total).reshape(-1, len(tables.air_cm2_per_g))[: len(names)]
    majorant = jnp.asarray((total * most[:, None]).max(0) * (1 + 1e-5), jnp.float32)
    # the floor of a box of nothing at all: flights must end somewhere
    majorant = jnp.maximum(majorant, 1e-6)
    arrays = (jnp.asarray(label, jnp.uint8), jnp.asarray(density), jnp.asarray(pitch, jnp.float32))
    return Medium(*arrays, jnp.asarray(corner, jnp.float32), tables, majorant)


def extent_mm(medium: Medium) -> jax.Array:
    """Size of the box along x, y, z [3]."""
    return medium.spacing_mm * jnp.array(medium.label.shape[::-1], jnp.float32)


Vector = tuple[jax.Array, jax.Array, jax.Array]  # x, y and z apart: compiled loops then never slice


def voxel(medium: Medium, point: Vector) -> tuple[jax.Array, jax.Array]:
    """Flat index of the voxel at points [N], and whether it is in the box at all."""
    shape = medium.label.shape[::-1]
    index, inside = jnp.zeros_like(point[0], jnp.int32), jnp.ones_like(point[0], bool)
    for i in (2, 1, 0):
        at = jnp.floor((point[i] - medium.corner_mm[i]) / medium.spacing_mm[i]).astype(jnp.int32)
        inside &= (at >= 0) & (at < shape[i])
        index = index * shape[i] + jnp.clip(at, 0, shape[i] - 1)
    return index, inside


def entry(medium: Medium, point: Vector, direction: Vector) -> tuple[jax.Array, jax.Array]:
    """Distances at which rays enter and leave the box [N] [mm]; they miss it where leave <= enter."""
    enter, leave = jnp.zeros_like(point[0]), jnp.full_like(point[0], jnp.inf)
    far_corner = medium.corner_mm + extent_mm(medium)
    for i in range(3):
        way = jnp.where(jnp.abs(direction[i]) < 1e-12, 1e-12, direction[i])
        a, b = (medium.corner_mm[i] - point[i]) / way, (far_corner[i] - point[i]) / way
        enter, leave = jnp.maximum(enter, jnp.minimum(a, b)), jnp.minimum(leave, jnp.maximum(a, b))
    return enter, leave
