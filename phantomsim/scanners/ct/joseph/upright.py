"""The projector of upright detectors: tables of both axes, forward, adjoint, and each as the other's derivative."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from phantomsim.scanners.ct.geometry import Geometry
from phantomsim.scanners.ct.joseph import gather, march
from phantomsim.scanners.ct.joseph.lines import Box, fan, mainly_x


class Plan(NamedTuple):
    """Numbers of a projector.

    Attributes:
        along: lines that are stepped through slabs of x and of y.
        order: place of each (view, column) among them [view x column].
        back: the same from the voxels' side.
        dz_mm: voxel pitch along z.
    """

    along: tuple[march.Tables, ...]
    back: tuple[gather.Tables, ...]
    order: np.ndarray
    dz_mm: np.ndarray


class Forms(NamedTuple):
    """Static sizes of a projector: of each axis in use, of the volume (z, y, x) and of the data (view, row, column)."""

    along: tuple[march.Form, ...]
    back: tuple[gather.Gather, ...]
    axes: tuple[int, ...]
    shape: tuple[int, int, int]
    data_shape: tuple[int, int, int]


def plan(geometry: Geometry, box: Box, cell: bool, shift: float, count: int) -> tuple[Plan, Forms]:
    """Everything about where rays meet voxels."""
    rays = fan(geometry)
    chosen = mainly_x(rays)
    along: list[march.Tables] = []
    back: list[gather.Tables] = []
    forms: list[march.Form] = []
    gathers: list[gather.Gather] = []
    axes: list[int] = []
    order, done = np.empty(chosen.size, np.int32), 0
    for axis, mine in ((0, chosen), (1, ~chosen)):
        (index,) = np.nonzero(mine.reshape(-1))
        if not len(index):
            continue
        table, form = march.tables(rays, geometry, box, axis, index, cell, count, shift)
        other, sizes = gather.tables(rays, geometry, box, axis, mine, form, count)
        order[index] = done + np.arange(len(index))
        done += table.lines.middle.size
        along.append(table)
        back.append(other)
        forms.append(form)
        gathers.append(sizes)
        axes.append(axis)
    z, y, x = (int(n) for n in box.count[::-1])
    data = Plan(tuple(along), tuple(back), order, np.float32(box.pitch[2]))  # type: ignore[arg-type]
    return data, Forms(tuple(forms), tuple(gathers), tuple(axes), (z, y, x), geometry.shape)


FROM = ((3, 2, 0, 1), (2, 3, 0, 1))  # [K, z, y, x] -> [slab, across, K, z] of x and y
BACK = ((2, 3, 1, 0), (2, 3, 0, 1))


@partial(jax.custom_vjp, nondiff_argnums=(2,))
def forward(volumes: jax.Array, data: Plan, forms: Forms) -> jax.Array:
    """[K, z, y, x] -> [K, view, row, column]."""
    return _forward(volumes, data, forms)


@partial(jax.custom_vjp, nondiff_argnums=(2,))
def adjoint(values: jax.Array, data: Plan, forms: Forms) -> jax.Array:
    """[K, view, row, column] -> [K, z, y, x]: the transpose of `forward`."""
    return _adjoint(values, data, forms)


forward.defvjp(
    lambda volumes, data, forms: (_forward(volumes, data, forms), data),  # type: ignore[has-type]
    lambda forms, data, change: (adjoint(change, data, forms), None),
)
adjoint.defvjp(
    lambda values, data, forms: (_adjoint(values, data, forms), data),  # type: ignore[has-type]
    lambda forms, data, change: (forward(change, data, forms), None),
)


@partial(jax.jit, static_argnames=("forms",))
def _forward(volumes: jax.Array, data: Plan, forms: Forms) -> jax.Array:
    views, rows, columns = forms.data_shape
    sums = [
        march.march(volumes.transpose(FROM[axis]), table, data.dz_mm, form)
        for axis, table, form in zip(forms.axes, data.along, forms.along)
    ]
    lines = jnp.concatenate(sums)[data.order].reshape(views, columns, len(volumes), rows)
    return lines.transpose(2, 0, 3, 1)


@partial(jax.jit, static_argnames=("forms",))
def _adjoint(values: jax.Array, data: Plan, forms: Forms) -> jax.Array:
    count, z = len(values), forms.shape[0]
    lines = values.transpose(1, 3, 0, 2)
    total = jnp.zeros((count, *forms.shape), jnp.float32)
    for axis, table, sizes in zip(forms.axes, data.back, forms.back):
        slabs, across = forms.shape[2 - axis], forms.shape[1 + axis]
        total += gather.spread(lines, table, data.dz_mm, sizes, (slabs, across, count, z)).transpose(BACK[axis])
    return total
