"""Which lines were measured: a regular lattice and a block about the centre of k-space."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np

from phantomsim.errors import ScannerError


@dataclass(frozen=True)
class Lattice:
    """Where lines were measured: the regular lattice, and the block about the centre that was sampled in full.

    Attributes:
        first: index (z, y) of the first line of the lattice.
        calibration: slices (z, y) of the full block.
    """

    first: tuple[int, int]
    calibration: tuple[slice, slice]


def find_lattice(taken: np.ndarray, acceleration: tuple[int, int] | int) -> Lattice:
    """Find the lattice and the calibration lines of a sampling mask.

    Args:
        taken: which lines were measured, bool [y] or [z, y].
        acceleration: R, or (R_z, R_y).
    Raises:
        ScannerError: no regular lattice of lines was measured.
    """
    mask, steps = mask_of(taken), steps_of(acceleration)
    shares = {
        t: float(mask[t[0] :: steps[0], t[1] :: steps[1]].mean()) for t in product(range(steps[0]), range(steps[1]))
    }
    first = max(shares, key=lambda t: (shares[t], -t[0], -t[1]))
    if shares[first] <= 0.5:
        raise ScannerError(
            f"no regular lattice at R = {steps[0] * steps[1]}: at best {100 * shares[first]:.0f} % of its lines were "
            "measured. Give the acceleration that the lines were measured with"
        )
    return Lattice(first, centre_block(mask))


def steps_of(acceleration: tuple[int, int] | int) -> tuple[int, int]:
    steps = (1, acceleration) if isinstance(acceleration, int) else (int(acceleration[0]), int(acceleration[1]))
    if min(steps) < 1:
        raise ScannerError(f"acceleration {acceleration}; must be 1 or more along every axis")
    return steps


def mask_of(taken: np.ndarray) -> np.ndarray:
    return np.atleast_2d(np.asarray(taken, bool))


def centre_block(mask: np.ndarray) -> tuple[slice, slice]:
    """The largest block about the centre in which every line was measured; grown side by side, alternately."""
    low = [n // 2 for n in mask.shape]
    high = [n // 2 + 1 for n in mask.shape]
    if not mask[low[0], low[1]]:
        return slice(0, 0), slice(0, 0)
    grown = True
    while grown:
        grown = False
        for axis, side in product((0, 1), (-1, 1)):
            a, b = list(low), list(high)
            (a if side < 0 else b)[axis] += side
            inside = a[axis] >= 0 and b[axis] <= mask.shape[axis]
            if inside and mask[a[0] : b[0], a[1] : b[1]].all():
                low, high, grown = a, b, True
    return slice(low[0], high[0]), slice(low[1], high[1])


def reach_of(mask: np.ndarray, first: tuple[int, int], steps: tuple[int, int]) -> np.ndarray:
    """Lines within the lattice's measured ends, bool [z, y]."""
    seen = np.zeros_like(mask)
    here = tuple(slice(f, None, r) for f, r in zip(first, steps))
    seen[here] = mask[here]
    reach = np.ones_like(mask)
    for axis, step in enumerate(steps):
        at = np.flatnonzero(seen.any(1 - axis))
        index = np.arange(mask.shape[axis])
        within = (index > at[0] - step) & (index < at[-1] + step)
        reach &= within[:, None] if axis == 0 else within
    return reach
