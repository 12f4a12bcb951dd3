"""What the scanner makes of rows of a patient in a pose: slices, transmit and receive fields stay where they are."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from scipy import ndimage

from phantomsim.scanners.mr import coils
from phantomsim.scanners.mr.fields import transmit
from phantomsim.scanners.mr.signal.moving_states import State
from phantomsim.scanners.mr.signal.slab import slab
from phantomsim.scanners.mr.spec import MRScanner

Array = jax.Array
Axes = tuple[np.ndarray, np.ndarray, np.ndarray]
FINE = 64  # steps of the profile's table in a row's height, where a slice is tilted


class Seen(NamedTuple):
    """Coil sensitivities at voxels, as a table and the way to them.

    Attributes:
        nodes: weights from nodes to voxels along z, y, x, float32 [voxel, node].
        table: complex64 [coil, z, y, x].
    """

    nodes: tuple[Array, Array, Array]
    table: Array


class Slice(NamedTuple):
    """A slice of the scanner: its middle along z, nodes of its profile from there, and the thickness of a box [mm]."""

    middle_mm: float
    nodes_mm: np.ndarray
    thickness_mm: float

    @property
    def reach_mm(self) -> float:
        """How far from its middle it sees anything."""
        return self.thickness_mm / 2 if len(self.nodes_mm) == 1 else float(np.abs(self.nodes_mm).max())


def sensitivities(scanner: MRScanner, axes_mm: Axes, state: State) -> Seen:
    """What coils receive from voxels of the resting patient at `axes_mm` (z, y, x) in a pose.

    Of shifted voxels the scanner's table is read where they are; for a turned patient the coils' fields are computed
    at the places to which nodes in the patient have gone.
    """
    if not state.turned:
        boxes = _boxes(axes_mm, state.shift_mm)
        table = coils.sensitivity_table(scanner.coils)[:, *(b.cut for b in boxes)]
        return Seen(tuple(jnp.asarray(b.weights) for b in boxes), jnp.asarray(table))  # type: ignore[arg-type]
    boxes = _boxes(axes_mm, np.zeros(3))
    table = coils.sensitivity(scanner.coils, _gone(boxes, state)).astype(np.complex64)
    return Seen(tuple(jnp.asarray(b.weights) for b in boxes), jnp.asarray(table))  # type: ignore[arg-type]


def transmitted(scanner: MRScanner, axes_mm: Axes, state: State) -> np.ndarray | None:
    """|B1+| over the nominal one that voxels get in a pose, float32 [z, y, x]; None if it is 1 everywhere."""
    z, y, x = axes_mm
    if not state.turned:
        dx, dy, dz = state.shift_mm
        return transmit.transmit_map(scanner.fields, scanner.load, scanner.field_T, (z + dz, y + dy, x + dx))
    if scanner.fields.transmit == "uniform":
        return None
    boxes = _boxes(axes_mm, np.zeros(3))
    at = (_gone(boxes, state)[..., ::-1] - coils.node_axis_mm()[0]) / coils.NODE_mm
    whole = transmit.table(scanner.fields, scanner.load, scanner.field_T)
    table = ndimage.map_coordinates(whole, np.moveaxis(at, -1, 0), order=3, mode="nearest")
    return np.einsum("Zz,Yy,Xx,zyx->ZYX", *(b.weights for b in boxes), table, optimize=True).astype(np.float32)


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


class _Box(NamedTuple):
    """Nodes about some points of an axis: which, where [mm], and the weights from them to the points."""

    cut: slice
    nodes_mm: np.ndarray
    weights: np.ndarray


def _boxes(axes_mm: Axes, shift_mm: np.ndarray) -> tuple[_Box, ...]:
    """Of the axes z, y, x, shifted by (x, y, z); numbers of nodes do not depend on the shift."""
    found, axis = [], coils.node_axis_mm()
    for points, shift in zip(axes_mm, shift_mm[::-1]):
        count = min(int(np.ceil((points[-1] - points[0]) / coils.NODE_mm)) + 5, len(axis))
        first = int(np.clip((points[0] + shift - axis[0]) // coils.NODE_mm - 1, 0, len(axis) - count))
        cut = slice(first, first + count)
        found.append(_Box(cut, axis[cut], coils.interpolation(points + shift)[:, cut]))
    return tuple(found)


def _gone(boxes: tuple[_Box, ...], state: State) -> np.ndarray:
    """Where nodes (x, y, z) in the patient have gone [z, y, x, 3] mm, float64."""
    z, y, x = np.meshgrid(*(b.nodes_mm for b in boxes), indexing="ij")
    return np.stack([x, y, z], -1) @ state.rotation.T + state.shift_mm
