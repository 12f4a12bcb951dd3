"""Points sorted into blocks of neighbours, so that gridding is matrix products of small dense patches.

A tile is a cube of cells of the oversampled grid. All points whose kernels start in one tile touch one patch of
T + W - 1 cells along each axis; a block is a fixed number of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from phantomsim.scanners.mr.nufft.kernel import Kernel

Array = jax.Array

TILE = {1: 16, 2: 8, 3: 4}  # cells along an axis, by the number of axes: fastest of 4, 8 and 16 where measured
BLOCK = {1: 64, 2: 64, 3: 32}  # points in a block
FINE = 4096  # positions are split at this fraction of a cycle, so that float32 keeps every digit of a point


@partial(
    jax.tree_util.register_dataclass,
    data_fields=["corner", "offset", "order", "slot", "phase", "used"],
    meta_fields=["shape", "kernel"],
)
@dataclass(frozen=True)
class Blocks:
    """Sorted points.

    Attributes:
        corner: first cell of a block's patch, on the grid with its margins, int32 [block, axis].
        offset: of points from the patch's middle in cells, float32 [block, point, axis]; far away where empty.
        order: which point stands there, int32 [block, point]; one past the last where empty.
        slot: where each point stands, int32 [point].
        phase: exp(-i pi k) of the axes whose middle lies between two pixels, complex64 [point].
        used: how many blocks hold points, int32.
        shape: of the image (static); kernel (static).
    """

    corner: Array
    offset: Array
    order: Array
    slot: Array
    phase: Array
    used: Array
    shape: tuple[int, ...]
    kernel: Kernel

    @property
    def tile(self) -> int:
        """Cells of a tile along an axis."""
        return TILE[len(self.shape)]

    @property
    def patch(self) -> int:
        """Cells of a patch along an axis."""
        return self.tile + self.kernel.width - 1

    @property
    def grid(self) -> tuple[int, ...]:
        """Shape of the oversampled grid."""
        return tuple(self.kernel.cells(n) for n in self.shape)

    @property
    def margins(self) -> tuple[tuple[int, int], ...]:
        """Cells that wrap around before and after the grid, along each axis."""
        before = self.kernel.width // 2
        ends = [(g // self.tile) * self.tile + self.patch for g in self.grid]
        return tuple((before, end - g - before) for g, end in zip(self.grid, ends))


@partial(jax.jit, static_argnames=("shape", "kernel"))
def sort(points: Array, shape: tuple[int, ...], kernel: Kernel) -> Blocks:
    """Sort points [point, axis] in cycles per pixel; room is made for the worst case."""
    tile, size, count = TILE[len(shape)], BLOCK[len(shape)], len(points)
    grid = [kernel.cells(n) for n in shape]
    cell, rest = zip(*[_position(points[:, axis], g) for axis, g in enumerate(grid)])
    # The kernel's first cell, counted from the margin: ceil(u - W/2) + W // 2.
    first = [c + jnp.ceil(r - (kernel.width % 2) / 2).astype(jnp.int32) for c, r in zip(cell, rest)]
    corner = jnp.stack(first, 1) // tile
    # From the patch's middle: small numbers keep their last digits.
    middle = (tile + kernel.width - 2) / 2
    offset = (jnp.stack(cell, 1) - corner * tile + kernel.width // 2 - middle) + jnp.stack(rest, 1)
    tiles = [g // tile + 1 for g in grid]
    key = jnp.ravel_multi_index(tuple(corner.T), tiles, mode="clip")
    return _assign(key, int(np.prod(tiles)), size, offset, tiles, _half_pixel(points, shape), count, shape, kernel)


def _assign(
    key: Array,
    total: int,
    size: int,
    offset: Array,
    tiles: list[int],
    phase: Array,
    count: int,
    shape: tuple[int, ...],
    kernel: Kernel,
) -> Blocks:
    """Give every tile as many blocks as its points need, in the order of tiles."""
    order = jnp.argsort(key).astype(jnp.int32)
    held = jnp.bincount(key, length=total)
    last = jnp.cumsum(-(-held // size))
    before = jnp.cumsum(held) - held
    sorted_key = key[order]
    rank = jnp.arange(count) - before[sorted_key]
    place = ((last - (-(-held // size)))[sorted_key] * size + rank).astype(jnp.int32)
    blocks = count // size + min(total, count)
    table = jnp.full(blocks * size, count, jnp.int32).at[place].set(order, unique_indices=True)
    far = jnp.concatenate([offset, jnp.full((1, offset.shape[1]), -1e3, offset.dtype)])
    owner = jnp.minimum(jnp.searchsorted(last, jnp.arange(blocks), side="right"), total - 1)
    corner = jnp.stack(jnp.unravel_index(owner, tiles), 1).astype(jnp.int32) * TILE[len(shape)]
    return Blocks(
        corner,
        far[table].reshape(blocks, size, -1),
        table.reshape(blocks, size),
        jnp.zeros(count, jnp.int32).at[order].set(place, unique_indices=True),
        phase,
        last[-1].astype(jnp.int32),
        shape,
        kernel,
    )


def _position(k: Array, cells: int) -> tuple[Array, Array]:
    """Cell of the periodic grid, int32, and the rest of the way to the next, of a frequency in cycles per pixel.

    k x cells in float32 would lose the last digits of k; whole steps of 1/FINE cycle are multiplied as integers.
    """
    k = k - jnp.round(k)
    steps = jnp.round(k * FINE)
    whole = steps.astype(jnp.int32) * cells
    rest = (whole % FINE).astype(k.dtype) / FINE + (k - steps / FINE) * cells
    carry = jnp.floor(rest)
    return (whole // FINE + carry.astype(jnp.int32)) % cells, rest - carry


def _half_pixel(points: Array, shape: tuple[int, ...]) -> Array:
    """Phase from the pixel after the middle to the middle, complex64 [point]."""
    even = np.array([n % 2 == 0 for n in shape], np.float32)
    turns = jnp.sum((points - 2 * jnp.round(points / 2)) * even, 1)
    return jnp.exp(-1j * jnp.pi * (turns - 2 * jnp.round(turns / 2)))


def trim(blocks: Blocks) -> Blocks:
    """Drop room that no point needs; sizes are rounded up to an eighth, so that like trajectories share a program."""
    used = int(blocks.used)
    step = max(1 << max(used.bit_length() - 4, 0), 1)
    keep = min(-(-max(used, 1) // step) * step, len(blocks.corner))
    return Blocks(
        blocks.corner[:keep],
        blocks.offset[:keep],
        blocks.order[:keep],
        blocks.slot,
        blocks.phase,
        blocks.used,
        blocks.shape,
        blocks.kernel,
    )
