"""What a trial concludes about one hypothesis."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Literal

Decision = Literal["superior", "non-inferior", "not shown", "inconclusive"]


@dataclass(frozen=True)
class Verdict:
    """The answer to one hypothesis on arm a minus arm b.

    Attributes:
        hypothesis, endpoint, arm_a, arm_b, test: names.
        estimate: a minus b, in the endpoint's units.
        standard_error, degrees_of_freedom: of the estimate.
        ci_low, ci_high: interval of level 1 - alpha, not adjusted for multiplicity; NaN if inconclusive.
        p_value: two-sided p of "the difference lies on the margin" (0 without a margin); NaN if inconclusive.
        p_adjusted: after Holm's adjustment over the confirmatory hypotheses; p of a difference that points the
            wrong way counts as 1. Equal to the directed p for a hypothesis that is not confirmatory.
        alpha, margin: as stated before the trial.
        decision: "superior" and "non-inferior" are about arm a; "not shown" proves nothing about equality;
            "inconclusive" means that these data cannot answer.
        reason: one sentence for people.
        n_cases, n_clusters, n_failed: what it rests on; failed counts cases of both arms.
        confirmatory: whether it counts for the trial's conclusion.
    """

    hypothesis: str
    endpoint: str
    arm_a: str
    arm_b: str
    test: str
    estimate: float
    standard_error: float
    degrees_of_freedom: float
    ci_low: float
    ci_high: float
    p_value: float
    p_adjusted: float
    alpha: float
    margin: float
    decision: Decision
    reason: str
    n_cases: int
    n_clusters: int
    n_failed: int = 0
    confirmatory: bool = True

    @property
    def shown(self) -> bool:
        """Whether the hypothesis was shown."""
        return self.decision in ("superior", "non-inferior")

    def row(self) -> dict[str, object]:
        """The verdict for JSON: numbers that do not exist are None."""
        return {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in asdict(self).items()}
