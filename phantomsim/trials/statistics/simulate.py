"""Simulated reader studies with a known truth, to measure what tests and intervals do."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from phantomsim.trials.statistics.auc import Bools, Floats


@dataclass(frozen=True)
class Study:
    """A Gaussian model of two arms that read the same cases of clustered subjects.

    A score is the sum of a subject's part (share `within`) and a case's part (the rest), both of total
    variance 1 and correlated by `between_arms` over the arms, plus a shift for a lesion.

    Attributes:
        clusters: source subjects.
        present, absent: cases with and without a lesion of each subject.
        auc: true AUC of arms a and b for cases of different subjects.
        within: correlation of two cases of one subject.
        between_arms: correlation of the two arms' scores of one case.
    """

    clusters: int
    present: int
    absent: int
    auc: tuple[float, float]
    within: float = 0.0
    between_arms: float = 0.5

    @property
    def labels(self) -> tuple[Bools, NDArray[np.int64]]:
        """Which cases hold a lesion [N] and their clusters [N]."""
        one = np.arange(self.present + self.absent) < self.present
        return np.tile(one, self.clusters), np.repeat(np.arange(self.clusters), len(one))

    def truth(self, arm: int) -> float:
        """The AUC that the estimator aims at: pairs within a subject differ from those between subjects."""
        z = ndtri(self.auc[arm])
        same = ndtr(z / np.sqrt(1.0 - self.within)) if self.within < 1 else float(z > 0)
        return float(((self.clusters - 1) * self.auc[arm] + same) / self.clusters)

    def draw(self, random: np.random.Generator, trials: int) -> Floats:
        """Scores of `trials` studies, [trials, 2, N]."""
        present, cluster = self.labels
        subject = self._pair(random, trials, self.clusters)[..., cluster]
        case = self._pair(random, trials, len(present))
        shift = np.sqrt(2.0) * ndtri(np.array(self.auc))[:, None] * present
        return np.sqrt(self.within) * subject + np.sqrt(1.0 - self.within) * case + shift

    def _pair(self, random: np.random.Generator, trials: int, size: int) -> Floats:
        """Standard normal numbers [trials, 2, size], correlated by `between_arms` over the second axis."""
        first, second = random.standard_normal((2, trials, size))
        r = self.between_arms
        return np.stack([first, r * first + np.sqrt(1.0 - r * r) * second], axis=1)
