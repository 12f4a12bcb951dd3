"""Which echo of which train reads which line, so that the centre of k-space falls on one echo of every train.

Lines are sorted along the phase axis and dealt out so that each echo of the train gets a contiguous run of them.
Two orders are weighed, and the one whose signal jumps less, nearest to the centre, is taken: "linear" lets the echo
number rise along k-space, rolled so that the centre is at the echo wanted; "folded" lets it rise with the distance
from the centre on both sides (centric from that echo) once the echoes on one side are used up.
"""

from __future__ import annotations

import math

import numpy as np


def trains(pairs: np.ndarray, centre: tuple[int, int], length: int, wanted: int, inner: int = 0) -> np.ndarray:
    """Deal lines out to trains.

    Args:
        pairs: line and partition of all that is measured, int [n, 2].
        centre: line and partition of k = 0.
        length: echoes of a train.
        wanted: echo, from 0, that reads the centre of k-space.
        inner: axis of `pairs` along which a train goes.
    Returns:
        Indices into pairs, int [train, length]; -1 where an echo is not read.
    """
    outer = 1 - inner
    along = np.lexsort((pairs[:, outer], pairs[:, inner]))
    count = math.ceil(len(pairs) / length)
    # The nearest to the centre counts where the centre itself is not measured.
    distance = np.abs(pairs[along] - np.asarray(centre)) @ np.array([1.0, 1.0])
    middle = int(np.argmin(distance))
    offers = [_linear(len(along), count, length, wanted, middle), _folded(len(along), count, length, wanted, middle)]
    echo = min(offers, key=lambda e: _jumps(e, middle) if e[middle] == wanted else math.inf)
    table = np.full((length, count), -1)
    for e in range(length):
        members = along[echo == e]
        members = members[np.lexsort((pairs[members, inner], pairs[members, outer]))]
        table[e, : len(members)] = members
    return table.T


def linear_centre(pairs: np.ndarray, centre: tuple[int, int], length: int, inner: int = 0) -> int:
    """Echo that reads the centre of k-space where echoes simply rise along it."""
    along = np.lexsort((pairs[:, 1 - inner], pairs[:, inner]))
    middle = int(np.argmin(np.abs(pairs[along] - np.asarray(centre)) @ np.array([1.0, 1.0])))
    return middle // math.ceil(len(pairs) / length)


def _linear(n: int, count: int, length: int, wanted: int, middle: int) -> np.ndarray:
    """Echo of each line in order: runs of `count`, rolled until the middle is at the echo wanted."""
    capacity = count * length
    rank = np.arange(n)
    if middle // count == wanted:
        return rank // count
    shift = wanted * count + count // 2 - middle
    # Spare places, where n does not fill the trains, lie where the roll joins the ends.
    place = np.mod(rank + shift, capacity)
    return place // count


def _folded(n: int, count: int, length: int, wanted: int, middle: int) -> np.ndarray:
    """Echo of each line: outwards from the middle, on one side earlier echoes and on the other later ones."""
    below, above = wanted, length - 1 - wanted
    paired = min(below, above)
    rank = np.arange(n) - middle
    near = (2 * paired + 1) * count
    echo = np.empty(n, int)
    start = max(0, min(middle - near // 2, n - near)) if near <= n else 0
    inside = np.arange(start, min(start + near, n))
    echo[inside] = np.clip((inside - start) // count - paired + wanted, 0, length - 1)
    outside = np.setdiff1d(np.arange(n), inside)
    outside = outside[np.argsort(np.abs(rank[outside]), kind="stable")]
    left = np.arange(wanted + paired + 1, length) if above > below else np.arange(wanted - paired - 1, -1, -1)
    if len(outside):
        echo[outside] = left[np.minimum(np.arange(len(outside)) // count, len(left) - 1)]
    return echo


def _jumps(echo: np.ndarray, middle: int) -> float:
    """Sum of jumps of the echo number between neighbours, weighed by nearness to the middle."""
    step = np.maximum(np.abs(np.diff(echo)) - 1, 0)
    return float(np.sum(step**2 / (1 + np.abs(np.arange(len(step)) + 0.5 - middle))))
