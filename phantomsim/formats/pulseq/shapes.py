"""Shapes are stored as run-length encoded differences: a number that stands twice is followed by how many more."""

from __future__ import annotations

import numpy as np

QUANTUM = 1e-9  # to which differences are rounded, so that straight lines have equal ones


def unpack(packed: np.ndarray, samples: int) -> np.ndarray:
    """Samples of a shape; those of a shape as long as its samples are stored as they are.

    Raises:
        ValueError: it does not give as many samples as it says.
    """
    if len(packed) == samples:
        return packed.copy()
    counts = np.ones(len(packed), np.int64)
    free = 0
    for i in np.flatnonzero(packed[1:] == packed[:-1]).tolist():
        if i < free or i + 2 >= len(packed):
            continue  # part of the run before, or nothing after it to count
        more = packed[i + 2]
        if more < 0 or more != int(more) or more > samples:
            raise ValueError(f"{packed[i]:g} stands twice, and is followed by {more:g}, which is no count")
        counts[i : i + 3] = (int(more) + 2, 0, 0)
        free = i + 3
    if int(counts.sum()) != samples:
        raise ValueError(f"unpacks to {int(counts.sum())} samples; must be {samples}")
    return np.cumsum(np.repeat(packed, counts))


def pack(shape: np.ndarray) -> np.ndarray:
    """The shorter of the packed and the plain form; a packed form is never as long as the shape has samples."""
    steps = np.diff(np.round(np.asarray(shape, float) / QUANTUM).astype(np.int64), prepend=0)
    starts = np.flatnonzero(np.diff(steps, prepend=steps[0] - 1 if len(steps) else 0))
    runs = np.diff(np.append(starts, len(steps)))
    out: list[float] = []
    for value, run in zip((steps[starts] * QUANTUM).tolist(), runs.tolist()):
        out += [value] if run == 1 else [value, value, run - 2]
    return np.array(out) if len(out) < len(shape) else np.asarray(shape, float)
