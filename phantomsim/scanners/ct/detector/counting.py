"""Photon-counting detectors: from pulses to counts in energy bins, with all that is correlated about them.

One photon may make several counts: in one bin or in two, in one cell or in two. For bins i and j let m_i be the mean
number of counts of a photon in bin i, and t_ij the mean number of ordered pairs of its counts, the first in bin i and
the second, in another sub-pixel, in bin j. Photons are Poisson, so over all cells the counts have exactly

    mean_i = N m_i,     covariance_ij = N (m_i [i = j] + t_ij)

(a marked Poisson process; Taguchi et al., Med. Phys. 45 (2018) 1985, doi:10.1002/mp.12863, carry such matrices about).
Some of the pairs lie within one cell and correlate its bins; some cross to a neighbour and correlate cells.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from phantomsim.scanners.ct.detector.sharing import REACH, WIDTH, Events, events, interacts
from phantomsim.scanners.ct.spec import PhotonCounting

SIGMAS = 5.0  # of a pulse's height below the lowest threshold: it is never counted


class Pairs(NamedTuple):
    """What one photon of N energies does, on average; i <= j in `pair_index`'s order makes P pairs of C bins.

    Attributes:
        counts: in each bin, per incident photon [C, N].
        own: pairs within one cell [P, N].
        across, up: pairs that cross to one of the two neighbours in the row, in the column [P, N].
        out: counts that land in one of the two neighbours in the column, in the row [C, 2, N].
    """

    counts: np.ndarray
    own: np.ndarray
    across: np.ndarray
    up: np.ndarray
    out: np.ndarray

    @property
    def all(self) -> np.ndarray:
        """t_ij: pairs wherever they lie [P, N]."""
        return self.own + 2 * self.across + 2 * self.up


def pair_index(bins: int) -> tuple[np.ndarray, np.ndarray]:
    """Bins (i, j) of each pair, i <= j [P]."""
    return np.triu_indices(bins)


def responses(detector: PhotonCounting, energy_keV: np.ndarray) -> np.ndarray:
    """Mean counts in each bin per incident photon, wherever it makes them, float64 [C, N]."""
    return np.stack([_response(_still(detector), float(energy)) for energy in np.asarray(energy_keV)], -1)


def _still(detector: PhotonCounting) -> PhotonCounting:
    """The detector less what changes neither events nor bins, to look them up by."""
    return detector.model_copy(update={"dead_time_ns": 0.0, "pile_up": "none", "fill": 1.0})


@lru_cache(maxsize=4096)
def _response(detector: PhotonCounting, energy_keV: float) -> np.ndarray:
    outcome = events(detector, energy_keV)
    seen, hits = bin_chances(detector, outcome)
    per_photon = interacts(detector, np.array([energy_keV]))[0] * outcome.chance
    return hits @ per_photon[seen // WIDTH**2]


def pairs(detector: PhotonCounting, energy_keV: np.ndarray, cell_mm: tuple[float, float]) -> Pairs:
    """Means and pairs of counts at N energies; a cell is `cell_mm` (row, column) high and wide."""
    side = (float(cell_mm[0]), float(cell_mm[1]))
    found = [_pairs(_still(detector), float(energy), side) for energy in np.asarray(energy_keV)]
    return Pairs(*(np.stack(part, -1) for part in zip(*found)))


@lru_cache(maxsize=4096)
def _pairs(detector: PhotonCounting, energy_keV: float, cell_mm: tuple[float, float]) -> Pairs:
    outcome = events(detector, energy_keV)
    chance = interacts(detector, np.array([energy_keV]))[0] * outcome.chance
    seen, some = bin_chances(detector, outcome)
    sample, place = np.divmod(seen, WIDTH**2)
    counts = np.stack([np.bincount(place, chance[sample] * row, WIDTH**2) for row in some])
    both = np.zeros((4, len(counts), len(counts)))
    weights = _pair_weights(detector.pixel_mm, cell_mm)
    for apart in range(1, WIDTH**2):  # entries of one outcome follow one another
        (first,) = np.nonzero(sample[apart:] == sample[:-apart])
        if not len(first):
            break
        second = first + apart
        for total, weight in zip(both, weights):
            total += (chance[sample[first]] * weight[place[first], place[second]] * some[:, first]) @ some[:, second].T
    i, j = pair_index(len(counts))
    own, across, up, corner = (both + both.transpose(0, 2, 1))[:, i, j]
    out = np.stack([counts @ weight for weight in _out_weights(detector.pixel_mm, cell_mm)], -1)
    return Pairs(counts.sum(-1), own, across + corner, up + corner, out)


def _crossing(offset: np.ndarray, pixel_mm: float, cell_mm: float) -> np.ndarray:
    """Chance that two sub-pixels that many apart lie in different cells, wherever the first lies in its cell."""
    return np.minimum(np.abs(offset) * pixel_mm / max(cell_mm, pixel_mm), 1.0)


def _pair_weights(pixel_mm: float, cell_mm: tuple[float, float]) -> tuple[np.ndarray, ...]:
    """Chance that a pair of sub-pixels lies in one cell, reaches one neighbour in the row, in the column, at a corner.

    Each [WIDTH * WIDTH, WIDTH * WIDTH]. Both orders of a pair count half each, since bins are told apart by symmetry.
    """
    place = np.arange(WIDTH)
    y, x = (a.ravel() for a in np.meshgrid(place, place, indexing="ij"))
    rows, columns = (
        _crossing(a[:, None] - a[None, :], pixel_mm, side) for a, side in ((y, cell_mm[0]), (x, cell_mm[1]))
    )
    own = (1 - rows) * (1 - columns) * (1 - np.eye(WIDTH * WIDTH))
    return own, columns * (1 - rows) / 2, rows * (1 - columns) / 2, rows * columns / 4


def _out_weights(pixel_mm: float, cell_mm: tuple[float, float]) -> tuple[np.ndarray, np.ndarray]:
    """Chance that a count in each sub-pixel lies in one of the two next rows, columns [WIDTH * WIDTH]."""
    offset = np.arange(WIDTH) - REACH
    rows, columns = (_crossing(offset, pixel_mm, side) / 2 for side in cell_mm)
    return np.repeat(rows, WIDTH), np.tile(columns, WIDTH)


def bin_chances(detector: PhotonCounting, outcome: Events) -> tuple[np.ndarray, np.ndarray]:
    """Probability that a sub-pixel counts in each bin; pulses have Gaussian noise.

    Returns:
        (place, chance): the M entries of the flat [S * WIDTH * WIDTH] pulses that may count [M], and how likely [C, M].
    """
    from scipy.special import ndtr

    pulse, threshold = outcome.pulse_keV.reshape(-1), np.asarray(detector.thresholds_keV, np.float32)[:, None]
    (seen,) = np.nonzero(pulse > threshold[0] - np.float32(SIGMAS * detector.resolution_keV))
    above = ndtr((pulse[seen] - threshold) / np.float32(detector.resolution_keV))
    above[:-1] -= above[1:]
    return seen, above
