"""Line integrals through a voxel volume: Joseph's method in the plane, whole cells along z.

Joseph, IEEE Trans. Med. Imaging 1 (1982) 192, doi:10.1109/TMI.1982.4307572: step through the slabs of
the axis that the ray is most parallel to; in each, interpolate linearly between the two nearest voxels.
Here that is done in the (x, y) plane. All rows of one detector column lie above one horizontal line, so one
interpolation serves whole z-columns of voxels. Along z a detector cell averages over its full height
(voxels are boxes, the cell is a box, both seen from the source): running sums over z, read at the edges of
the cells, give that exactly for one slab. Several slabs are read together at the height of their middle: the
error is of second order in the cone angle, and `_group_mm` bounds the shift at their ends.

Several basis materials travel side by side in the fastest dimension.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from phantomsim.errors import GridError
from phantomsim.scanners.ct.geometry import Rays

SHIFT = 0.15  # largest shift of a row's height within slabs that are read together, in rows
CHUNK = 1024  # lines at a time: sums of one chunk stay in the second-level cache


class Lines(NamedTuple):
    """Horizontal lines that cross slabs i = 0 .. n - 1 of one axis; each field [line], float32.

    In slab i the line is at voxel `start + step * i` of the other axis, at horizontal distance
    `reach + stride * i` [mm] from its source, whose height is `height` voxels above the volume's lower edge.
    """

    start: jax.Array | np.ndarray
    step: jax.Array | np.ndarray
    reach: jax.Array | np.ndarray
    stride: jax.Array | np.ndarray
    height: jax.Array | np.ndarray


class Plan(NamedTuple):
    """Lines split by the axis that they follow, x then y, and the place of each (view, column) among them."""

    along_x: Lines
    along_y: Lines
    order: np.ndarray


def plan(
    rays: Rays, shape: tuple[int, ...], spacing_mm: tuple[float, float, float], centre_mm: np.typing.ArrayLike
) -> Plan:
    """Sort the columns of all views by their main direction (host side).

    Args:
        rays: source and detector points [mm from the isocentre].
        shape: last three: voxels along z, y, x.
        spacing_mm: voxel pitch along z, y, x [mm].
        centre_mm: (x, y, z) of the volume's middle from the isocentre [mm].
    """
    views, _, columns = rays.shape
    source = np.repeat(rays.source_mm, columns, 0)
    u = rays.directions.reshape(-1, 2)
    first = np.asarray(centre_mm, float) - 0.5 * (np.asarray(shape[:-4:-1]) - 1) * np.asarray(spacing_mm[::-1])
    height = (source[:, 2] - first[2]) / spacing_mm[0] + 0.5
    mainly_x = np.abs(u[:, 0]) >= np.abs(u[:, 1])
    lines, order = [], np.empty(views * columns, np.int32)
    done = 0
    for axis, chosen in ((0, mainly_x), (1, ~mainly_x)):
        (index,) = np.nonzero(chosen)
        lines.append(_lines(axis, source[index], u[index], height[index], first, spacing_mm[::-1]))
        order[index] = done + np.arange(len(index))
        done += len(lines[-1].start)
    return Plan(lines[0], lines[1], order)


def _lines(axis: int, source: np.ndarray, u: np.ndarray, height: np.ndarray, first: np.ndarray, pitch: tuple) -> Lines:
    """Lines that follow one axis, their number padded with copies of the last to a multiple of CHUNK."""
    other = 1 - axis
    tangent = u[:, other] / u[:, axis]
    stride = pitch[axis] / u[:, axis]
    reach = (first[axis] - source[:, axis]) / u[:, axis]
    step = tangent * pitch[axis] / pitch[other]
    start = (source[:, other] + (first[axis] - source[:, axis]) * tangent - first[other]) / pitch[other]
    fields = np.stack([start, step, reach, stride, height]).astype(np.float32)
    return Lines(*np.pad(fields, ((0, 0), (0, -fields.shape[1] % CHUNK)), mode="edge"))


def line_integrals(
    volumes: jax.Array,
    spacing_mm: tuple[float, float, float],
    centre_mm: np.typing.ArrayLike,
    rays: Rays,
    shift: float = SHIFT,
) -> jax.Array:
    """Integrate K volumes along every ray.

    Args:
        volumes: float32 [K, z, y, x], for instance attenuation [1/mm] or volume fractions [1].
        spacing_mm: voxel pitch along z, y, x [mm].
        centre_mm: (x, y, z) of the volume's middle from the isocentre [mm].
        rays: source and detector points [mm].
        shift: how far, in rows, the height of a ray may move within slabs that are read together; 0: slab by slab.
    Returns:
        float32 [K, view, row, column]: integrals in mm x the unit of `volumes`; zero where a ray misses.
    Raises:
        GridError: volumes is not [K, z, y, x].
    """
    if volumes.ndim != 4:
        raise GridError(f"volumes have shape {volumes.shape}; line_integrals needs [K, z, y, x]")
    lines = plan(rays, volumes.shape, spacing_mm, centre_mm)
    thickness = _group_mm(rays, shift)
    groups = tuple(max(1, min(64, int(thickness / pitch))) for pitch in (spacing_mm[2], spacing_mm[1]))
    edges = np.asarray(rays.row_edges / spacing_mm[0], np.float32)
    slant = np.sqrt(1 + rays.row_slopes**2).astype(np.float32)
    return _integrate(jnp.asarray(volumes, jnp.float32), lines, edges, slant, rays.shape, groups)


def _group_mm(rays: Rays, shift: float) -> float:
    """Thickness within which the outermost ray climbs, to either side of the middle, by `shift` rows at the centre."""
    steepest = float(np.max(np.abs(rays.row_edges)))
    row = float(np.min(np.diff(rays.row_edges))) * float(np.linalg.norm(rays.source_mm[0, :2]))
    return 2 * shift * row / steepest / np.sqrt(2)


@partial(jax.jit, static_argnames=("shape", "groups"))
def _integrate(
    volumes: jax.Array,
    lines: Plan,
    edges: jax.Array,
    slant: jax.Array,
    shape: tuple[int, int, int],
    groups: tuple[int, int],
) -> jax.Array:
    """Both directions, then back in the order of views; see `line_integrals`."""
    count, views, rows, columns = volumes.shape[0], *shape
    running = jnp.pad(jnp.cumsum(volumes, 1), ((0, 0), (1, 0), (0, 0), (0, 0)))
    parts = [
        _march(running.transpose(axes), side, edges, group)
        for axes, side, group in (((3, 2, 0, 1), lines.along_x, groups[0]), ((2, 3, 0, 1), lines.along_y, groups[1]))
    ]
    sums = jnp.concatenate(parts)[lines.order].reshape(views, columns, count, rows)
    return sums.transpose(2, 0, 3, 1) * slant[:, None]


def _march(running: jax.Array, lines: Lines, edges: jax.Array, group: int) -> jax.Array:
    """Integrals along lines that follow the first axis of `running` [slab, across, K, z + 1] -> [line, K, row]."""
    slabs, across, count, heights = running.shape
    rows_of_z = jnp.pad(running.reshape(slabs, across, -1), ((0, -slabs % group), (1, 2), (0, 0)))
    steps = len(rows_of_z) // group
    volume = rows_of_z.reshape(steps, group, across + 3, count * heights)
    index = jnp.arange(steps * group, dtype=jnp.float32).reshape(steps, group)

    def chunk(line: Lines) -> jax.Array:
        def add_slab(total: jax.Array, slab: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, None]:
            here = jnp.clip(line.start + line.step * slab[1] + 1, 0, across + 1)
            low = here.astype(jnp.int32)
            part = (here - low)[:, None]
            one, two = (slab[0].at[i].get(mode="promise_in_bounds") for i in (low, low + 1))
            return total + one + part * (two - one), None

        def add_group(total: jax.Array, slabs: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, None]:
            # A scan of its own: fused into the gather below, the interpolation would be done anew per row.
            zero = jnp.zeros((len(line.start), count * heights), jnp.float32)
            sums = jax.lax.scan(add_slab, zero, slabs)[0].reshape(-1, count, heights)
            distance = line.reach + line.stride * jnp.mean(slabs[1])
            z = distance[:, None] * edges + jnp.asarray(line.height)[:, None]
            return total + _between(sums, z), None

        zero = jnp.zeros((len(line.start), count, len(edges) - 1), jnp.float32)
        total = jax.lax.scan(add_group, zero, (volume, index))[0]
        return total * jnp.abs(line.stride)[:, None, None]

    chunks = jax.tree.map(lambda a: a.reshape(-1, CHUNK), lines)
    return jax.lax.map(chunk, chunks).reshape(-1, count, len(edges) - 1)


def _between(running: jax.Array, z: jax.Array) -> jax.Array:
    """Mean between consecutive heights z [line, row + 1] of what `running` [line, K, z + 1] sums up."""
    top = running.shape[-1] - 1
    inside = jnp.clip(z, 0, top)
    low = jnp.minimum(inside.astype(jnp.int32), top - 1)[:, None, :]
    one, two = (jnp.take_along_axis(running, i, 2, mode="promise_in_bounds") for i in (low, low + 1))
    value = one + (inside[:, None, :] - low) * (two - one)
    return jnp.diff(value) / jnp.diff(z)[:, None, :]
