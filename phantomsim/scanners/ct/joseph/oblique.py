"""The projector of any vectors of views: tomosynthesis, C-arms, tilted detectors; one ray at a time.

Joseph, IEEE Trans. Med. Imaging 1 (1982) 192, doi:10.1109/TMI.1982.4307572: each ray is stepped through the slabs of
the axis that it is most parallel to, with bilinear interpolation in each. The transpose asks, for every voxel of a
slab, which cells' rays pass within a voxel, and takes them with the same weights.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from phantomsim.scanners.ct.geometry import Geometry
from phantomsim.scanners.ct.joseph.linear import transposes
from phantomsim.scanners.ct.joseph.lines import Box

MARGIN = 0.02  # of a cell: rounding, and the bend of a curved detector within a voxel
OTHER = ((1, 2), (0, 2), (0, 1))  # the axes across slabs of x, y, z
TO_SLABS = ((3, 2, 1, 0), (2, 3, 1, 0), (1, 3, 2, 0))  # [K, z, y, x] -> [slab, across, across, K]
FROM_SLABS = ((3, 2, 1, 0), (3, 2, 0, 1), (3, 0, 2, 1))


class Views(NamedTuple):
    """Views with a ray that is stepped through slabs of one axis; lengths in voxels, except for the last.

    Attributes:
        index: of the view [n].
        source: (x, y, z), or for parallel rays their direction [n, 3].
        middle: the source, or the detector's middle for parallel rays [n, 3].
        line: the middle row's points [n, column, 3].
        up: step of a row [n, 3].
        mine: whether a ray is stepped through this axis' slabs [n, row, column].
        inverse: of (ahead, along, up) in voxels [n, 3, 3].
        arc: along the detector's arc per radian, in columns [n].
    """

    index: np.ndarray  # type: ignore[assignment]
    source: np.ndarray
    middle: np.ndarray
    line: np.ndarray
    up: np.ndarray
    mine: np.ndarray
    inverse: np.ndarray
    arc: np.ndarray


class Plan(NamedTuple):
    """Numbers: views of each axis in use, pitch of voxels (x, y, z) [mm]."""

    views: tuple[Views, ...]
    pitch: np.ndarray


class Forms(NamedTuple):
    """Static: axes in use, shape (z, y, x), data shape, cells (columns, rows) that a voxel can touch, kind, shift of
    the middle column, sub-rays of a cell (rows, columns)."""

    axes: tuple[int, ...]
    shape: tuple[int, int, int]
    data_shape: tuple[int, int, int]
    taps: tuple[int, int]
    kind: str
    bend: float
    parts: tuple[int, int]


def plan(geometry: Geometry, box: Box, cell: bool) -> tuple[Plan, Forms]:
    """Everything about where rays meet voxels; cells with a footprint become a few rays each."""
    parts = _parts(geometry, box) if cell else (1, 1)
    fine = _finer(geometry, *parts)
    points = fine.cells()
    rays = np.broadcast_to(fine.source_mm[:, None, None], points.shape)
    rays = rays if fine.beam == "parallel" else points - rays
    main = np.argmax(np.abs(rays), -1)
    axes = tuple(axis for axis in range(3) if (main == axis).any())
    kind = "parallel" if fine.beam == "parallel" else fine.detector
    bend = (fine.columns - 1) / 2 + fine.column_offset
    views = tuple(_views(fine, box, main == axis) for axis in axes)
    shape = tuple(int(n) for n in box.count[::-1])
    taps = _taps(views, axes, box, kind, bend)
    forms = Forms(axes, shape, geometry.shape, taps, kind, bend, parts)  # type: ignore[arg-type]
    return Plan(views, box.pitch.astype(np.float32)), forms


def _parts(geometry: Geometry, box: Box) -> tuple[int, int]:
    """Sub-rays of a cell: two per voxel that it covers, seen at the volume's middle."""
    middle = box.first + 0.5 * (box.count - 1) * box.pitch
    scale = 1.0
    if geometry.beam == "cone":
        near = np.linalg.norm(middle - geometry.source_mm, axis=-1)
        scale = float(np.max(near / np.linalg.norm(geometry.centre_mm - geometry.source_mm, axis=-1)))
    sizes = (geometry.up_mm, geometry.along_mm)
    rows, columns = (float(np.linalg.norm(s, axis=-1).max()) * scale / float(box.pitch.min()) for s in sizes)
    return int(np.clip(np.ceil(2 * rows), 2, 8)), int(np.clip(np.ceil(2 * columns), 2, 8))


def _finer(geometry: Geometry, rows: int, columns: int) -> Geometry:
    """Cells divided into rows x columns smaller ones."""
    return Geometry(
        geometry.source_mm,
        geometry.centre_mm,
        geometry.along_mm / columns,
        geometry.up_mm / rows,
        geometry.columns * columns,
        geometry.rows * rows,
        geometry.detector,
        geometry.beam,
        geometry.column_offset * columns,
    )


