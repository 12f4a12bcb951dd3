"""Between the oversampled grid and sorted points: each block of points is a few small matrix products."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp

from phantomsim.scanners.mr.nufft.blocks import Blocks

Array = jax.Array

# Blocks that travel together. A CPU does best with one, whose patch stays in its cache; a GPU needs many (unmeasured).
TOGETHER_CPU, TOGETHER_GPU = 1, 512


def interpolate(grid: Array, blocks: Blocks) -> Array:
    """Values at the places of `blocks`, float32 [block x point, channel], from a grid with margins [..., channel]."""
    return jax.lax.platform_dependent(
        grid,
        blocks,
        cpu=partial(_interpolate, together=TOGETHER_CPU),
        default=partial(_interpolate, together=TOGETHER_GPU),
    )


def spread(values: Array, blocks: Blocks) -> Array:
    """The adjoint of `interpolate`: a grid with margins, from values [block x point, channel]."""
    return jax.lax.platform_dependent(
        values,
        blocks,
        cpu=partial(_spread, together=TOGETHER_CPU),
        default=partial(_spread, together=TOGETHER_GPU),
    )


def _interpolate(grid: Array, blocks: Blocks, together: int) -> Array:
    channels = grid.shape[-1]
    window = (blocks.patch,) * len(blocks.shape)
    size = blocks.order.shape[1]

    def take(corner: Array, offset: Array) -> Array:
        patch = jax.lax.dynamic_slice(grid, (*corner, 0), (*window, channels))
        ahead, last = _weights(blocks, offset)
        if last is None:
            return jnp.dot(ahead.T, patch.reshape(-1, channels), precision="highest")
        rows = jnp.dot(ahead.T, patch.reshape(len(ahead), -1), precision="highest")
        # Written out, this is a loop over channels that the compiler vectorises; as a sum over an axis it is not.
        return sum(rows[:, i * channels : (i + 1) * channels] * last[i][:, None] for i in range(len(last)))  # type: ignore[return-value]

    def step(start: Array, done: Array, corner: Array, offset: Array, fresh: Array) -> Array:
        del fresh  # what is done again comes out the same
        return jax.lax.dynamic_update_slice_in_dim(done, jax.vmap(take)(corner, offset), start, 0)

    empty = jnp.zeros((len(blocks.corner), size, channels), grid.dtype)
    return _over(blocks, together, step, empty).reshape(-1, channels)


def _spread(values: Array, blocks: Blocks, together: int) -> Array:
    channels = values.shape[-1]
    axes = len(blocks.shape)
    window = (blocks.patch,) * axes
    # Points last: the products below then run along memory, which is a third faster.
    values = jnp.swapaxes(values.reshape(len(blocks.corner), -1, channels), 1, 2)

    def patch(offset: Array, here: Array) -> Array:
        ahead, last = _weights(blocks, offset)
        columns = here if last is None else (last[:, None] * here).reshape(-1, here.shape[1])
        return jnp.einsum("kp,cp->kc", ahead, columns, precision="highest").reshape(*window, channels)

    def step(start: Array, grid: Array, corner: Array, offset: Array, fresh: Array) -> Array:
        here = jax.lax.dynamic_slice_in_dim(values, start, len(corner), 0) * fresh[:, None, None]
        parts = jax.vmap(patch)(offset, here)
        if together == 1:
            old = jax.lax.dynamic_slice(grid, (*corner[0], 0), parts.shape[1:])
            return jax.lax.dynamic_update_slice(grid, old + parts[0], (*corner[0], 0))
        numbers = jax.lax.ScatterDimensionNumbers(tuple(range(1, axes + 2)), (), tuple(range(axes)))
        return jax.lax.scatter_add(grid, corner, parts, numbers)

    shape = [g + before + after for g, (before, after) in zip(blocks.grid, blocks.margins)]
    return _over(blocks, together, step, jnp.zeros((*shape, channels), values.dtype))


def _over(blocks: Blocks, together: int, step: Callable[..., Array], start: Array) -> Array:
    """Run over the blocks in use, `together` at a time; the last group may overlap the one before, as `fresh` says."""
    together = min(together, len(blocks.corner))

    def body(i: Array, carry: Array) -> Array:
        first = jnp.minimum(i * together, len(blocks.corner) - together)
        cut = partial(jax.lax.dynamic_slice_in_dim, start_index=first, slice_size=together)
        fresh = jnp.arange(together) + first >= i * together
        return step(first, carry, cut(blocks.corner), cut(blocks.offset), fresh)

    return jax.lax.fori_loop(0, -(-blocks.used // together), body, start)


def _weights(blocks: Blocks, offset: Array) -> tuple[Array, Array | None]:
    """Weights of one block: of all axes but the last [cell, point], and of the last [cell, point], if there are two."""
    cells = jnp.arange(blocks.patch, dtype=offset.dtype)[:, None] - (blocks.patch - 1) / 2
    each = [blocks.kernel.weights(offset[:, axis] - cells) for axis in range(offset.shape[1])]
    if len(each) == 1:
        return each[0], None
    ahead = each[0] if len(each) == 2 else (each[0][:, None] * each[1]).reshape(-1, len(offset))
    return ahead, each[-1]
