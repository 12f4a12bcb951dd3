"""Which rows of the phantom each slice takes, and how much of each at which place of the slice's profile."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Slab(NamedTuple):
    """Rows of S slices.

    Attributes:
        start: first row of each slice, int32 [slice].
        weight: share of each row at each node of the profile, float64 [slice, row, node] mm.
    """

    start: np.ndarray
    weight: np.ndarray


def slab(
    middles_mm: np.ndarray, nodes_mm: np.ndarray, thickness_mm: float, centres_mm: np.ndarray, height_mm: float
) -> Slab:
    """Integrate a slice's profile exactly over the rows of voxels.

    Args:
        middles_mm: of the slices [slice].
        nodes_mm: of the profile from the slice's middle, ascending; it is linear between them and 0 beyond. A single
            node: a box of the slice's thickness.
        thickness_mm: of the box.
        centres_mm: of the phantom's rows, ascending [row].
        height_mm: of a row.
    """
    low, high = (-thickness_mm / 2, thickness_mm / 2) if len(nodes_mm) == 1 else (nodes_mm[0], nodes_mm[-1])
    rows = min(int(np.ceil((high - low) / height_mm)) + 1, len(centres_mm))
    first = np.floor((middles_mm + low - centres_mm[0]) / height_mm + 0.5 + 1e-6)
    start = np.clip(first, 0, len(centres_mm) - rows).astype(np.int32)
    row = centres_mm[start[:, None] + np.arange(rows)] - np.asarray(middles_mm)[:, None]
    bottom, top = row - height_mm / 2, row + height_mm / 2
    if len(nodes_mm) == 1:
        return Slab(start, np.maximum(np.minimum(high, top) - np.maximum(low, bottom), 0.0)[..., None])
    return Slab(start, _hats(nodes_mm, top) - _hats(nodes_mm, bottom))


def _hats(nodes: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Integrals up to z of the functions that are 1 at one node and linear to 0 at its neighbours [..., node]."""
    step = nodes[1] - nodes[0]
    u = np.clip((z[..., None] - nodes) / step, -1.0, 1.0)
    whole = step * np.where(u < 0, (u + 1) ** 2 / 2, 0.5 + u - u**2 / 2)
    # At the ends half a hat is cut off.
    whole[..., 0] -= step / 2
    whole[..., 0] = np.maximum(whole[..., 0], 0.0)
    whole[..., -1] = np.minimum(whole[..., -1], step / 2)
    return whole
