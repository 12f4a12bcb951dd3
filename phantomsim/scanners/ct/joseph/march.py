"""Line integrals for upright detectors: whole z-rows first, then along z.

Joseph, IEEE Trans. Med. Imaging 1 (1982) 192, doi:10.1109/TMI.1982.4307572: step through the slabs of the axis that
the ray is most parallel to and interpolate in each. With z as the fastest dimension, one interpolation across serves
whole z-rows, and with them all rows of a detector column. The z-rows of a group of slabs are summed before the rays of
the cone are read off them at their height in the group's middle: the shift of height within a group is odd about its
middle, so that the error is of second order, a blur along z of at most the shift.

Cells with a footprint are boxes seen against voxels that are boxes, in the middle plane of each slab: distance-driven
projection, De Man and Basu, Phys. Med. Biol. 49 (2004) 2463, doi:10.1088/0031-9155/49/11/024. Across, the few voxels
under a cell are weighted by their overlap; along z, running sums are read at the edges that neighbouring rows share.
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from phantomsim.scanners.ct.geometry import Geometry
from phantomsim.scanners.ct.joseph.lines import Box, Crossings, Fan, crossings

WORK = 2**19  # numbers of a chunk of lines: its sums stay in the cache
LANES = 8  # the fastest dimension is padded to a multiple,
SLACK = 0.2
PLANAR = 32  # slabs of a group where there is no z
LEAST = 32  # and to no less: a shorter one is slow
READS = 64  # of volumes, in one go, that are read as vectors


class Form(NamedTuple):
    """The static sizes of one axis' march.

    Attributes:
        taps: voxels across that a line reads in a slab.
        group: slabs read off together.
        chunk: lines at a time.
        window: z-rows that a chunk reads.
        rows: of the detector.
        cell: footprint of cells, else point rays.
        planar: one row in the plane of one slice, which it never leaves: no work along z.
        together: groups that are read in one go.
    """

    taps: int
    group: int
    chunk: int
    window: int
    rows: int
    cell: bool
    planar: bool = False
    together: int = 1


class Tables(NamedTuple):
    """Lines of one axis in chunks.

    Attributes:
        lines: float32 [chunk, line].
        first: first z-row of each chunk's window [chunk].
    """

    lines: Crossings
    first: np.ndarray


def tables(
    rays: Fan, geometry: Geometry, box: Box, axis: int, index: np.ndarray, cell: bool, count: int, shift: float
) -> tuple[Tables, Form]:
    """Chunks of the lines with flat (view, column) indices `index`; see `Form`."""
    where = np.unravel_index(index, (geometry.views, geometry.columns))
    lines = crossings(rays, geometry, box, axis, where, cell)
    chunk = _chunk(len(index), count * min(int(box.count[2]) + 2, 512))
    pad = -len(index) % chunk
    lines = Crossings(*(np.pad(field, (0, pad), mode="edge").reshape(-1, chunk) for field in lines))
    low, high = z_range(lines, geometry.rows, cell, int(box.count[axis]))
    edge = 0.5 if cell else 1e-4
    if box.count[2] == 1 and geometry.rows == 1 and low.min() >= -edge and high.max() <= edge:
        narrow = Form(taps(lines, box, axis, cell), PLANAR, chunk, 1, 1, cell, planar=True)
        first = np.zeros(len(lines.z), np.int32)
        return Tables(Crossings(*(field.astype(np.float32) for field in lines)), first), narrow
    whole = int(box.count[2])
    begin = np.clip(np.floor(low.min(-1)) - 1, 0, whole - 1).astype(np.int32)
    end = np.clip(np.ceil(high.max(-1)) + 2, 1, whole)
    window = min(whole, int(np.max(end - begin)))
    if window > 0.8 * whole:
        window = whole
    first = np.minimum(begin, whole - window).astype(np.int32)
    size = group(lines, geometry.rows, shift)
    together = _together(-(-int(box.count[axis]) // size), count)
    form = Form(taps(lines, box, axis, cell), size, chunk, window, geometry.rows, cell, together=together)
    return Tables(Crossings(*(field.astype(np.float32) for field in lines)), first), form


def _chunk(lines: int, width: int) -> int:
    size = max(256, min(2**17, 2 ** int(np.log2(WORK / width + 1))))
    return min(size, max(8, 1 << (lines - 1).bit_length()))


def z_range(lines: Crossings, rows: int, cell: bool, slabs: int) -> tuple[np.ndarray, np.ndarray]:
    """Lowest and highest z, in voxels, that each line's rays reach in any slab."""
    ends = [
        lines.z + lines.z_step * slab + row * (lines.pitch + lines.pitch_step * slab)
        for slab in (0, slabs - 1)
        for row in (0, rows if cell else rows - 1)
    ]
    return np.min(ends, 0), np.max(ends, 0)


