"""Confidence intervals of one arm."""

from __future__ import annotations

import numpy as np
from scipy.special import expit, logit
from scipy.stats import t as student

from phantomsim.trials.statistics.estimates import Estimates


def mean_interval(estimates: Estimates, arm: int, alpha: float = 0.05) -> tuple[float, float]:
    """Student's interval of level 1 - alpha; not a number from a single cluster."""
    value, variance, df = _of(estimates, arm)
    if not estimates.enough:
        return float("nan"), float("nan")
    half = float(student.ppf(1 - alpha / 2, df)) * variance**0.5
    return value - half, value + half


def auc_interval(estimates: Estimates, arm: int, alpha: float = 0.05) -> tuple[float, float]:
    """Interval of level 1 - alpha on the logit scale, which keeps it within 0 .. 1.

    Logit transformation as in Pepe 2003 (The Statistical Evaluation of Medical Tests for Classification and
    Prediction, chapter 5), here with Student's t.
    An AUC of exactly 1 (or 0) has no variance estimate: the interval then comes from disjoint pairs of cases
    of different clusters, p of which were all ranked right: alpha/2 = lower^p (Clopper and Pearson 1934,
    doi:10.1093/biomet/26.4.404). Where nothing varies otherwise, nothing is known: 0 .. 1.
    """
    value, variance, df = _of(estimates, arm)
    if value in (0.0, 1.0):
        bound = (alpha / 2) ** (1.0 / disjoint_pairs(estimates))
        return (bound, 1.0) if value == 1.0 else (0.0, 1.0 - bound)
    if not (variance > 0 and estimates.enough):
        return 0.0, 1.0
    half = float(student.ppf(1 - alpha / 2, df)) * variance**0.5 / (value * (1 - value))
    return float(expit(logit(value) - half)), float(expit(logit(value) + half))


def disjoint_pairs(estimates: Estimates) -> int:
    """How many pairs of a present and an absent case of different clusters exist without using a cluster twice."""
    only_present, only_absent, both = (int((estimates.stratum == s).sum()) for s in range(3))
    most = min(only_present + both, only_absent + both, (only_present + only_absent + both) // 2)
    return max(most, 1)


def _of(estimates: Estimates, arm: int) -> tuple[float, float, float]:
    weights = np.eye(len(estimates.values))[arm]
    return float(estimates.values[arm]), estimates.variance(weights), estimates.degrees_of_freedom(weights)
