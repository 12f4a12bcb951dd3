"""Line integrals through a voxel volume: Joseph's method in the plane, whole cells along z.

Joseph, IEEE Trans. Med. Imaging 1 (1982) 192, doi:10.1109/TMI.1982.4307572: step through the slabs of
the axis that the ray is most parallel to; in each, interpolate linearly between the two nearest voxels.
Here that is done in the (x, y) plane. All rows of one detector column lie above one horizontal line, so one
interpolation serves them all. Along z a detector cell averages over its full height: voxels are boxes, the cell is a
box, both seen from the source. Which voxels lie in which row depends on the distance from the source alone, so a
block of slabs is first turned from voxels into rows, once per level of distance (a small matrix product), and a line
takes whole stacks of rows from the level that is nearest. Levels are so close that no edge of a row is wrong by
more than `SHIFT` rows, and then alternately up and down.

Several basis materials travel side by side in the fastest dimension.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from phantomsim.errors import GridError, ScannerError
from phantomsim.scanners.ct.geometry import Geometry

SHIFT = 0.1  # largest error of the height of a row's edge, in rows
BLOCK = 16  # slabs at a time: their stacks of rows stay in the third-level cache
CHUNK = 1024  # lines at a time: sums of one chunk stay in the second-level cache


class Lines(NamedTuple):
    """Horizontal lines that cross slabs i = 0 .. n - 1 of one axis; each field [line], float32.

    In slab i the line is at voxel `start + step * i` of the other axis, at horizontal distance
    `reach + stride * i` [mm] from its source.
    """

    start: jax.Array | np.ndarray
    step: jax.Array | np.ndarray
    reach: jax.Array | np.ndarray
    stride: jax.Array | np.ndarray


class Plan(NamedTuple):
    """Lines split by the axis that they follow, x then y, and the place of each (view, column) among them."""

    along_x: Lines
    along_y: Lines
    order: np.ndarray


def plan(
    rays: Geometry, shape: tuple[int, ...], spacing_mm: tuple[float, float, float], centre_mm: np.typing.ArrayLike
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
    mainly_x = np.abs(u[:, 0]) >= np.abs(u[:, 1])
    lines, order = [], np.empty(views * columns, np.int32)
    done = 0
    for axis, chosen in ((0, mainly_x), (1, ~mainly_x)):
        (index,) = np.nonzero(chosen)
        lines.append(_lines(axis, source[index], u[index], first, spacing_mm[::-1]))
        order[index] = done + np.arange(len(index))
        done += len(lines[-1].start)
    return Plan(lines[0], lines[1], order)


def _lines(axis: int, source: np.ndarray, u: np.ndarray, first: np.ndarray, pitch: tuple) -> Lines:
    """Lines that follow one axis, their number padded with copies of the last to a multiple of CHUNK."""
    other = 1 - axis
    tangent = u[:, other] / u[:, axis]
    stride = pitch[axis] / u[:, axis]
    reach = (first[axis] - source[:, axis]) / u[:, axis]
    step = tangent * pitch[axis] / pitch[other]
    start = (source[:, other] + (first[axis] - source[:, axis]) * tangent - first[other]) / pitch[other]
    fields = np.stack([start, step, reach, stride]).astype(np.float32)
    return Lines(*np.pad(fields, ((0, 0), (0, -fields.shape[1] % CHUNK)), mode="edge"))


def line_integrals(
    volumes: jax.Array,
    spacing_mm: tuple[float, float, float],
    centre_mm: np.typing.ArrayLike,
    rays: Geometry,
    shift: float = SHIFT,
) -> jax.Array:
    """Integrate K volumes along every ray.

    Args:
        volumes: float32 [K, z, y, x], for instance attenuation [1/mm] or volume fractions [1].
        spacing_mm: voxel pitch along z, y, x [mm].
        centre_mm: (x, y, z) of the volume's middle from the isocentre [mm].
        rays: source and detector points [mm].
        shift: largest error of the height of a row's edge, in rows.
    Returns:
        float32 [K, view, row, column]: integrals in mm x the unit of `volumes`; zero where a ray misses.
    Raises:
        GridError: volumes is not [K, z, y, x].
        ScannerError: the source moves along z.
    """
    if volumes.ndim != 4:
        raise GridError(f"volumes have shape {volumes.shape}; line_integrals needs [K, z, y, x]")
    lines = plan(rays, volumes.shape, spacing_mm, centre_mm)
    levels = _levels(rays, volumes.shape, spacing_mm, centre_mm, shift)
    heights = rays.source_mm[0, 2] + levels[:, None] * rays.row_edges
    z = (np.arange(volumes.shape[1] + 1) - volumes.shape[1] / 2) * spacing_mm[0] + np.asarray(centre_mm)[2]
    weights = np.stack([rows_of_voxels(z, edges) for edges in heights]).astype(np.float32)
    slant = np.sqrt(1 + rays.row_slopes**2).astype(np.float32)
    step = levels[1] - levels[0]
    level = np.array([1 / step, 0.5 - levels[0] / step], np.float32)
    return _integrate(jnp.asarray(volumes, jnp.float32), lines, weights, level, slant, rays.shape)


def rows_of_voxels(z_mm: np.ndarray, edges_mm: np.ndarray) -> np.ndarray:
    """Share of each voxel in each row: edges of voxels [z + 1] and of rows [row + 1] -> [z, row]."""
    overlap = np.minimum(z_mm[1:, None], edges_mm[1:]) - np.maximum(z_mm[:-1, None], edges_mm[:-1])
    return np.maximum(overlap, 0) / np.diff(edges_mm)


def _levels(
    rays: Geometry,
    shape: tuple[int, ...],
    spacing_mm: tuple[float, float, float],
    centre_mm: np.typing.ArrayLike,
    shift: float,
) -> np.ndarray:
    """Distances from the source at which rows are worked out, over all that the volume takes up [mm]."""
    if np.ptp(rays.source_mm[:, 2]) > 0:
        raise ScannerError("line_integrals needs a source that stays at one z: an axial scan")
    radius = float(np.linalg.norm(rays.source_mm[0, :2]))
    half = 0.5 * np.hypot(shape[-1] * spacing_mm[2], shape[-2] * spacing_mm[1])
    reach = min(half + float(np.linalg.norm(np.asarray(centre_mm)[:2])), 0.95 * radius)
    row = float(np.min(np.diff(rays.row_edges))) * radius
    spacing = 2 * shift * row / float(np.max(np.abs(rays.row_edges)))
    return radius + np.linspace(-reach, reach, 2 + int(2 * reach / spacing))


@partial(jax.jit, static_argnames=("shape",))
def _integrate(
    volumes: jax.Array,
    lines: Plan,
    weights: jax.Array,
    level: jax.Array,
    slant: jax.Array,
    shape: tuple[int, int, int],
) -> jax.Array:
    """Both directions, then back in the order of views; see `line_integrals`."""
    count, views, rows, columns = volumes.shape[0], *shape
    along_x = _march(volumes.transpose(3, 2, 0, 1), lines.along_x, weights, level)
    along_y = _march(volumes.transpose(2, 3, 0, 1), lines.along_y, weights, level)
    sums = jnp.concatenate([along_x, along_y])[lines.order].reshape(views, columns, count, rows)
    return sums.transpose(2, 0, 3, 1) * slant[:, None]


def _march(volume: jax.Array, lines: Lines, weights: jax.Array, level: jax.Array) -> jax.Array:
    """Integrals along lines that follow the first axis of `volume` [slab, across, K, z] -> [line, K x row]."""
    slabs, across, count, heights = volume.shape
    levels, _, rows = weights.shape
    padded = jnp.pad(volume, ((0, -slabs % BLOCK), (1, 2), (0, 0), (0, 0)))
    blocks = padded.reshape(-1, BLOCK, across + 3, count, heights)
    index = jnp.arange(len(padded), dtype=jnp.float32).reshape(-1, BLOCK)
    chunks = jax.tree.map(lambda a: a.reshape(-1, CHUNK), lines)

    def add_block(total: jax.Array, block: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, None]:
        stacks = jnp.einsum("sakz,lzr->salkr", block[0], weights, precision="highest")
        stacks = stacks.reshape(BLOCK, (across + 3) * levels, count * rows)

        def chunk(data: tuple[Lines, jax.Array]) -> jax.Array:
            line, before = data

            def add_slab(total: jax.Array, slab: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, None]:
                here = jnp.clip(line.start + line.step * slab[1] + 1, 0, across + 1)
                low = here.astype(jnp.int32)
                distance = (line.reach + line.stride * slab[1]) * level[0] + level[1]
                at = low * levels + jnp.clip(distance.astype(jnp.int32), 0, levels - 1)
                one, two = (slab[0].at[i].get(mode="promise_in_bounds") for i in (at, at + levels))
                return total + one + (here - low)[:, None] * (two - one), None

            return jax.lax.scan(add_slab, before, (stacks, block[1]))[0]

        return jax.lax.map(chunk, (chunks, total)), None

    zero = jnp.zeros((*chunks.start.shape, count * rows), jnp.float32)
    total = jax.lax.scan(add_block, zero, (blocks, index))[0].reshape(-1, count * rows)
    return total * jnp.abs(lines.stride)[:, None]