def _views(geometry: Geometry, box: Box, mine: np.ndarray) -> Views:
    (index,) = np.nonzero(mine.any((1, 2)))
    parallel = geometry.beam == "parallel"
    line = (geometry.cells(rows=np.zeros(1))[index, 0] - box.first) / box.pitch
    source = geometry.source_mm[index] / box.pitch if parallel else (geometry.source_mm[index] - box.first) / box.pitch
    ahead = geometry.source_mm if parallel else geometry.centre_mm - geometry.source_mm
    frame = np.stack([ahead, geometry.along_mm, geometry.up_mm], -1)[index] / box.pitch[:, None]
    arc = np.linalg.norm(ahead, axis=-1) / np.linalg.norm(geometry.along_mm, axis=-1)
    middle = (geometry.centre_mm[index] - box.first) / box.pitch if parallel else source
    fields = (source, middle, line, geometry.up_mm[index] / box.pitch)
    source, middle, line, up = (field.astype(np.float32) for field in fields)
    inverse = np.linalg.inv(frame).astype(np.float32)
    return Views(index.astype(np.int32), source, middle, line, up, mine[index], inverse, arc[index].astype(np.float32))


def _taps(views: tuple[Views, ...], axes: tuple[int, ...], box: Box, kind: str, bend: float) -> tuple[int, int]:
    """Most cells (columns, rows) within a voxel to each side, over the corners of the volume."""
    most = np.ones(2)
    for axis, some in zip(axes, views):
        one, two = OTHER[axis]
        for corner in np.stack(np.meshgrid(*[(0.0, n - 1.0) for n in box.count], indexing="ij"), -1).reshape(-1, 3):
            ends = []
            for a in (-1, 1):
                for b in (-1, 1):
                    place = corner.copy()
                    place[[one, two]] += (a, b)
                    ends.append(_cell(np, place, some.middle, some.inverse, some.arc, kind, bend))
            most = np.maximum(most, np.max(np.ptp(np.asarray(ends), 0), -1))
    room = np.ceil(1.1 * most).astype(int) + 1
    return int(min(room[0], views[0].line.shape[1])), int(min(room[1], views[0].mine.shape[1]))


def _cell(xp, place, origin, inverse, arc, kind: str, bend: float):  # type: ignore[no-untyped-def]
    """(Column, row from the middle) that sees a place (x, y, z) in voxels; numpy or JAX, views along the first axis."""
    away = place - origin
    ahead, along, up = (sum(inverse[..., i, j] * away[..., j] for j in range(3)) for i in range(3))
    if kind == "parallel":
        return along + bend, up
    ahead = xp.maximum(ahead, 1e-6)
    if kind == "flat":
        return along / ahead + bend, up / ahead
    angle = xp.arctan2(along / arc, ahead)
    return angle * arc + bend, up / ahead * xp.cos(angle)


def _rays(view: Views, axis: int, pitch: jax.Array | np.ndarray, kind: str) -> tuple[jax.Array, ...]:
    """Where rays cross slab 0 and how they go on, on both other axes; way through a slab, 0 if not mine."""
    rows = view.mine.shape[-2]
    row = jnp.arange(rows, dtype=jnp.float32) - (rows - 1) / 2
    points = [view.line[None, :, i] + view.up[i] * row[:, None] for i in range(3)]
    start = points if kind == "parallel" else [view.source[i] for i in range(3)]
    away = [view.source[i] if kind == "parallel" else points[i] - view.source[i] for i in range(3)]
    steps = [away[b] / jnp.where(view.mine, away[axis], jnp.inf) for b in range(3)]
    at = [start[b] - start[axis] * steps[b] for b in OTHER[axis]]
    way = jnp.sqrt((steps[axis] * pitch[axis]) ** 2 + sum((steps[b] * pitch[b]) ** 2 for b in OTHER[axis]))
    return (*at, *(steps[b] for b in OTHER[axis]), jnp.where(view.mine, way, 0))


@partial(jax.jit, static_argnames=("forms",))
def _forward(volumes: jax.Array, data: Plan, forms: Forms) -> jax.Array:
    views, rows, columns = forms.data_shape
    down, right = forms.parts
    total = jnp.zeros((views, rows, columns, len(volumes)), jnp.float32)
    for axis, some in zip(forms.axes, data.views):
        copy = volumes.transpose(TO_SLABS[axis])

        def view(_: None, one: Views, axis: int = axis, copy: jax.Array = copy) -> tuple[None, jax.Array]:
            fine = _through(copy, _rays(one, axis, data.pitch, forms.kind))
            return None, fine.reshape(rows, down, columns, right, -1).mean((1, 3))

        found = jax.lax.scan(view, None, some)[1]
        total = total.at[some.index].add(found, unique_indices=True)
    return total.transpose(3, 0, 1, 2)


