"""The paired difference of two arms, and what a hypothesis says of it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from scipy.stats import t as student

from phantomsim.trials.statistics.estimates import Estimates
from phantomsim.trials.statistics.holm import holm
from phantomsim.trials.statistics.spec import Endpoint, Hypothesis
from phantomsim.trials.statistics.verdict import Decision, Verdict

NAN = float("nan")


@dataclass(frozen=True)
class Difference:
    """Arm a minus arm b on the same cases.

    Attributes:
        estimate, standard_error, degrees_of_freedom: of a minus b.
        problem: why nothing can be inferred; empty if it can.
    """

    estimate: float
    standard_error: float
    degrees_of_freedom: float
    problem: str = ""

    def interval(self, alpha: float = 0.05) -> tuple[float, float]:
        """Student's interval of level 1 - alpha."""
        if self.problem:
            return NAN, NAN
        half = float(student.ppf(1 - alpha / 2, self.degrees_of_freedom)) * self.standard_error
        return self.estimate - half, self.estimate + half

    def p_value(self, null: float = 0.0) -> float:
        """Two-sided p of "the true difference is `null`"."""
        if self.problem:
            return NAN
        return float(2 * student.sf(abs(self.estimate - null) / self.standard_error, self.degrees_of_freedom))


def difference(estimates: Estimates, a: int, b: int, perfect: float | None = None) -> Difference:
    """The difference of two arms and whether it can be tested.

    Student's t with `Estimates.degrees_of_freedom`: with 15 clusters the normal quantile covers too little,
    which the simulations in `simulate.py` show.

    Args:
        a, b: arms by number.
        perfect: the value that leaves nothing to tell apart (1 for AUC); None if there is none.
    """
    weights = np.zeros(len(estimates.values))
    weights[a], weights[b] = 1.0, -1.0
    value = float(weights @ estimates.values)
    error = math.sqrt(estimates.variance(weights))
    df = estimates.degrees_of_freedom(weights)
    return Difference(value, error, df, _problem(estimates, a, b, error, perfect))


def _problem(estimates: Estimates, a: int, b: int, error: float, perfect: float | None) -> str:
    if perfect is not None and estimates.values[a] == perfect == estimates.values[b]:
        return f"AUC is {perfect:g} in both arms: the task is too easy to tell them apart"
    if not estimates.enough:
        return "a class comes from a single source subject: no variance between subjects can be estimated"
    if not error > 0:
        return "the difference does not vary between source subjects: it has no standard error"
    return ""


def judge(estimates: Estimates, arms: tuple[str, ...], endpoint: Endpoint, hypothesis: Hypothesis) -> Verdict:
    """Judge one hypothesis alone; `adjust` then accounts for the others."""
    a, b = (arms.index(name) for name in hypothesis.compare)
    found = difference(estimates, a, b, 1.0 if endpoint.statistic == "auc" else None)
    sign = 1.0 if endpoint.better == "higher" else -1.0
    null = sign * hypothesis.margin * (1.0 if hypothesis.test == "superiority" else -1.0)
    p, low_high = found.p_value(null), found.interval(hypothesis.alpha)
    verdict = Verdict(
        hypothesis=hypothesis.name,
        endpoint=endpoint.name,
        arm_a=hypothesis.compare[0],
        arm_b=hypothesis.compare[1],
        test=hypothesis.test,
        estimate=found.estimate,
        standard_error=found.standard_error,
        degrees_of_freedom=found.degrees_of_freedom,
        ci_low=low_high[0],
        ci_high=low_high[1],
        p_value=p,
        p_adjusted=NAN if found.problem else p if sign * (found.estimate - null) > 0 else 1.0,
        alpha=hypothesis.alpha,
        margin=hypothesis.margin,
        decision="inconclusive",
        reason=found.problem,
        n_cases=estimates.n_cases,
        n_clusters=estimates.n_clusters,
        confirmatory=hypothesis.confirmatory,
    )
    return verdict if found.problem else _decide(verdict)


def adjust(verdicts: list[Verdict]) -> list[Verdict]:
    """Adjust the confirmatory verdicts together (Holm); an inconclusive one counts as p = 1."""
    family = [i for i, v in enumerate(verdicts) if v.confirmatory]
    directed = [1.0 if math.isnan(verdicts[i].p_adjusted) else verdicts[i].p_adjusted for i in family]
    adjusted = dict(zip(family, holm(directed)))
    return [
        v if i not in adjusted or v.decision == "inconclusive" else _decide(replace(v, p_adjusted=adjusted[i]))
        for i, v in enumerate(verdicts)
    ]


def _decide(verdict: Verdict) -> Verdict:
    """The decision that `p_adjusted` gives, in words."""
    shown = verdict.p_adjusted <= verdict.alpha
    word: Decision = "superior" if verdict.test == "superiority" else "non-inferior"
    margin = f" by more than {verdict.margin:g}" if verdict.margin and word == "superior" else ""
    margin = f" within a margin of {verdict.margin:g}" if word == "non-inferior" else margin
    level = 100 * (1 - verdict.alpha)
    reason = (
        f"{verdict.arm_a} was {'' if shown else 'not shown to be '}{word} to {verdict.arm_b}{margin}: difference "
        f"{verdict.estimate:.4g} ({level:g} % CI {verdict.ci_low:.4g} to {verdict.ci_high:.4g}), "
        f"p = {verdict.p_adjusted:.2g}{' (Holm)' if verdict.confirmatory else ''}"
    )
    return replace(verdict, decision=word if shown else "not shown", reason=reason)
