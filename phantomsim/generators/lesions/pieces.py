"""Compiled functions of points, whatever the number of points: few shapes, so that little is compiled."""

from __future__ import annotations

from collections.abc import Callable

import jax
import numpy as np

PIECES = (2**13, 2**16)  # points at a time


def in_pieces(function: Callable[..., jax.Array], points: np.ndarray, *arguments: object) -> np.ndarray:
    """A compiled function's values at points, float32, of the points' shape but for its last axis.

    Args:
        function: of points float32 [N, 3] and the arguments, to values [N] or [N, K].
    """
    flat, first = points.reshape(-1, 3).astype(np.float32, copy=False), 0
    found: list[np.ndarray] = []
    while first < len(flat) or not found:
        count = max((n for n in PIECES if n <= len(flat) - first), default=PIECES[0])
        some = flat[first : first + count]
        piece = some if len(some) == count else np.pad(some, ((0, count - len(some)), (0, 0)))
        found.append(np.asarray(function(piece, *arguments))[: len(some)])
        first += count
    values = found[0] if len(found) == 1 else np.concatenate(found)
    return values.reshape(*points.shape[:-1], *values.shape[1:])