def group(lines: Crossings, rows: int, shift: float) -> int:
    """Slabs that can be read off together for no ray to be higher or lower than its middle by more than `shift`."""
    steepest = max(float(np.abs(lines.z_step + row * lines.pitch_step).max()) for row in (0, rows))
    return int(np.clip(1 + np.floor(2 * shift / max(steepest, 1e-9)), 1, 8))


def taps(lines: Crossings, box: Box, axis: int, cell: bool) -> int:
    """Voxels that a line can touch in one slab: two for points, for cells as many as the widest covers.

    Cells that are wider than a voxel by up to `SLACK` are narrowed to it, which is a blur too little to matter.
    """
    if not cell:
        return 2
    width = np.max([2 * (lines.half + lines.half_step * i) for i in (0, box.count[axis] - 1)], 0)
    widest = float(np.where(lines.stride_mm > 0, width, 0).max(initial=0))
    return 2 if widest <= 1 + SLACK else min(int(np.ceil(widest - 1e-6)) + 1, int(box.count[1 - axis]) + 1)


def running_sum(volume: jax.Array) -> jax.Array:
    """Sum of all voxels below each edge along z [.., z, K] -> [.., z + 1, K]."""
    return jnp.pad(jnp.cumsum(volume, -2), [(0, 0)] * (volume.ndim - 2) + [(1, 0), (0, 0)])


def across(lines: Crossings, slab: jax.Array, form: Form, count: int) -> tuple[jax.Array, list[jax.Array]]:
    """First voxel (`taps` is added for padding) and weights of each line in a slab."""
    middle, half = footprint(lines, slab, form)
    first = first_voxel(middle, half, form)
    shares = [share(middle, half, first + m, form) for m in range(form.taps)]
    return jnp.clip(first, -form.taps, count).astype(jnp.int32) + form.taps, shares


def first_voxel(middle: jax.Array, half: jax.Array, form: Form) -> jax.Array:
    """The lowest voxel that a column touches."""
    return jnp.floor(middle - half + 0.5) if form.cell else jnp.floor(middle)


def share(middle: jax.Array, half: jax.Array, voxel: jax.Array, form: Form) -> jax.Array:
    """Weight of a voxel for a column: share of the column in it, or linear with the distance for points."""
    if not form.cell:
        return jnp.maximum(0, 1 - jnp.abs(middle - voxel))
    overlap = jnp.minimum(middle + half, voxel + 0.5) - jnp.maximum(middle - half, voxel - 0.5)
    return jnp.maximum(overlap, 0) * (0.5 / half)


def footprint(lines: Crossings, slab: jax.Array, form: Form) -> tuple[jax.Array, jax.Array]:
    """Middle and half width of columns in a slab, in voxels."""
    half = jnp.clip(lines.half + lines.half_step * slab, 1e-3, (form.taps - 1) / 2)
    return lines.middle + lines.middle_step * slab, half


class Room(NamedTuple):
    """Voxels of zero to add at the end of slabs, and on both sides across."""

    slabs: int
    across: tuple[int, int]


def room(slabs: int, form: Form) -> Room:
    """What `march` wants around a volume."""
    return Room(-slabs % (form.group * form.together), (form.taps, 2 * form.taps))


def z_rows(volume: jax.Array, count: int, form: Form) -> jax.Array:
    """Z-rows as `march` reads them, `count` together: padded, or sums for cells [.., z, K] -> [.., height, K]."""
    ends = [(0, 0)] * (volume.ndim - 2)
    stack = running_sum(volume) if form.cell else jnp.pad(volume, [*ends, (1, 1), (0, 0)])
    depth = form.window + (1 if form.cell else 2)
    return jnp.pad(stack, [*ends, (0, lanes(depth, count) - depth), (0, 0)])


@partial(jax.jit, static_argnames=("form", "width"))
def march(stack: jax.Array, data: Tables, dz_mm: jax.Array, form: Form, width: int) -> jax.Array:
    """Integrals along the lines of one axis.

    Args:
        stack: [slab, across, height, K], of `z_rows` and with `room`.
        data: of `tables`.
        dz_mm: voxel pitch along z.
        form: of `tables`.
        width: voxels across, without `room`.
    Returns:
        [line, row, K].
    """

    def chunk(_: None, part: tuple[Crossings, Any]) -> tuple[None, jax.Array]:
        return None, _chunk_of_lines(stack, *part, dz_mm, form, width)

    sums = jax.lax.scan(chunk, None, (data.lines, data.first))[1]
    return sums.reshape(-1, form.rows, stack.shape[-1])


