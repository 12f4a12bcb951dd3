"""The projector of upright detectors: tables of both axes, forward, adjoint, and each as the other's derivative."""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from phantomsim.scanners.ct.geometry import Geometry
from phantomsim.scanners.ct.joseph import gather, march, planar, symmetry
from phantomsim.scanners.ct.joseph.linear import transposes
from phantomsim.scanners.ct.joseph.lines import Box, fan, mainly_x

ABREAST = (4, 64)  # views and columns that travel together


class Plan(NamedTuple):
    """Numbers of a projector.

    Attributes:
        along: lines that are stepped through slabs of x and of y.
        back: the same from the voxels' side.
        order: place of each (view, column) among the lines [view x column].
        source: of turned copies, see `symmetry.sources`; empty without symmetry.
        target, share: see `symmetry.Symmetry`; empty without symmetry.
        dz_mm: voxel pitch along z.
    """

    along: tuple[march.Tables, ...]
    back: tuple[gather.Tables, ...]
    order: np.ndarray
    source: np.ndarray
    target: np.ndarray
    share: np.ndarray
    dz_mm: np.ndarray


class Forms(NamedTuple):
    """Static sizes of a projector: of each axis in use, of the volume (z, y, x) and of the data (view, row, column)."""

    along: tuple[march.Form, ...]
    back: tuple[gather.Gather, ...]
    axes: tuple[int, ...]
    shape: tuple[int, int, int]
    data_shape: tuple[int, int, int]
    square: symmetry.Square | None = None


def plan(geometry: Geometry, box: Box, cell: bool, shift: float, count: int) -> tuple[Plan, Forms]:
    """Everything about where rays meet voxels."""
    found = symmetry.find(geometry, box, count)
    if found is not None:
        return _symmetric(geometry, box, cell, shift, count, *found)
    rays = fan(geometry)
    chosen = mainly_x(rays)
    along: list[march.Tables] = []
    back: list[gather.Tables] = []
    forms: list[march.Form] = []
    gathers: list[gather.Gather] = []
    axes: list[int] = []
    order, done = np.empty(chosen.size, np.int32), 0
    for axis, mine in ((0, chosen), (1, ~chosen)):
        index = _side_by_side(mine)
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
    none = np.zeros((0, 0, 0), np.int32)
    dz_mm = np.asarray(box.pitch[2], np.float32)
    data = Plan(tuple(along), tuple(back), order, none, none, none.astype(np.float32), dz_mm)
    return data, Forms(tuple(forms), tuple(gathers), tuple(axes), _shape(box), geometry.shape)