def _through(volume: jax.Array, rays: tuple[jax.Array, ...]) -> jax.Array:
    """Integrals along rays [row, column, K] through slabs [slab, u, v, K]."""
    slabs, wide, high, count = volume.shape
    padded = jnp.pad(volume, ((0, 0), (1, 2), (1, 2), (0, 0))).reshape(slabs, -1, count)
    at_u, at_v, step_u, step_v, way = rays

    def slab(total: jax.Array, part: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, None]:
        plane, index = part
        u = jnp.clip(at_u + step_u * index + 1, 0, wide + 1)
        v = jnp.clip(at_v + step_v * index + 1, 0, high + 1)
        i, j = u.astype(jnp.int32), v.astype(jnp.int32)
        for m, share in ((0, 1 - (u - i)), (1, u - i)):
            for n, part_ in ((0, 1 - (v - j)), (1, v - j)):
                place = (i + m) * (high + 3) + j + n
                total += (share * part_)[..., None] * plane.at[place].get(mode="promise_in_bounds")
        return total, None

    zero = jnp.zeros((*way.shape, count), jnp.float32)
    return jax.lax.scan(slab, zero, (padded, jnp.arange(slabs, dtype=jnp.float32)))[0] * way[..., None]


@partial(jax.jit, static_argnames=("forms",))
def _adjoint(values: jax.Array, data: Plan, forms: Forms) -> jax.Array:
    down, right = forms.parts
    sent = values.transpose(1, 2, 3, 0) / (down * right)
    total = jnp.zeros((len(values), *forms.shape), jnp.float32)
    for axis, some in zip(forms.axes, data.views):
        size = [forms.shape[2 - b] for b in (axis, *OTHER[axis])]

        def view(before: jax.Array, one: Views, axis: int = axis) -> tuple[jax.Array, None]:
            rays = _rays(one, axis, data.pitch, forms.kind)
            fine = jnp.repeat(jnp.repeat(sent[one.index], down, 0), right, 1) * rays[4][..., None]
            return _back(before, fine, rays, one, axis, forms), None

        zero = jnp.zeros((*size, len(values)), jnp.float32)
        total += jax.lax.scan(view, zero, some)[0].transpose(FROM_SLABS[axis])
    return total


def _back(
    before: jax.Array, sent: jax.Array, rays: tuple[jax.Array, ...], view: Views, axis: int, forms: Forms
) -> jax.Array:
    """What one view's rays [row, column, K] send to each voxel, added to [slab, u, v, K]."""
    slabs, wide, high, count = before.shape
    rows, columns = sent.shape[:2]
    u, v = (a.astype(jnp.float32) for a in jnp.meshgrid(jnp.arange(wide), jnp.arange(high), indexing="ij"))
    at_u, at_v, step_u, step_v = (a.reshape(-1) for a in rays[:4])
    flat = sent.reshape(-1, count)
    shift = (0.0, (rows - 1) / 2)
    origin = view.middle

    def cell(slab: jax.Array, du: int, dv: int) -> tuple[jax.Array, jax.Array]:
        place: list = [None] * 3
        place[axis], place[OTHER[axis][0]], place[OTHER[axis][1]] = jnp.full_like(u, 1) * slab, u + du, v + dv
        return _cell(jnp, jnp.stack(place, -1), origin, view.inverse, view.arc, forms.kind, forms.bend)

    def slab(_: None, part: tuple[jax.Array, jax.Array]) -> tuple[None, jax.Array]:
        total, index = part
        corners = [cell(index, a, b) for a in (-1, 1) for b in (-1, 1)]
        low = [jnp.ceil(jnp.min(jnp.stack([c[i] for c in corners]), 0) + shift[i] - MARGIN) for i in (0, 1)]
        first_c = jnp.clip(low[0], -forms.taps[0], columns).astype(jnp.int32)
        first_r = jnp.clip(low[1], -forms.taps[1], rows).astype(jnp.int32)

        def tap(m: jax.Array, total: jax.Array) -> jax.Array:
            r, c = first_r + m // forms.taps[0], first_c + m % forms.taps[0]
            seen = (r >= 0) & (r < rows) & (c >= 0) & (c < columns)
            which = jnp.clip(r, 0, rows - 1) * columns + jnp.clip(c, 0, columns - 1)
            get = partial(lambda a, i: a.at[i].get(mode="promise_in_bounds"), i=which)
            share_u = jnp.maximum(0, 1 - jnp.abs(get(at_u) + get(step_u) * index - u))
            share_v = jnp.maximum(0, 1 - jnp.abs(get(at_v) + get(step_v) * index - v))
            return total + jnp.where(seen, share_u * share_v, 0)[..., None] * get(flat)

        return None, jax.lax.fori_loop(0, forms.taps[0] * forms.taps[1], tap, total)

    return jax.lax.scan(slab, None, (before, jnp.arange(slabs, dtype=jnp.float32)))[1]


# [K, z, y, x] -> [K, view, row, column], and its transpose
forward, adjoint = transposes(_forward, _adjoint)
