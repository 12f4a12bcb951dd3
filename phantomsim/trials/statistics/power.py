"""What a trial of given size can hope to show, before it runs."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import brentq
from scipy.special import ndtri
from scipy.stats import nct
from scipy.stats import t as student

from phantomsim.errors import TrialError

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(64)


@dataclass(frozen=True)
class Design:
    """A paired comparison of the AUC of two arms, as one guesses it.

    Attributes:
        n_present, n_absent: cases with and without a lesion, all clusters together.
        n_clusters: source subjects; each holds an equal part of both. None if every case is another subject.
        auc: guessed true AUC of arms a and b.
        between_arms: guessed correlation of the two arms' scores of one case.
        within: guessed correlation of the scores of two cases of one subject.
        null: the difference a - b that is to be refuted: margin for superiority, -margin for non-inferiority.
        alpha: two-sided level.
    """

    n_present: int
    n_absent: int
    n_clusters: int | None
    auc: tuple[float, float]
    between_arms: float = 0.5
    within: float = 0.2
    null: float = 0.0
    alpha: float = 0.05

    def __post_init__(self) -> None:
        if min(self.n_present, self.n_absent) < 2 or not all(0 < a < 1 for a in self.auc):
            raise TrialError("power needs two present and two absent cases at least, and AUCs between 0 and 1")

    @property
    def degrees_of_freedom(self) -> float:
        """As the analysis will take them, in expectation."""
        if self.n_clusters is not None:
            return float(max(self.n_clusters - 1, 1))
        parts = np.array([1 / self.n_present, 1 / self.n_absent])
        return float(parts.sum() ** 2 / (parts**2 / np.array([self.n_present - 1, self.n_absent - 1])).sum())


def pair_covariance(auc_a: float, auc_b: float, correlation: float) -> float:
    """Covariance of "present above absent" of two pairs of normal scores.

    P(U < h, V < k) - P(U < h) P(V < k) of standard normal U, V: Plackett's integral over the correlation
    (Plackett 1954, doi:10.1093/biomet/41.3-4.351), in the form of Drezner and Wesolowsky 1990.

    Args:
        auc_a, auc_b: probabilities of the two events.
        correlation: of the two score differences.
    """
    h, k, end = float(ndtri(auc_a)), float(ndtri(auc_b)), math.asin(correlation)
    theta = 0.5 * end * (_NODES + 1)
    exponent = -(h * h + k * k - 2 * h * k * np.sin(theta)) / (2 * np.cos(theta) ** 2)
    return float(0.5 * end * (_WEIGHTS @ np.exp(exponent)) / (2 * math.pi))


def auc_covariance(design: Design, first: int, second: int) -> float:
    """Covariance of the empirical AUCs of two arms (equal numbers give the variance).

    The variance of a two-sample U-statistic (Bamber 1975, doi:10.1016/0022-2496(75)90001-2; Hanley and McNeil
    1982, doi:10.1148/radiology.143.1.7063747) with binormal probabilities of equal variance in place of their
    exponential ones, and terms for pairs of cases of one subject, to first order, as in Obuchowski 1997.
    """
    m, n = design.n_present, design.n_absent
    r = 1.0 if first == second else design.between_arms
    a, b = design.auc[first], design.auc[second]
    half = pair_covariance(a, b, r / 2)
    independent = half * (1 / m + 1 / n) + (pair_covariance(a, b, r) - 2 * half) / (m * n)
    if design.n_clusters is None or design.within == 0:
        return independent
    clusters, share = min(design.n_clusters, m, n), r * design.within / 2
    alike = pair_covariance(a, b, share) * ((m / clusters - 1) / m + (n / clusters - 1) / n)
    return independent + alike + 2 * pair_covariance(a, b, -share) / clusters


def standard_error(design: Design) -> float:
    """Expected standard error of the AUC difference a - b."""
    variances = auc_covariance(design, 0, 0) + auc_covariance(design, 1, 1)
    return math.sqrt(max(variances - 2 * auc_covariance(design, 0, 1), 0.0))


def expected_power(design: Design) -> float:
    """Probability that the trial shows a - b > null, if the guesses are true (noncentral t)."""
    return _power(design.auc[0] - design.auc[1] - design.null, standard_error(design), design)


def smallest_detectable_difference(design: Design, power: float = 0.8) -> float | None:
    """Smallest true difference a - b that is shown with the given power, arm b being as guessed.

    For a non-inferiority test it may be negative: arm a may be so much worse.

    Returns:
        The difference; None if even an AUC of .9999 in arm a would not be enough.
    """

    def lacking(auc_a: float) -> float:
        return expected_power(replace(design, auc=(auc_a, design.auc[1]))) - power

    low, high = max(design.auc[1] + design.null, 1e-4), 0.9999
    if low >= high or lacking(high) < 0:
        return None
    return float(brentq(lacking, low, high, xtol=1e-6)) - design.auc[1]


def power_of_mean(
    difference: float,
    sd_of_difference: float,
    n_cases: int,
    n_clusters: int | None = None,
    within: float = 0.0,
    null: float = 0.0,
    alpha: float = 0.05,
) -> float:
    """Probability that a paired mean difference of a per-case metric is shown to be above `null`.

    The variance grows by the design effect 1 + (cases per cluster - 1) within (Kish 1965, Survey Sampling).

    Args:
        difference: true mean of a - b, with the sign that is favourable.
        sd_of_difference: standard deviation of a - b over cases.
        within: correlation of a - b of two cases of one subject.
    """
    clusters = n_cases if n_clusters is None else n_clusters
    effect = 1 + (n_cases / clusters - 1) * within
    design = Design(2, 2, max(clusters, 2), (0.5, 0.5), alpha=alpha)
    return _power(difference - null, sd_of_difference * math.sqrt(effect / n_cases), design)


def _power(shift: float, error: float, design: Design) -> float:
    if not error > 0:
        return float(shift > 0)
    df = design.degrees_of_freedom
    return float(nct.sf(student.ppf(1 - design.alpha / 2, df), df, shift / error))