def _symmetric(
    geometry: Geometry,
    box: Box,
    cell: bool,
    shift: float,
    count: int,
    same: symmetry.Symmetry,
    square: symmetry.Square,
    whole: Box,
) -> tuple[Plan, Forms]:
    """The few views that stand for all, through turned copies of the volume."""
    few = geometry.subset(same.views)
    rays, turns = fan(few), len(square.turns)
    index = _side_by_side(same.mine)
    table, form = march.tables(rays, few, whole, 0, index, cell, count * turns, shift)
    other, sizes = gather.tables(rays, few, whole, 0, same.mine, form, count * turns)
    line = np.zeros(same.mine.size, np.int64)
    line[index] = np.arange(len(index))
    order = (line[same.place // turns] * turns + same.place % turns).astype(np.int32)
    dz_mm = np.asarray(box.pitch[2], np.float32)
    space = _room(int(whole.count[0]), form)
    source = symmetry.sources(square, box, space.slabs, space.across)
    data = Plan((table,), (other,), order, source, same.target, same.share, dz_mm)
    return data, Forms((form,), (sizes,), (0,), _shape(box), geometry.shape, square)


def _side_by_side(mine: np.ndarray) -> np.ndarray:
    """Flat indices of lines, in an order such that lines of a chunk run through the same voxels: they stay cached."""
    view, column = np.nonzero(mine)
    order = np.lexsort((column, view, column // ABREAST[1], view // ABREAST[0]))
    return (view * mine.shape[1] + column)[order]


def _shape(box: Box) -> tuple[int, int, int]:
    z, y, x = (int(n) for n in box.count[::-1])
    return z, y, x


FROM = ((3, 2, 1, 0), (2, 3, 1, 0))  # [K, z, y, x] -> [slab, across, z, K] of x and y
BACK = ((3, 2, 1, 0), (3, 2, 0, 1))


def _room(slabs: int, form: march.Form) -> march.Room:
    return planar.room(form) if form.planar else march.room(slabs, form)


def _rows(volume: jax.Array, count: int, form: march.Form) -> jax.Array:
    return volume if form.planar else march.z_rows(volume, count, form)


def _alone(volume: jax.Array, form: march.Form) -> jax.Array:
    """What `_march` takes, of a volume [slab, across, z, K] without symmetry."""
    slabs, _, _, count = volume.shape
    space = _room(slabs, form)
    return jnp.pad(_rows(volume, count, form), ((0, space.slabs), space.across, (0, 0), (0, 0)))


def _march(stack: jax.Array, table: march.Tables, dz_mm: Any, form: march.Form, width: int) -> jax.Array:
    if form.planar:
        return planar.march(stack, table.lines, dz_mm, form, width)
    return march.march(stack, table, dz_mm, form, width)


def _wide(forms: Forms, square: symmetry.Square) -> int:
    return forms.shape[2] + sum(square.room[1])


def _spread(lines: jax.Array, table: gather.Tables, dz_mm: Any, sizes: gather.Gather, shape: tuple) -> jax.Array:
    return (planar if sizes.march.planar else gather).spread(lines, table, dz_mm, sizes, shape)


@partial(jax.jit, static_argnames=("forms",))
def _forward(volumes: jax.Array, data: Plan, forms: Forms) -> jax.Array:
    views, rows, columns = forms.data_shape
    if forms.square is not None:
        count = len(volumes) * len(forms.square.turns)
        stack = symmetry.copies(_rows(volumes.transpose(FROM[0]), count, forms.along[0]), jnp.asarray(data.source))
        sums = _march(stack, data.along[0], data.dz_mm, forms.along[0], _wide(forms, forms.square))
        sums = sums.reshape(len(sums), rows, len(volumes), -1).transpose(0, 3, 2, 1)
        lines = sums.reshape(-1, len(volumes), rows)[data.order]
    else:
        parts = [
            _march(_alone(volumes.transpose(FROM[axis]), form), table, data.dz_mm, form, forms.shape[1 + axis])
            for axis, table, form in zip(forms.axes, data.along, forms.along)
        ]
        lines = jnp.concatenate(parts)[data.order].transpose(0, 2, 1)
    return lines.reshape(views, columns, len(volumes), rows).transpose(2, 0, 3, 1)


@partial(jax.jit, static_argnames=("forms",))
def _adjoint(values: jax.Array, data: Plan, forms: Forms) -> jax.Array:
    if forms.square is not None:
        return _adjoint_of_copies(values, data, forms, forms.square)
    count, z = len(values), forms.shape[0]
    lines = values.transpose(1, 3, 2, 0)
    total = jnp.zeros((count, *forms.shape), jnp.float32)
    for axis, table, sizes in zip(forms.axes, data.back, forms.back):
        slabs, across = forms.shape[2 - axis], forms.shape[1 + axis]
        total += _spread(lines, table, data.dz_mm, sizes, (slabs, across, z, count)).transpose(BACK[axis])
    return total


def _adjoint_of_copies(values: jax.Array, data: Plan, forms: Forms, square: symmetry.Square) -> jax.Array:
    count, rows, turns = len(values), values.shape[2], len(square.turns)
    lines = values.transpose(1, 3, 0, 2).reshape(-1, count, rows)[data.target]
    lines = lines * data.share[..., None, None]
    lines = lines.transpose(0, 1, 4, 3, 2).reshape(*data.target.shape[:2], rows, count * turns)
    wide = _wide(forms, square)
    shape = (wide, wide, forms.shape[0], count * turns)
    return symmetry.merge(_spread(lines, data.back[0], data.dz_mm, forms.back[0], shape), square)


# [K, z, y, x] -> [K, view, row, column], and its transpose
forward, adjoint = transposes(_forward, _adjoint)
