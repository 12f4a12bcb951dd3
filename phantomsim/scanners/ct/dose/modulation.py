"""Tube current modulation: how the current follows the patient from view to view.

A view through more tissue gets more current. With attenuation A = exp(p) of the view (p: the logarithm of air reading
over reading), current proportional to A^s is full modulation at s = 1 (as many photons behind the patient in every
view) and the least image noise for a given mAs at s = 1/2: the noise variance in the middle is proportional to
sum A / I, which under a fixed sum I is least where I ~ sqrt(A) (Gies, Kalender, Wolf and Suess, Med. Phys. 26 (1999)
2235, doi:10.1118/1.598779, and Kalender, Wolf and Suess, ibid. 2248, doi:10.1118/1.598738).

Angular and longitudinal modulation have strengths of their own: the mean of p over the turn around a view is the
longitudinal part, what is left is the angular part.
"""

from __future__ import annotations

import numpy as np

from phantomsim.errors import ScannerError
from phantomsim.scanners.ct.spec import Modulation

BAND_MM = 50.0  # at the isocentre: thin bones and the edges of cells must not steer the tube


def scout(integrals: np.typing.ArrayLike, column_mm: float) -> np.ndarray:
    """The opacity of a patient in every view: the most opaque band, `BAND_MM` wide, mean over the rows.

    Args:
        integrals: noise-free logarithms of air reading over reading [view, row, column]; every so many columns suffice.
        column_mm: pitch of the columns at the isocentre [mm].
    Returns:
        float64 [view].
    """
    across = np.asarray(integrals, float).mean(1)
    width = min(max(1, round(BAND_MM / column_mm)), across.shape[-1])
    sums = np.cumsum(np.pad(across, ((0, 0), (1, 0))), -1)
    return ((sums[:, width:] - sums[:, :-width]) / width).max(-1)


def currents(opacity: np.typing.ArrayLike, modulation: Modulation, views_per_turn: int) -> np.ndarray:
    """Current of every view over the mean current of the scan.

    Args:
        opacity: see `scout` [view].
        modulation: strengths and bounds.
        views_per_turn: views in 360 degrees.
    Returns:
        float64 [view], mean 1, within the bounds of `modulation`.
    Raises:
        ScannerError: an opacity that is not finite.
    """
    log_attenuation = np.asarray(opacity, float)
    if not np.isfinite(log_attenuation).all():
        raise ScannerError("the scout for tube current modulation is not finite")
    along = turn_mean(log_attenuation, views_per_turn)
    wanted = modulation.longitudinal * along + modulation.angular * (log_attenuation - along)
    return bounded(np.exp(wanted - wanted.max()), modulation.least, modulation.most)


def turn_mean(values: np.ndarray, views_per_turn: int) -> np.ndarray:
    """Mean over the full turn nearest around each view [view]; over all views where there are fewer.

    The ends of a scan take the mean of its first or last turn.
    """
    count = min(views_per_turn, len(values))
    sums = np.cumsum(np.append(0.0, values))
    first = np.clip(np.arange(len(values)) - count // 2, 0, len(values) - count)
    return (sums[first + count] - sums[first]) / count


def bounded(current: np.ndarray, least: float, most: float) -> np.ndarray:
    """Scale positive currents so that their mean is 1 after those beyond the bounds are set to them.

    Args:
        current: positive [view].
        least, most: bounds, least <= 1 <= most.
    """
    low, high = least / current.max(), most / current.min()
    for _ in range(200):  # the mean rises with the scale, so halving finds it
        middle = np.sqrt(low * high)
        below = np.clip(middle * current, least, most).mean() < 1
        low, high = (middle, high) if below else (low, middle)
    return np.clip(high * current, least, most)
