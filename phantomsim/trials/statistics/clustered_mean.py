"""Means over clustered cases of several arms, with their covariance."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from phantomsim.errors import TrialError
from phantomsim.trials.statistics.auc import Bools, Floats
from phantomsim.trials.statistics.estimates import Estimates, cluster_numbers, cluster_sums


def means(
    scores: Floats, clusters: NDArray | None = None, failed: Bools | None = None, worst: float | None = None
) -> Estimates:
    """Mean of every arm over all cases, linearised over clusters as sampling units.

    The variance of the ratio of sums, sum of score over number of cases (Cochran 1977, Sampling Techniques,
    section 9A: cluster sampling); K - 1 degrees of freedom.

    Args:
        scores: one row per arm [R, N].
        clusters: source subject of every case [N]; None if cases are independent.
        failed: which scores are missing [R, N]; they count as `worst`.
        worst: the value of a failed case.
    Raises:
        TrialError: no case, a score that is not finite and not failed, or failed cases without `worst`.
    """
    scores = np.atleast_2d(np.array(scores, float))
    if failed is not None and np.any(failed):
        if worst is None:
            raise TrialError("cases failed and no worst value is given; the endpoint must state one")
        scores[np.atleast_2d(failed)] = worst
    if not scores.shape[1] or not np.isfinite(scores).all():
        raise TrialError("a mean needs at least one case and finite scores; mark others as failed")
    numbers = np.arange(scores.shape[1]) if clusters is None else cluster_numbers(clusters)
    count = int(numbers.max()) + 1
    values = scores.mean(axis=1)
    moves = cluster_sums(scores - values[:, None], numbers, count) / scores.shape[1]
    return Estimates(
        values=values,
        covariance=moves @ moves.T * count / max(count - 1, 1),
        contributions=moves,
        stratum=np.zeros(count, np.int64),
        n_cases=scores.shape[1],
        enough=count > 1,
    )
