"""From a table of scores to estimates, ROC curves and verdicts; pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace

import numpy as np

from phantomsim.errors import TrialError
from phantomsim.trials.statistics.auc import Floats, roc_points
from phantomsim.trials.statistics.clustered_mean import means
from phantomsim.trials.statistics.delong import aucs
from phantomsim.trials.statistics.difference import adjust, judge
from phantomsim.trials.statistics.estimates import Estimates
from phantomsim.trials.statistics.intervals import auc_interval, mean_interval
from phantomsim.trials.statistics.spec import Endpoint, Hypothesis
from phantomsim.trials.statistics.table import Row, Scores, scores_of
from phantomsim.trials.statistics.verdict import Verdict


@dataclass(frozen=True)
class ArmEstimate:
    """One endpoint of one arm.

    Attributes:
        estimate, standard_error: in the endpoint's units.
        ci_low, ci_high: 95 % interval; on the logit scale for AUC.
        n_cases, n_present, n_clusters, n_failed: what it rests on.
        roc: false and true positive fractions along the empirical curve; None unless the statistic is AUC.
    """

    endpoint: str
    arm: str
    statistic: str
    estimate: float
    standard_error: float
    ci_low: float
    ci_high: float
    n_cases: int
    n_present: int
    n_clusters: int
    n_failed: int
    roc: tuple[Floats, Floats] | None = field(default=None, repr=False, compare=False)

    def row(self) -> dict[str, object]:
        """The estimate for JSON, without the curve; numbers that do not exist are None."""
        plain = asdict(replace(self, roc=None))
        del plain["roc"]
        return {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in plain.items()}


@dataclass(frozen=True)
class Analysis:
    """What a trial found: estimates by endpoint and arm, and verdicts in the order of the hypotheses."""

    estimates: tuple[ArmEstimate, ...]
    verdicts: tuple[Verdict, ...]

    def of(self, endpoint: str, arm: str) -> ArmEstimate:
        """The estimate of one endpoint and arm. Raises KeyError if there is none."""
        return {(e.endpoint, e.arm): e for e in self.estimates}[endpoint, arm]


def analyse(
    rows: Iterable[Row],
    endpoints: Sequence[Endpoint],
    hypotheses: Sequence[Hypothesis] = (),
    arms: Sequence[str] | None = None,
) -> Analysis:
    """Analyse a table of results.

    Args:
        rows: one per case x arm x reader, see `table.scores_of`.
        endpoints, hypotheses: as the trial states them; confirmatory hypotheses are adjusted together (Holm).
        arms: all arms in the order of the report; as they first appear in `rows` if None.
    Raises:
        TrialError: the table lacks a reader or a class, or a hypothesis names an unknown endpoint or arm.
    """
    table = list(rows)
    names = tuple(arms) if arms is not None else tuple(dict.fromkeys(str(row["arm"]) for row in table))
    found = {e.name: _summarise(e, scores_of(table, e.reader, names)) for e in endpoints}
    verdicts = []
    for hypothesis in hypotheses:
        _known(hypothesis, found, names)
        endpoint, scores, estimates = found[hypothesis.endpoint]
        failed = int(scores.failed[[names.index(arm) for arm in hypothesis.compare]].sum())
        verdicts.append(replace(judge(estimates, names, endpoint, hypothesis), n_failed=failed))
    per_arm = [_arm(*found[e.name], number) for e in endpoints for number in range(len(names))]
    return Analysis(tuple(per_arm), tuple(adjust(verdicts)))


def _summarise(endpoint: Endpoint, scores: Scores) -> tuple[Endpoint, Scores, Estimates]:
    if endpoint.statistic == "auc":
        return endpoint, scores, aucs(scores.scores, scores.present, scores.subjects, scores.failed, endpoint.worst)
    return endpoint, scores, means(scores.scores, scores.subjects, scores.failed, endpoint.worst)


def _arm(endpoint: Endpoint, scores: Scores, estimates: Estimates, number: int) -> ArmEstimate:
    is_auc = endpoint.statistic == "auc"
    low, high = (auc_interval if is_auc else mean_interval)(estimates, number)
    return ArmEstimate(
        endpoint=endpoint.name,
        arm=scores.arms[number],
        statistic=endpoint.statistic,
        estimate=float(estimates.values[number]),
        standard_error=estimates.variance(np.eye(len(scores.arms))[number]) ** 0.5,
        ci_low=low,
        ci_high=high,
        n_cases=len(scores.present),
        n_present=int(scores.present.sum()),
        n_clusters=estimates.n_clusters,
        n_failed=int(scores.failed[number].sum()),
        roc=_roc(scores, number) if is_auc else None,
    )


def _roc(scores: Scores, number: int) -> tuple[Floats, Floats]:
    row, lost, present = scores.scores[number], scores.failed[number], scores.present
    return roc_points(row[present], row[~present], (lost[present], lost[~present]))


def _known(hypothesis: Hypothesis, endpoints: Iterable[str], arms: Sequence[str]) -> None:
    if hypothesis.endpoint not in endpoints:
        raise TrialError(
            f'hypothesis "{hypothesis.name}" is about endpoint "{hypothesis.endpoint}"; defined: {", ".join(endpoints)}'
        )
    for arm in hypothesis.compare:
        if arm not in arms:
            raise TrialError(f'hypothesis "{hypothesis.name}" compares arm "{arm}"; arms: {", ".join(arms)}')
