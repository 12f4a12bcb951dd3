"""Tissues that fill parts of voxels, and their mixtures with the labels beneath."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np


@partial(jax.tree_util.register_dataclass, data_fields=["tissue", "fraction", "start"], meta_fields=[])
@dataclass(frozen=True)
class Overlay:
    """A tissue that fills part of the voxels of a box; the label keeps the rest.

    Attributes:
        tissue: index into the phantom's `tissues`; or one for each voxel, uint8 [z, y, x] of the box: the second tissue
            where boundaries cross voxels.
        fraction: volume fraction in [0, 1], float32 [z, y, x] of the box (its shape is static).
        start: index (z, y, x) of the box's first voxel in the phantom's grid; the box lies inside the grid.
    """

    tissue: int | jax.Array | np.ndarray
    fraction: jax.Array | np.ndarray
    start: tuple[int, int, int]

    def single(self) -> tuple[Overlay, ...]:
        """The same as overlays of one tissue each, host side."""
        if np.ndim(self.tissue) == 0:
            return (self,)
        tissue, fraction = np.asarray(self.tissue), np.asarray(self.fraction)
        return tuple(
            Overlay(int(t), np.where(tissue == t, fraction, 0), self.start) for t in np.unique(tissue[fraction > 0])
        )


def boxed(start: tuple[int, int, int], shape: tuple[int, ...]) -> tuple[slice, ...]:
    """Slices of a box, host side."""
    return tuple(slice(int(s), int(s) + n) for s, n in zip(start, shape))


def _shared(a: Overlay, b: Overlay) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """Where two boxes overlap, in each; empty slices where they do not."""
    low = [max(int(s), int(t)) for s, t in zip(a.start, b.start)]
    high = [min(int(s) + n, int(t) + m) for s, n, t, m in zip(a.start, a.fraction.shape, b.start, b.fraction.shape)]
    cut = [(slice(lo - int(o), max(hi, lo) - int(o)) for lo, hi, o in zip(low, high, box.start)) for box in (a, b)]
    return tuple(cut[0]), tuple(cut[1])


def less(main: Overlay, part: Overlay) -> np.ndarray:
    """What a part leaves of an overlay."""
    fraction = np.array(main.fraction, np.float32)
    mine, other = _shared(main, part)
    fraction[mine] = np.maximum(fraction[mine] - np.asarray(part.fraction)[other], 0)
    return fraction


def spared(overlay: Overlay, lesions: tuple[Overlay, ...]) -> Overlay:
    """What lesions leave of an overlay of the anatomy."""
    taken = [(_shared(overlay, lesion), lesion) for lesion in lesions]
    taken = [((mine, other), lesion) for (mine, other), lesion in taken if all(s.stop > s.start for s in mine)]
    if not taken:
        return overlay
    fraction, left = np.array(overlay.fraction, np.float32), np.ones(overlay.fraction.shape, np.float32)
    for (mine, other), lesion in taken:
        left[mine] -= np.asarray(lesion.fraction)[other]
    return dataclasses.replace(overlay, fraction=fraction * np.maximum(left, 0))


@jax.jit
def mix(label: jax.Array, parts: tuple[Overlay, ...], table: jax.Array) -> jax.Array:
    """See `Phantom.mix`; the pure function of arrays. Linear in `table`."""
    table = table.T
    values = table[..., label]
    lead = values.shape[:-3]
    for part in parts:
        start = (0,) * len(lead) + tuple(part.start)
        box = lead + part.fraction.shape
        old = table[..., jax.lax.dynamic_slice(label, tuple(part.start), part.fraction.shape)]
        own = table[..., part.tissue]
        change = part.fraction * (own.reshape((*lead, 1, 1, 1)) - old if jnp.ndim(part.tissue) == 0 else own - old)
        here = jax.lax.dynamic_slice(values, start, box)
        values = jax.lax.dynamic_update_slice(values, here + change, start)
    return values
