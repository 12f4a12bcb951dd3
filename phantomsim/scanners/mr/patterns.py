"""Which lines or points of k-space a random scan takes: denser in the middle, the same for the same seed.

Lustig et al. 2007, doi:10.1002/mrm.21391; Poisson discs: Bridson 2007, doi:10.1145/1278780.1278807.
"""

from __future__ import annotations

import numpy as np

from phantomsim.errors import ScannerError

POWER = 3.0  # of the fall-off of density with distance; Lustig et al. 2007 search 1 to 6
GROWTH = 4.0  # of a disc's radius from the centre of k-space to its edge (unverified choice)


def variable_density(lines: int, acceleration: float, calibration: int, seed: int) -> np.ndarray:
    """Random lines of a 2D scan, with a full centre.

    Args:
        lines: phase-encoding lines of the whole scan.
        acceleration: R; round(lines / R) lines are taken.
        calibration: lines taken about index lines // 2.
        seed: of numpy's default generator.
    Returns:
        sorted indices, int64 [line].
    Raises:
        ScannerError: the calibration alone takes more lines than R allows.
    """
    count = _count(lines, acceleration, calibration)
    rng = np.random.default_rng(seed)
    fixed = np.arange(lines // 2 - calibration // 2, lines // 2 - calibration // 2 + calibration)
    others = np.setdiff1d(np.arange(lines), fixed)
    if not len(others):
        return fixed
    distance = np.abs(others - lines // 2) / (lines / 2 + 1)
    density = (1 - distance) ** POWER
    drawn = rng.choice(others, count - calibration, replace=False, p=density / density.sum())
    return np.sort(np.concatenate([fixed, drawn]))


def poisson_disc(shape: tuple[int, int], acceleration: float, calibration: int, seed: int) -> np.ndarray:
    """Random points of the two phase-encoding axes of a 3D scan, no two close, closer in the middle.

    Args:
        shape: (n_y, n_z) of the whole scan.
        acceleration: R; round(n_y n_z / R) points are taken.
        calibration: side of the square taken about the centre, clipped to the shape.
        seed: of numpy's default generator.
    Returns:
        bool [n_y, n_z].
    Raises:
        ScannerError: the calibration alone takes more points than R allows.
    """
    sides = [min(calibration, n) for n in shape]
    count = _count(shape[0] * shape[1], acceleration, sides[0] * sides[1])
    rng = np.random.default_rng(seed)
    order = rng.permutation(shape[0] * shape[1])
    fixed = np.zeros(shape, bool)
    fixed[tuple(slice(n // 2 - s // 2, n // 2 - s // 2 + s) for n, s in zip(shape, sides))] = True
    low, high = 0.0, 4.0 * acceleration**0.5  # radius at the centre, in cells
    mask = np.ones(shape, bool)  # what no disc at all leaves
    for _ in range(10):
        middle = (low + high) / 2
        trial = _throw(order, fixed, middle)
        low, high, mask = (middle, high, trial) if trial.sum() >= count else (low, middle, mask)
    spare = np.flatnonzero(mask & ~fixed)
    mask.flat[rng.permutation(spare)[: mask.sum() - count]] = False
    return mask


def _throw(order: np.ndarray, fixed: np.ndarray, radius: float) -> np.ndarray:
    """Take points in order, unless one lies within its disc already."""
    ny, nz = fixed.shape
    y, z = np.arange(ny)[:, None], np.arange(nz)
    distance = np.hypot((y - ny // 2) / (ny / 2), (z - nz // 2) / (nz / 2))
    reach = radius * (1 + (GROWTH - 1) * distance / 2**0.5)
    free, taken = ~fixed, fixed.copy()
    for at in order:
        i, j = divmod(int(at), nz)
        if not free[i, j]:
            continue
        taken[i, j] = True
        r = float(reach[i, j])
        k = int(r)
        cut = slice(max(i - k, 0), i + k + 1), slice(max(j - k, 0), j + k + 1)
        free[cut] &= (y[cut[0]] - i) ** 2 + (z[cut[1]] - j) ** 2 >= max(r * r, 0.5)
    return taken


def _count(total: int, acceleration: float, fixed: int) -> int:
    if not 1 <= acceleration <= total:
        raise ScannerError(f"acceleration is {acceleration:g} for {total} lines or points; must be 1 to {total}")
    count = round(total / acceleration)
    if fixed > count or fixed < 0:
        raise ScannerError(
            f"calibration_lines takes {fixed} of the {total} lines or points, and acceleration = {acceleration:g} "
            f"allows {count} in all. Lower calibration_lines or acceleration, or raise matrix"
        )
    return count
