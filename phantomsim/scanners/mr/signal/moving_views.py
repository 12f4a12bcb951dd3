"""Transmit and receive fields that a patient meets in a pose: they stay where they are in the scanner."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from scipy import ndimage

from phantomsim.scanners.mr import coils
from phantomsim.scanners.mr.fields import transmit
from phantomsim.scanners.mr.signal.moving_states import State
from phantomsim.scanners.mr.spec import MRScanner

Array = jax.Array
Axes = tuple[np.ndarray, np.ndarray, np.ndarray]


class Seen(NamedTuple):
    """Coil sensitivities at voxels, as a table and the way to them.

    Attributes:
        nodes: weights from nodes to voxels along z, y, x, float32 [voxel, node].
        table: complex64 [coil, z, y, x].
    """

    nodes: tuple[Array, Array, Array]
    table: Array


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
