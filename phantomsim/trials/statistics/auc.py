"""Area under the ROC curve by counting pairs, with ties and failed cases."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


def _number_below(scores: Floats, others: Floats) -> Floats:
    """For each score, the number of `others` below it, ties counting half; O(n log n)."""
    ordered = np.sort(others)
    twice = np.searchsorted(ordered, scores, "left") + np.searchsorted(ordered, scores, "right")
    return 0.5 * twice.astype(np.float64)


def placements(
    present: Floats, absent: Floats, failed: tuple[Bools, Bools] | None = None, worst: float = 0.0
) -> tuple[Floats, Floats]:
    """Share of its comparisons that each case wins (DeLong et al. 1988, doi:10.2307/2531595).

    A present case wins against an absent one if it scores higher; ties count half. Sorting makes it
    O(n log n), as Sun and Xu 2014 (doi:10.1109/LSP.2014.2337313) do with mid-ranks.

    Args:
        present, absent: scores [m] and [n]; higher is more suspicious. Those of failed cases are not looked at.
        failed: which present and absent cases failed.
        worst: what every comparison with a failed case counts, whichever side failed.
    Returns:
        Placements of present [m] and absent [n] cases; the mean of either is the AUC.
    """
    lost = failed or (np.zeros(len(present), bool), np.zeros(len(absent), bool))
    x, y = present[~lost[0]], absent[~lost[1]]
    of_present = np.full(len(present), float(worst))
    of_absent = np.full(len(absent), float(worst))
    of_present[~lost[0]] = (_number_below(x, y) + worst * lost[1].sum()) / len(absent)
    of_absent[~lost[1]] = (_number_below(-y, -x) + worst * lost[0].sum()) / len(present)
    return of_present, of_absent


def auc(present: Floats, absent: Floats) -> float:
    """Probability that a present case scores above an absent one, ties counting half (Mann-Whitney).

    Args:
        present, absent: scores, finite, at least one each.
    """
    return float(placements(np.asarray(present, float), np.asarray(absent, float))[0].mean())


def roc_points(present: Floats, absent: Floats, failed: tuple[Bools, Bools] | None = None) -> tuple[Floats, Floats]:
    """Corners of the empirical ROC curve from (0, 0) to (1, 1).

    Failed cases lose every comparison: a failed absent case is called first, a failed present case last.

    Returns:
        False positive fraction and true positive fraction, one value per threshold, rising.
    """
    x, y = np.array(present, float), np.array(absent, float)
    if failed is not None:
        x[failed[0]], y[failed[1]] = -np.inf, np.inf
    thresholds = np.unique(np.concatenate([x, y]))[::-1]
    tpf = 1.0 - np.searchsorted(np.sort(x), thresholds, "left") / len(x)
    fpf = 1.0 - np.searchsorted(np.sort(y), thresholds, "left") / len(y)
    return np.concatenate([[0.0], fpf]), np.concatenate([[0.0], tpf])
