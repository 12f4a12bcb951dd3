"""What a trial will take and what it can hope to show, in words."""

from __future__ import annotations

import resource
import time
from dataclasses import dataclass

from phantomsim.errors import TrialError
from phantomsim.trials.plan import Plan
from phantomsim.trials.run import processors
from phantomsim.trials.spec import Trial
from phantomsim.trials.statistics.power import Design, expected_power, smallest_detectable_difference
from phantomsim.trials.statistics.spec import Hypothesis


@dataclass(frozen=True)
class Cost:
    """What one patient takes in this process, compilation left out: time [s] and peak memory [MiB]."""

    seconds: float
    peak_MiB: float


def measure_patient(trial: Trial) -> Cost:
    """Simulate patient 0 twice and time the second: the first pays for compilation."""
    from phantomsim.trials.patient import simulate_patient

    simulate_patient(trial, 0)
    start = time.perf_counter()
    simulate_patient(trial, 0)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return Cost(time.perf_counter() - start, peak)


def forecast(plan: Plan, auc: float, correlation: float, cost: Cost | None = None) -> str:
    """The plan in words: size, power of each AUC hypothesis, time and memory.

    Args:
        auc: guessed AUC of the worse arm.
        correlation: guessed correlation of two arms' scores of one case.
        cost: of one patient, if measured.
    """
    trial, n = plan.trial, len(plan.subjects)
    clusters = len(set(plan.subjects))
    lines = [
        f"{trial.title or trial.name}",
        f"{n} patients from {clusters} source subjects, {len(trial.arms)} arms, {plan.cases} images, "
        f"{len(plan.batches)} batches, seed {trial.seed}",
    ]
    lines += [_power(h, trial, n, clusters, auc, correlation) for h in trial.hypotheses]
    if cost is not None:
        workers = processors() // trial.run.threads or 1
        minutes = cost.seconds * n / min(workers, len(plan.batches)) / 60
        lines.append(
            f"{cost.seconds:.1f} s a patient, about {minutes:.1f} min on {workers} workers (compilation apart); "
            f"{cost.peak_MiB / 1024:.1f} GiB of memory a worker"
        )
    return "\n".join(lines)


def _power(hypothesis: Hypothesis, trial: Trial, n: int, clusters: int, auc: float, correlation: float) -> str:
    endpoint = next(e for e in trial.endpoints if e.name == hypothesis.endpoint)
    head = f'"{hypothesis.name}" ({hypothesis.test}, {" minus ".join(hypothesis.compare)}, {endpoint.name}): '
    if endpoint.statistic != "auc":
        return head + "power depends on the spread of the metric, which a pilot run would tell"
    inferior = hypothesis.test == "non-inferiority"
    null = -hypothesis.margin if inferior else hypothesis.margin
    better = auc if inferior else min(auc + 0.1, 0.99)
    try:
        design = Design(
            n_present=n,
            n_absent=n,
            n_clusters=clusters,
            auc=(better, auc),
            between_arms=correlation,
            null=null,
            alpha=hypothesis.alpha,
        )
    except TrialError as error:
        return head + str(error)
    smallest = smallest_detectable_difference(design)
    detect = "more than can be" if smallest is None else f"{smallest:+.3f}"
    return (
        head + f"power {100 * expected_power(design):.0f} % if the AUCs are {better:.2f} and {auc:.2f}; "
        f"difference shown with 80 % power: {detect}"
    )
