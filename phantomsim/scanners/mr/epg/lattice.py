"""Dephasing between pulses as whole multiples of one quantum."""

from __future__ import annotations

import numpy as np

from phantomsim.errors import ScannerError
from phantomsim.scanners.mr.epg.pulses import kinds

NOTHING = 0.05  # cycles a voxel below which an interval dephases nothing
ROUGH = 0.02  # relative slack of a multiple, for what rounding to a raster does to areas
ENOUGH = 1.0  # cycles a voxel that spoil; the sinc of the voxel's box is zero there
VALUES = 4  # an axis on which moments take more values than these carries phase encoding that is not rewound
SHORT = 3  # orders that a train may span so that its spoilers have an order of their own
ENCODING = 1.1  # cycles a voxel that phase encoding spans; one, and some slack


def multiples(cycles: np.ndarray, needed: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Whole multiples of a common quantum.

    An axis on which moments take many values that span at most one cycle a voxel is taken to carry phase encoding that
    is not rewound; their median stands for all. Moments that are no multiple, of one cycle a voxel or more, are taken
    to spoil for good; of one kind, between short trains, they have an order of their own (see `_code`).

    Args:
        cycles: dephasing of each interval, cycles a voxel along x, y and z [P, 3].
        needed: intervals that later ones must undo, so that they may not spoil [P].
    Returns:
        Multiples int32 [P]; which intervals spoil, bool [P]; the quantum, cycles a voxel [3].
    Raises:
        ScannerError: there is no common quantum.
    """
    kept = np.stack([_steady(axis) for axis in cycles.T], -1)
    of = kinds(*np.round(kept / ROUGH).T)[1]
    count = np.bincount(of)
    centres = np.stack([np.bincount(of, axis) for axis in kept.T], -1) / count[:, None]
    weight = count + 1e6 * np.bincount(of, needed)
    size = np.linalg.norm(centres, axis=1)
    moving = size > NOTHING
    quantum = _quantum(centres[moving], weight[moving])
    number, fits = _fit(centres, quantum)
    number, fits = np.where(moving, number, 0), fits | ~moving
    bad = ~fits & ((size < ENOUGH) | (np.bincount(of, needed) > 0))
    if bad.any():
        worst = ", ".join(f"{c:.3g}" for c in centres[np.argmax(bad)])
        raise ScannerError(
            f"gradients between pulses dephase by ({worst}) cycles a voxel along x, y, z, which is no multiple of "
            f"({', '.join(f'{c:.3g}' for c in quantum)}): phase graphs cannot follow. Use engine 'bloch', or "
            "spoil and rewind alike in every repetition"
        )
    number, fits = np.where(fits, number, 0)[of], fits[of]
    code = _code(number, of, fits)
    if code:
        number, fits = np.where(fits, number, code), np.ones_like(fits)
    return number.astype(np.int32), ~fits, quantum


def _code(number: np.ndarray, of: np.ndarray, fits: np.ndarray) -> int:
    """Order that stands for the one kind of interval which is no multiple, where trains between are short; or 0.

    Such intervals undo one another across repetitions, which tells where T2 is longer than TR. A code that whole trains
    do not reach keeps their orders apart from those of the quantum.
    """
    total = np.cumsum(np.where(fits, np.abs(number), 0))
    reach = int((total - np.maximum.accumulate(np.where(fits, 0, total))).max(initial=0))
    return 4 * reach + 3 if len(np.unique(of[~fits])) == 1 and reach <= SHORT else 0


def _steady(axis: np.ndarray) -> np.ndarray:
    varied = len(np.unique(np.round(axis / ROUGH))) > VALUES and np.ptp(axis) <= ENCODING
    return np.full_like(axis, np.median(axis)) if varied else axis


def _fit(vectors: np.ndarray, quantum: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    square = quantum @ quantum
    if square == 0:
        return np.zeros(len(vectors), int), np.zeros(len(vectors), bool)
    number = np.round(vectors @ quantum / square).astype(int)
    rest = np.linalg.norm(vectors - number[:, None] * quantum, axis=1)
    return number, rest <= min(NOTHING, 0.1 * square**0.5) + ROUGH * np.linalg.norm(vectors, axis=1)


def _quantum(vectors: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """The vector of which most are multiples: one of them, its half or its third; of several, the longest."""
    best, score = np.zeros(3), -1.0
    for i in np.argsort(-weight)[:32]:
        for part in (1, 2, 3) if np.linalg.norm(vectors[i]) > 12 * NOTHING else (1,):
            number, fits = _fit(vectors, vectors[i] / part)
            found = float((weight * (fits & (number != 0))).sum())
            longer = np.linalg.norm(vectors[i] / part) > np.linalg.norm(best) * (1 + ROUGH)
            if found > score or (found == score and longer):
                best, score = vectors[i] / part, found
    return best
