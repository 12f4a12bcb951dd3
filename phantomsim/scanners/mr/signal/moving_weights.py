"""What share slices take of the voxels of a patient in a pose: slices stay where they are in the scanner."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from phantomsim.scanners.mr.signal.moving_states import State
from phantomsim.scanners.mr.signal.slab import slab

Array = jax.Array
Axes = tuple[np.ndarray, np.ndarray, np.ndarray]
FINE = 64  # steps of the profile's table in a row's height, where a slice is tilted


class Slice(NamedTuple):
    """A slice of the scanner: its middle along z, nodes of its profile from there, and the thickness of a box [mm]."""

    middle_mm: float
    nodes_mm: np.ndarray
    thickness_mm: float

    @property
    def reach_mm(self) -> float:
        """How far from its middle it sees anything."""
        return self.thickness_mm / 2 if len(self.nodes_mm) == 1 else float(np.abs(self.nodes_mm).max())


def height_mm(state: State, spacing_mm: tuple[float, float, float]) -> float:
    """Of voxels across the scanner's planes: that of a box of the same second moment where they are tilted."""
    return float(np.linalg.norm(state.rotation[2, ::-1] * spacing_mm))


def needed(cut: Slice, axes_mm: Axes, state: State, height: float) -> np.ndarray:
    """Which rows a slice sees in a pose, bool [z]."""
    z, y, x = axes_mm
    a, b, c = state.rotation[2]
    corners = np.add.outer(a * x[[0, -1]], b * y[[0, -1]])
    middle = c * z + state.shift_mm[2] - cut.middle_mm
    far = cut.reach_mm + height
    return (middle + corners.min() <= far) & (middle + corners.max() >= -far)


def weights(
    cut: Slice, profile: np.ndarray, axes_mm: Axes, state: State, height: float, flip_place: Array | None, flips: int
) -> Array:
    """Share that a slice takes of each voxel, complex64 [profile, z, y or 1, x or 1] mm.

    Args:
        profile: factor of each node of the profile x each tabulated transmit field, complex [profile, node x flip].
        flip_place: where voxels lie among the tabulated transmit fields, float32 [z, y, x]; None: there is one.
    """
    z, y, x = axes_mm
    a, b, c = state.rotation[2]
    row = c * z + state.shift_mm[2] - cut.middle_mm
    if not state.tilted:
        return _between(_table(cut, profile, row, height, flips), np.arange(len(z))[:, None, None], flip_place)
    far = cut.reach_mm + height
    fine = np.arange(-far, far + height, height / FINE)
    place = (row[:, None, None] + b * y[:, None] + a * x + far) / (height / FINE)
    place = np.clip(place, 0, len(fine) - 1).astype(np.float32)
    return _between(_table(cut, profile, fine, height, flips), place, flip_place)


def flip_weights(profile: np.ndarray, flip_place: Array | None) -> Array | None:
    """Likewise of a slab that is excited as a whole [1]; None if all is 1."""
    if flip_place is None:
        return None
    return _between(jnp.asarray(profile.T[None], jnp.complex64), np.zeros((1, 1, 1)), flip_place)


def _table(cut: Slice, profile: np.ndarray, z_mm: np.ndarray, height: float, flips: int) -> Array:
    """Weights of rows at distances from the slice's middle, complex64 [row, flip, profile] mm."""
    share = slab(-z_mm, cut.nodes_mm, cut.thickness_mm, np.zeros(1), height).weight[:, 0]
    factors = profile.reshape(len(profile), -1, flips)
    return jnp.asarray(np.einsum("zn,qnb->zbq", share, factors, optimize=True), jnp.complex64)


@jax.jit
def _between(table: Array, row: Array, flip: Array | None) -> Array:
    """Linear interpolation in a table [row, flip, profile], complex64 [profile, ...]."""

    def along(i: Array) -> Array:
        if flip is None:
            return table[i, 0]
        j = jnp.clip(flip.astype(jnp.int32), 0, max(table.shape[1] - 2, 0))
        t = (flip - j)[..., None]
        return (1 - t) * table[i, j] + t * table[i, jnp.minimum(j + 1, table.shape[1] - 1)]

    i = jnp.clip(jnp.floor(row).astype(jnp.int32), 0, max(len(table) - 2, 0))
    t = (row - i)[..., None].astype(jnp.float32)
    found = (1 - t) * along(i) + t * along(jnp.minimum(i + 1, len(table) - 1))
    return jnp.moveaxis(found, -1, 0)
