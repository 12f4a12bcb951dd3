"""AUCs of several arms on the same clustered cases, with their covariance."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from phantomsim.errors import TrialError
from phantomsim.trials.statistics.auc import Bools, Floats, placements
from phantomsim.trials.statistics.estimates import Estimates, cluster_numbers, cluster_sums


def aucs(
    scores: Floats,
    present: Bools,
    clusters: NDArray | None = None,
    failed: Bools | None = None,
    worst: float = 0.0,
) -> Estimates:
    """AUC of every arm with the covariance of Obuchowski 1997 (Biometrics 53:567-578, doi:10.2307/2533958).

    Where every case is its own cluster this is DeLong, DeLong and Clarke-Pearson 1988 (doi:10.2307/2531595).

    Args:
        scores: one row per arm [R, N]; higher is more suspicious.
        present: which cases hold a lesion [N].
        clusters: source subject of every case [N], any sortable values; None if cases are independent.
        failed: which scores are missing [R, N].
        worst: what comparisons with a failed case count, 0 .. 0.5.
    Raises:
        TrialError: no present or no absent case, or a score that is not finite and not marked as failed.
    """
    scores = np.atleast_2d(np.asarray(scores, float))
    present = np.asarray(present, bool)
    lost = np.zeros(scores.shape, bool) if failed is None else np.atleast_2d(np.asarray(failed, bool))
    _check(scores, present, lost)
    numbers = np.arange(len(present)) if clusters is None else cluster_numbers(clusters)
    of_present, of_absent = zip(
        *(placements(s[present], s[~present], (f[present], f[~present]), worst) for s, f in zip(scores, lost))
    )
    return _obuchowski(np.array(of_present), np.array(of_absent), numbers[present], numbers[~present])


def _check(scores: Floats, present: Bools, lost: Bools) -> None:
    if present.all() or not present.any():
        raise TrialError("an AUC needs present and absent cases; the table holds one of them only")
    if not np.isfinite(scores[~lost]).all():
        raise TrialError("a score is not finite; mark the case as failed so that it counts as the worst")


def _obuchowski(
    of_present: Floats, of_absent: Floats, where_present: NDArray[np.int64], where_absent: NDArray[np.int64]
) -> Estimates:
    """Placements [R, m] and [R, n] and the clusters they come from to AUCs and covariance."""
    m, n = of_present.shape[1], of_absent.shape[1]
    count = int(max(where_present.max(), where_absent.max())) + 1
    values = of_present.mean(axis=1)
    centred_present = cluster_sums(of_present - values[:, None], where_present, count)
    centred_absent = cluster_sums(of_absent - values[:, None], where_absent, count)
    has_present = np.bincount(where_present, minlength=count) > 0
    has_absent = np.bincount(where_absent, minlength=count) > 0
    cross = centred_present @ centred_absent.T
    covariance = (
        _bessel(has_present.sum()) * (centred_present @ centred_present.T) / m**2
        + _bessel(has_absent.sum()) * (centred_absent @ centred_absent.T) / n**2
        + _bessel(count) * (cross + cross.T) / (m * n)
    )
    return Estimates(
        values=values,
        covariance=covariance,
        contributions=centred_present / m + centred_absent / n,
        stratum=has_absent.astype(np.int64) + (has_present & has_absent),
        n_cases=m + n,
        enough=bool(has_present.sum() > 1 and has_absent.sum() > 1),
    )


def _bessel(count: int) -> float:
    """count / (count - 1), which makes a variance of few clusters unbiased."""
    return float(count) / max(float(count) - 1.0, 1.0)
