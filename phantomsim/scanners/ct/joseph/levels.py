"""Axial scans of few rows: voxels are turned into rows first, once per level of distance from the source.

Which voxels lie in which row of a curved detector depends on the distance from the source alone, as long as the
source stays at one z. So a block of slabs is turned from voxels into rows by a small matrix product per level, and a
line takes whole stacks of rows from the level that is nearest. Levels are so close that no edge of a row is wrong by
more than `SHIFT` rows, and then alternately up and down. Cells have a footprint, as in `march`.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from phantomsim.scanners.ct.geometry import Geometry
from phantomsim.scanners.ct.joseph.lines import Box, Crossings, Fan, crossings, mainly_x
from phantomsim.scanners.ct.joseph.march import Form, across, path_mm, taps

SHIFT = 0.1  # largest error of the height of a row's edge, in rows
BLOCK = 16  # slabs at a time: their stacks of rows stay in the third-level cache
CHUNK = 1024  # lines at a time: sums of one chunk stay in the second-level cache


class Levels(NamedTuple):
    """Tables of the march by levels.

    Attributes:
        along: lines of x and of y, each field [line].
        order: place of each (view, column) among them [view x column].
        weights: share of each voxel in each row at each level [level, z, row].
        scale: level = scale[0] * pitch of the rows [voxels] + scale[1], rounded down.
    """

    along: tuple[Crossings, Crossings]
    order: np.ndarray
    weights: np.ndarray
    scale: np.ndarray


def possible(geometry: Geometry) -> bool:
    """Whether the heights of rows depend on the distance from the source alone."""
    same = geometry.detector == "curved" and geometry.beam == "cone" and geometry.orbit is not None
    flat = np.ptp(geometry.source_mm[:, 2]) == 0 and bool(np.all(geometry.centre_mm[:, 2] == geometry.source_mm[:, 2]))
    return same and flat and geometry.upright and np.ptp(geometry.up_mm[:, 2]) == 0


def distances(geometry: Geometry, box: Box, shift: float = SHIFT) -> np.ndarray:
    """Distances from the source at which rows are worked out, over all that the volume takes up [mm]."""
    radius = geometry.radius_mm
    half = 0.5 * float(np.hypot(*(box.count * box.pitch)[:2]))
    middle = box.first + 0.5 * (box.count - 1) * box.pitch
    reach = min(half + float(np.linalg.norm(middle[:2])), 0.95 * radius)
    row = float(np.min(np.diff(geometry.row_edges))) * radius
    spacing = 2 * shift * row / float(np.max(np.abs(geometry.row_edges)))
    return radius + np.linspace(-reach, reach, 2 + int(2 * reach / spacing))


def tables(rays: Fan, geometry: Geometry, box: Box, shift: float = SHIFT) -> tuple[Levels, tuple[Form, Form]]:
    """What `march` needs; see `Levels`."""
    chosen = mainly_x(rays)
    along, forms, order, done = [], [], np.empty(chosen.size, np.int32), 0
    for axis, mine in ((0, chosen), (1, ~chosen)):
        where = np.nonzero(mine)
        lines = crossings(rays, geometry, box, axis, where, cell=True)
        forms.append(Form(taps(lines, box, axis, True), 1, CHUNK, int(box.count[2]), geometry.rows, True))
        flat = np.ravel_multi_index(where, chosen.shape)
        order[flat] = done + np.arange(len(flat))
        pad = -len(flat) % CHUNK
        along.append(Crossings(*(np.pad(f, (0, pad), mode="edge").astype(np.float32) for f in lines)))
        done += len(flat) + pad
    levels = distances(geometry, box, shift)
    z = box.first[2] + (np.arange(box.count[2] + 1) - 0.5) * box.pitch[2]
    heights = geometry.source_mm[0, 2] + levels[:, None] * geometry.row_edges
    weights = np.stack([rows_of_voxels(z, edges) for edges in heights]).astype(np.float32)
    step = levels[1] - levels[0]
    pitch_mm = geometry.row_mm / geometry.distance_mm / box.pitch[2]  # of rows, in voxels per mm of distance
    scale = np.array([1 / (step * pitch_mm), 0.5 - levels[0] / step], np.float32)
    return Levels((along[0], along[1]), order, weights, scale), (forms[0], forms[1])


def rows_of_voxels(z_mm: np.ndarray, edges_mm: np.ndarray) -> np.ndarray:
    """Share of each voxel in each row: edges of voxels [z + 1] and of rows [row + 1] -> [z, row]."""
    overlap = np.minimum(z_mm[1:, None], edges_mm[1:]) - np.maximum(z_mm[:-1, None], edges_mm[:-1])
    return np.maximum(overlap, 0) / np.diff(edges_mm)


@partial(jax.jit, static_argnames=("forms", "shape"))
def integrate(
    volumes: jax.Array, data: Levels, dz_mm: jax.Array, forms: tuple[Form, Form], shape: tuple[int, int, int]
) -> jax.Array:
    """Both directions, then back in the order of views: [K, z, y, x] -> [K, view, row, column]."""
    views, rows, columns = shape
    along_x = _march(volumes.transpose(3, 2, 0, 1), data, data.along[0], dz_mm, forms[0])
    along_y = _march(volumes.transpose(2, 3, 0, 1), data, data.along[1], dz_mm, forms[1])
    sums = jnp.concatenate([along_x, along_y])[data.order].reshape(views, columns, len(volumes), rows)
    return sums.transpose(2, 0, 3, 1)


def _march(volume: jax.Array, data: Levels, lines: Crossings, dz_mm: jax.Array, form: Form) -> jax.Array:
    """Integrals along lines that follow the first axis of `volume` [slab, across, K, z] -> [line, K, row]."""
    slabs, width, count, _ = volume.shape
    levels, _, rows = data.weights.shape
    padded = jnp.pad(volume, ((0, -slabs % BLOCK), (form.taps, 2 * form.taps), (0, 0), (0, 0)))
    blocks = padded.reshape(-1, BLOCK, *padded.shape[1:])
    index = jnp.arange(len(padded), dtype=jnp.float32).reshape(-1, BLOCK)
    chunks = jax.tree.map(lambda a: jnp.asarray(a).reshape(-1, CHUNK), lines)

    def add_block(total: jax.Array, block: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, None]:
        stacks = jnp.einsum("sakz,lzr->salkr", block[0], data.weights, precision="highest")
        stacks = stacks.reshape(BLOCK, -1, count * rows)

        def chunk(part: tuple[Crossings, jax.Array]) -> jax.Array:
            line, before = part

            def add_slab(total: jax.Array, slab: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, None]:
                low, shares = across(line, slab[1], form, width)
                level = (line.pitch + line.pitch_step * slab[1]) * data.scale[0] + data.scale[1]
                at = low * levels + jnp.clip(level.astype(jnp.int32), 0, levels - 1)
                for m, share in enumerate(shares):
                    total += share[:, None] * slab[0].at[at + m * levels].get(mode="promise_in_bounds")
                return total, None

            return jax.lax.scan(add_slab, before, (stacks, block[1]))[0]

        return jax.lax.map(chunk, (chunks, total)), None

    zero = jnp.zeros((*chunks.middle.shape, count * rows), jnp.float32)
    total = jax.lax.scan(add_block, zero, (blocks, index))[0].reshape(-1, count, rows)
    return total * path_mm(lines, dz_mm, form)[:, None]
