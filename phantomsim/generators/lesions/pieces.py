"""Compiled functions of points, whatever the number of points: few shapes, so that little is compiled."""

from __future__ import annotations

from collections.abc import Callable

import jax
import numpy as np

PIECES = (2**13, 2**16)  # points at a time


def in_pieces(function: Callable[..., jax.Array], points: np.ndarray, *arguments: np.ndarray) -> np.ndarray:
    """A compiled function's values at points, float32, of the points' shape without its last axis.

    Args:
        function: of points (x, y, z) float32 [N, 3] and the arguments, to values [N].
    """
    flat = points.reshape(-1, 3).astype(np.float32, copy=False)
    out, first = np.empty(len(flat), np.float32), 0
    while first < len(flat):
        count = max((n for n in PIECES if n <= len(flat) - first), default=PIECES[0])
        some = flat[first : first + count]
        piece = some if len(some) == count else np.pad(some, ((0, count - len(some)), (0, 0)))
        out[first : first + count] = np.asarray(function(piece, *arguments))[: len(some)]
        first += count
    return out.reshape(points.shape[:-1])
