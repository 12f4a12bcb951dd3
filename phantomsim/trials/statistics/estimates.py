"""Estimates of several arms from the same cases, with their joint covariance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Estimates:
    """One statistic of R arms on the same N cases from K clusters.

    Attributes:
        values: the statistic [R].
        covariance: of `values`, between arms too [R, R].
        contributions: how far each cluster moves each arm's value to first order [R, K]; sums to 0 over clusters.
        stratum: which clusters are alike [K]: those with present cases only (0), absent only (1) or both (2).
        n_cases: N.
        enough: whether every class comes from two clusters or more, so that a variance exists.
    """

    values: Floats
    covariance: Floats
    contributions: Floats
    stratum: NDArray[np.int64]
    n_cases: int
    enough: bool = True

    @property
    def n_clusters(self) -> int:
        """K."""
        return self.contributions.shape[1]

    def variance(self, weights: Floats) -> float:
        """Variance of the contrast `weights @ values`; 0 where rounding or Obuchowski's estimate is below 0."""
        weights = np.asarray(weights, float)
        value = float(weights @ self.covariance @ weights)
        scale = float(np.abs(weights) @ np.abs(self.covariance) @ np.abs(weights))
        return value if value > 1e-12 * scale else 0.0

    def degrees_of_freedom(self, weights: Floats) -> float:
        """Satterthwaite's degrees of freedom of the contrast's variance, from the clusters of each stratum.

        Clusters that all hold present and absent cases give K - 1. Unclustered cases give what Brunner and
        Munzel (2000, doi:10.1002/(SICI)1521-4036(200001)42:1<17::AID-BIMJ17>3.0.CO;2-U) use for one AUC.
        """
        moves = (np.asarray(weights, float) @ self.contributions) ** 2
        sums = np.array([moves[self.stratum == s].sum() for s in np.unique(self.stratum)])
        counts = np.array([(self.stratum == s).sum() for s in np.unique(self.stratum)])
        if not sums.sum() > 0:
            return float(max(self.n_clusters - 1, 1))
        return float(sums.sum() ** 2 / (sums**2 / np.maximum(counts - 1, 1)).sum())


def cluster_numbers(clusters: NDArray) -> NDArray[np.int64]:
    """Clusters as numbers 0 .. K - 1, in sorted order of their names."""
    return np.unique(np.asarray(clusters), return_inverse=True)[1].astype(np.int64)


def cluster_sums(values: Floats, numbers: NDArray[np.int64], count: int) -> Floats:
    """Sums of the last axis of `values` [..., n] over clusters, [..., count]."""
    member = np.zeros((len(numbers), count))
    member[np.arange(len(numbers)), numbers] = 1.0
    return values @ member
