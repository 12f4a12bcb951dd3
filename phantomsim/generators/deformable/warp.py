"""Label volumes through a map: every structure interpolated linearly, the likeliest taken.

First what is counted or measured as a whole (the inside of the skull, the brain, bone) against all else, then the
likeliest group, then the likeliest structure in it, so that a part made of several structures is not outvoted by its
neighbours: votes for a group alone took one percent off an intracranial volume and added two to six to ventricles.
Nearest neighbours would tear thin parts.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from phantomsim.generators.deformable.fine import Fine
from phantomsim.generators.deformable.lattice import Lattice, matrices, products

SLAB = 8  # planes at a time
WITHIN = 0.01  # weight of the structure's own votes beside those of its group


def warp(
    fine: Fine,
    places: jax.Array,
    on: Lattice,
    to: Lattice,
    group: np.ndarray,
    wholes: np.ndarray | None = None,
    finer: int = 1,
) -> np.ndarray:
    """Structures of a new anatomy.

    Args:
        places: the map: where in the fine structure the nodes of `on` are found [z, y, x, 3] [mm].
        to: the new anatomy's voxels.
        group: of each structure.
        wholes: whether each structure belongs to what is decided on first, in this order, bool [wholes, structures].
        finer: samples per voxel along each axis, of which the most frequent counts.
    Returns:
        Structure numbers, uint8 [z, y, x] on `to`.
    """
    small = to.refined(finer)
    z, y, x = matrices(on, small)
    z = np.pad(z, ((0, -len(z) % SLAB), (0, 0)), mode="edge").reshape(-1, SLAB, z.shape[1])
    first, spacing = (jnp.asarray(a, jnp.float32) for a in (fine.first_mm, fine.spacing_mm))
    wholes = np.zeros((0, len(group)), bool) if wholes is None else wholes
    member = (wholes << np.arange(len(wholes))[:, None]).sum(axis=0).astype(np.int32)
    tables = (jnp.asarray(group), jnp.asarray(member), len(wholes))
    out = _slabs(jnp.asarray(fine.label), first, spacing, places, *map(jnp.asarray, (z, y, x)), *tables)
    label = np.array(out).reshape(-1, *small.shape[1:])[: small.shape[0]]
    return label if finer == 1 else most_frequent(label, group, member, len(wholes), finer)


@partial(jax.jit, static_argnames="wholes")
def _slabs(
    label: jax.Array,
    first_mm: jax.Array,
    spacing_mm: jax.Array,
    places: jax.Array,
    z: jax.Array,
    y: jax.Array,
    x: jax.Array,
    group: jax.Array,
    member: jax.Array,
    wholes: int,
) -> jax.Array:
    def slab(planes: jax.Array) -> jax.Array:
        return _winner(label, (products(places, planes, y, x) - first_mm) / spacing_mm, group, member, wholes)

    return jax.lax.map(slab, z)


def _winner(label: jax.Array, index: jax.Array, group: jax.Array, member: jax.Array, wholes: int) -> jax.Array:
    """The structure with the most votes of the eight voxels around fractional indices [..., 3]; the edge repeats."""
    top = jnp.asarray(label.shape, jnp.float32) - 1
    index = jnp.clip(index, 0.0, top)
    low = jnp.minimum(jnp.floor(index), top - 1).astype(jnp.int32)
    t = index - low
    flat, steps = label.reshape(-1), (label.shape[1] * label.shape[2], label.shape[2], 1)
    start = low[..., 0] * steps[0] + low[..., 1] * steps[1] + low[..., 2]
    found, weights = [], []
    for corner in range(8):
        bits = (corner >> 2 & 1, corner >> 1 & 1, corner & 1)
        found.append(flat[start + sum(b * s for b, s in zip(bits, steps))])
        weights.append(jnp.stack([t[..., a] if b else 1 - t[..., a] for a, b in enumerate(bits)]).prod(axis=0))
    of = [group[f] for f in found]
    weights = majority(weights, [member[f] for f in found], wholes)
    best, winner = jnp.zeros(index.shape[:-1]), found[0]
    for mine, my_group in zip(found, of):
        votes = sum(
            w * ((their_group == my_group) + WITHIN * (theirs == mine))
            for w, theirs, their_group in zip(weights, found, of)
        )
        better = votes > best
        best, winner = jnp.where(better, votes, best), jnp.where(better, mine, winner)
    return winner


def majority(weights: list[Any], members: list[Any], wholes: int) -> list[Any]:
    """Votes of those on the heavier side of each whole in turn; all others get none.

    Args:
        weights: of each voter, arrays; members: bit w tells whether its structure belongs to whole w.
    """
    for whole in range(wholes):
        inside = [(m >> whole) & 1 for m in members]
        wins = 2 * sum(w * i for w, i in zip(weights, inside)) > sum(weights)
        weights = [w * (i == wins) for w, i in zip(weights, inside)]
    return weights


def most_frequent(label: np.ndarray, group: np.ndarray, member: np.ndarray, wholes: int, factor: int) -> np.ndarray:
    """The most frequent structure of the most frequent group in blocks of `factor` cubed, uint8; wholes first."""
    z, y, x = (n // factor for n in label.shape)
    blocks = label.reshape(z, factor, y, factor, x, factor).transpose(0, 2, 4, 1, 3, 5).reshape(z, y, x, -1)
    out = np.empty((z, y, x), np.uint8)
    for here, into in zip(blocks, out):
        samples = list(np.moveaxis(here, -1, 0))
        one = [np.ones(here.shape[:-1], np.float32)] * len(samples)
        voters = np.stack(majority(one, [member[s] for s in samples], wholes), axis=-1)
        of = group[here]
        votes = [
            (voters * ((of == of[..., [k]]) + WITHIN * (here == here[..., [k]]))).sum(-1) for k in range(here.shape[-1])
        ]
        best = np.argmax(votes, axis=0)
        into[:] = np.take_along_axis(here, best[..., None], -1)[..., 0]
    return out
