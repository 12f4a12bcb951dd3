"""Which source subjects are read together, by an observer trained on all others."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def folds_of(subjects: Sequence[str] | NDArray, folds: int, seed: int = 0) -> NDArray[np.int64]:
    """The fold of every case: subjects in the order of a hash of seed and name, dealt out in turn.

    It depends neither on the order of the cases nor on any other subject's cases.
    """
    names = sorted(map(str, set(subjects)), key=lambda s: hashlib.sha256(f"{seed}:{s}".encode()).digest())
    place = {name: i % min(folds, len(names)) for i, name in enumerate(names)}
    return np.array([place[str(s)] for s in subjects])