def lanes(depth: int, count: int) -> int:
    """Heights of padded z-rows of `count` volumes side by side, so that XLA treats them as vectors."""
    return max(depth + -depth % max(1, LANES // count), -(-LEAST // count))


def _chunk_of_lines(
    slabs: jax.Array, lines: Crossings, first: jax.Array, dz_mm: jax.Array, form: Form, width: int
) -> jax.Array:
    """Integrals along one chunk of lines [line, row, K]."""
    count, size = slabs.shape[-1], form.chunk
    height = lanes(form.window + (1 if form.cell else 2), count)
    readings = form.rows + form.cell

    def slab(i: jax.Array) -> jax.Array:
        plane = jax.lax.dynamic_index_in_dim(slabs, i, 0, keepdims=False)
        plane = jax.lax.dynamic_slice_in_dim(plane, first, height, -2).reshape(-1, height * count)
        low, shares = across(lines, i.astype(jnp.float32), form, width)
        rows = jnp.zeros((size, height * count), jnp.float32)
        for m, part in enumerate(shares):
            rows += part[:, None] * plane.at[low + m].get(mode="promise_in_bounds")
        return rows

    def block(carry: tuple, starts: jax.Array) -> tuple[tuple, None]:
        total, found, rows = carry  # places are found one step before: XLA would find them for each number anew

        def group(g: jax.Array, rows: jax.Array) -> jax.Array:
            one = sum(slab(starts[g] + j) for j in range(form.group))
            return jax.lax.dynamic_update_index_in_dim(rows, one, g, 0)

        rows = jax.lax.fori_loop(0, form.together, group, rows)
        groups = zip(rows.reshape(-1, size, height, count), *found)
        total = total + sum(_read(one, below, part, scale, form) for one, below, part, scale in groups)
        return (total, _places(lines, starts + form.together * form.group, first, form), rows), None

    total = jnp.zeros((size, readings, count), jnp.float32)
    rows = jnp.zeros((form.together, size, height * count), jnp.float32)
    starts = jnp.arange(0, len(slabs), form.group).reshape(-1, form.together)
    total = jax.lax.scan(block, (total, _places(lines, starts[0], first, form), rows), starts)[0][0]
    if form.cell:
        total = jnp.diff(total, axis=1)
    return total * path_mm(lines, dz_mm, form)[..., None]


def _together(groups: int, count: int) -> int:
    """Groups of slabs that are read in one go.

    LLVM makes vectors of the loop over 8 volumes or more, but only if there is much to do in it; with fewer, a handful
    saves passes over the sums and more only fill the cache (all measured).
    """
    most = 4 if count < 8 else max(2, READS // count)
    return -(-groups // -(-groups // most))


def _places(lines: Crossings, starts: jax.Array, first: jax.Array, form: Form) -> tuple[jax.Array, ...]:
    """Where rows (or their edges) are read in a chunk's window, for groups from their first slabs [group, line, row].

    Returns:
        (height below, how far above it, weight of both).
    """
    middle = (starts + 0.5 * (form.group - 1))[:, None]
    pitch = lines.pitch + lines.pitch_step * middle
    row = jnp.arange(form.rows + form.cell, dtype=jnp.float32)
    z = (lines.z + lines.z_step * middle)[..., None] + pitch[..., None] * row
    z = z - first.astype(jnp.float32) + (0.5 if form.cell else 1.0)
    z = jnp.clip(z, 0, form.window + 1 - form.cell)
    below = jnp.minimum(z.astype(jnp.int32), form.window - form.cell)
    return below, z - below, 1 / jnp.maximum(pitch, 1e-6)  # behind the focal spot, where no line is, it has no meaning


def _read(rows: jax.Array, place: jax.Array, part: jax.Array, scale: jax.Array, form: Form) -> jax.Array:
    """Interpolate a group's z-rows [line, z, K] -> [line, row, K]; running sums of cells over the pitch."""
    lines, height, count = rows.shape
    flat = rows.reshape(-1, count)
    index = jnp.arange(lines, dtype=jnp.int32)[:, None] * height + place
    one, two = (flat.at[index + i].get(mode="promise_in_bounds") for i in (0, 1))
    value = one + part[..., None] * (two - one)
    return value * scale[:, None, None] if form.cell else value


def path_mm(lines: Crossings, dz_mm: jax.Array, form: Form) -> jax.Array:
    """Way of each ray through a slab [line, row]."""
    row = jnp.arange(form.rows, dtype=jnp.float32) + 0.5 * form.cell
    climb = (lines.z_step[:, None] + lines.pitch_step[:, None] * row) * dz_mm
    return jnp.sqrt(lines.stride_mm[:, None] ** 2 + climb**2) * (lines.stride_mm > 0)[:, None]
