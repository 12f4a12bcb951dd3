"""A phantom's voxels as the signal engine reads them: a label that fills most, and what other tissues take of it."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from phantomsim.phantom import Phantom

Array = jax.Array


class Layers(NamedTuple):
    """A pytree.

    Attributes:
        label: tissue of the rest, integer [z, y, x].
        rest: share of the voxel that it fills, times density, float32 [z, y, x].
        tissue: of each overlay, integer [overlay, z, y, x].
        share: of each overlay, times density, float32 [overlay, z, y, x].
    """

    label: Array
    rest: Array
    tissue: Array
    share: Array


def layers(phantom: Phantom, rows: slice = slice(None)) -> Layers:
    """Layers of some rows of a phantom; overlays of one tissue become one, those of many tissues stay."""
    label = jnp.asarray(phantom.label)[rows]
    parts = phantom.parts()
    whole = [part for part in parts if np.ndim(part.tissue) == 0]
    kinds = sorted({int(part.tissue) for part in whole})  # type: ignore[arg-type]
    share = np.zeros((len(kinds) + len(parts) - len(whole), *phantom.grid.shape), np.float32)
    tissue = np.zeros(share.shape, np.uint8)
    tissue[: len(kinds)] = np.array(kinds, np.uint8).reshape(-1, 1, 1, 1)
    others = iter(range(len(kinds), len(share)))
    rest = np.ones(phantom.grid.shape, np.float32)
    for part in parts:
        z, y, x = (int(s) for s in part.start)
        nz, ny, nx = part.fraction.shape
        box = np.s_[z : z + nz, y : y + ny, x : x + nx]
        fraction = np.asarray(part.fraction)
        # What an earlier overlay holds stays: as in `mix`, the label gives way.
        if np.ndim(part.tissue) == 0:
            i = kinds.index(int(part.tissue))  # type: ignore[arg-type]
        else:
            i = next(others)
            tissue[i][box] = np.asarray(part.tissue)
        share[i][box] += fraction
        rest[box] -= fraction
    density = jnp.broadcast_to(jnp.asarray(phantom.density, jnp.float32), phantom.grid.shape)[rows]
    return Layers(
        label, jnp.asarray(rest[rows]) * density, jnp.asarray(tissue[:, rows]), jnp.asarray(share[:, rows]) * density
    )


@jax.jit
def magnetise(table: Array, layers: Layers, frequency: Array, transmit: Array) -> Array:
    """Mode volumes of some rows: tissues' contributions add, each with its own frequency and flip angle.

    Args:
        table: complex64 [row, transmit, tissue, frequency, R].
        frequency: where each voxel lies among the tabulated frequencies, in steps, float32 [row, y, x].
        transmit: likewise among the tabulated flip angles.
    Returns:
        complex64 [R, row, y, x].
    """

    def one(job: tuple[Array, ...]) -> Array:
        rows, label, rest, tissue, share, f, b = job
        total = rest * look_up(rows, label, f, b)
        for i in range(share.shape[0]):
            total += share[i] * look_up(rows, tissue[i], f, b)
        return total

    others, shares = jnp.moveaxis(layers.tissue, 0, 1), jnp.moveaxis(layers.share, 0, 1)
    found = jax.lax.map(one, (table, layers.label, layers.rest, others, shares, frequency, transmit))
    return jnp.moveaxis(found, 1, 0)


def look_up(table: Array, label: Array, f: Array, b: Array) -> Array:
    """Linear interpolation in frequency and transmit of [transmit, tissue, frequency, R] at voxels [...]: [R, ...]."""
    flips, _, frequencies, _ = table.shape
    label = label.astype(jnp.int32)

    def at(ib: Array, jf: Array) -> Array:
        return table[ib, label, jf]

    def along_f(ib: Array) -> Array:
        if frequencies == 1:
            return at(ib, jnp.zeros_like(label))
        j = jnp.clip(f.astype(jnp.int32), 0, frequencies - 2)
        t = (f - j)[..., None]
        return (1 - t) * at(ib, j) + t * at(ib, j + 1)

    if flips == 1:
        return jnp.moveaxis(along_f(jnp.zeros_like(label)), -1, 0)
    i = jnp.clip(b.astype(jnp.int32), 0, flips - 2)
    t = (b - i)[..., None]
    return jnp.moveaxis((1 - t) * along_f(i) + t * along_f(i + 1), -1, 0)
