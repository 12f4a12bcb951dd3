"""What the statistics and the readers promise, measured on simulated studies with a known truth."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtr

from phantomsim.laws import Law
from phantomsim.trials.readers import cho, npw
from phantomsim.trials.readers.spec import CHO, LaguerreGauss
from phantomsim.trials.statistics.auc import Floats, auc
from phantomsim.trials.statistics.clustered_mean import means
from phantomsim.trials.statistics.delong import aucs
from phantomsim.trials.statistics.difference import difference
from phantomsim.trials.statistics.intervals import auc_interval
from phantomsim.trials.statistics.power import Design, smallest_detectable_difference
from phantomsim.trials.statistics.simulate import Study

TRIALS = 1000
_SIZE = "15 subjects x 4 + 4 cases"


def laws() -> list[Law]:
    """All laws of the statistics; about 15 s on one core."""
    return [*_null_rejection(), *_coverage(), *_power(), *_variance(), *_means(), *_observers()]


def _outcomes(study: Study, seed: int, trials: int = TRIALS) -> dict[str, float]:
    """How often a trial's tests and intervals are right."""
    present, clusters = study.labels
    truth = study.truth(0), study.truth(1)
    hits = []
    for scores in study.draw(np.random.default_rng(seed), trials):
        estimates = aucs(scores, present, clusters)
        found = difference(estimates, 0, 1, perfect=1.0)
        low, high = found.interval()
        inside = [_in(auc_interval(estimates, arm), truth[arm]) for arm in (0, 1)]
        hits.append((found.p_value() < 0.05, low > 0, low <= truth[0] - truth[1] <= high, np.mean(inside)))
    return dict(zip(("rejects", "shows", "covers", "auc covers"), np.array(hits, float).mean(axis=0).tolist()))


def _in(interval: tuple[float, float], value: float) -> bool:
    return interval[0] <= value <= interval[1]


def _null_rejection() -> list[Law]:
    out = []
    for size, study in (
        (_SIZE, Study(15, 4, 4, (0.8, 0.8), within=0.3, between_arms=0.5)),
        ("60 subjects x 1 + 1 cases", Study(60, 1, 1, (0.8, 0.8), within=0.0, between_arms=0.5)),
    ):
        rate = _outcomes(study, seed=1)["rejects"]
        what = f"two-sided rejection of a true null AUC difference, {TRIALS} paired trials, {size} [1]"
        out.append(Law(what, "definition of a test at alpha = 0.05", 0.05, rate, 0.02))
    return out


def _coverage() -> list[Law]:
    study = Study(15, 4, 4, (0.85, 0.75), within=0.3, between_arms=0.5)
    rates = _outcomes(study, seed=2)
    source = "definition of a 95 % confidence interval"
    return [
        Law(f"coverage of the 95 % CI of the paired AUC difference, {_SIZE} [1]", source, 0.95, rates["covers"], 0.02),
        Law(f"coverage of the 95 % logit CI of one AUC, {_SIZE} [1]", source, 0.95, rates["auc covers"], 0.02),
    ]


def _power() -> list[Law]:
    """The difference that should be shown with power .8 is shown that often."""
    guess = Design(60, 60, 15, (0.8, 0.8), between_arms=0.5, within=0.3)
    step = smallest_detectable_difference(guess, 0.8) or 0.0
    rate = _outcomes(Study(15, 4, 4, (0.8 + step, 0.8), within=0.3, between_arms=0.5), seed=3)["shows"]
    what = f"power at the smallest difference detectable with power .8 ({step:.3f}), {_SIZE} [1]"
    return [Law(what, "U-statistic variance (Bamber 1975) with noncentral t", 0.8, rate, 0.05)]


def _variance() -> list[Law]:
    """Exponential scores, for which Hanley and McNeil's variance is exact."""
    area, m, n, random = 0.8, 30, 40, np.random.default_rng(4)
    q1, q2 = area / (2 - area), 2 * area**2 / (1 + area)
    exact = (area * (1 - area) + (m - 1) * (q1 - area**2) + (n - 1) * (q2 - area**2)) / (m * n)
    present = np.arange(m + n) < m
    scale = np.where(present, area / (1 - area), 1.0)
    draws = random.exponential(scale, size=(TRIALS, m + n))
    ratio = np.mean([aucs(row, present).covariance[0, 0] for row in draws]) / exact
    source = "Hanley and McNeil 1982, doi:10.1148/radiology.143.1.7063747"
    return [
        Law("mean DeLong variance over the exact one, exponential scores, 30 + 40 cases [1]", source, 1, ratio, 0.06)
    ]


def _means() -> list[Law]:
    random, covered = np.random.default_rng(5), 0
    cluster = np.repeat(np.arange(15), 4)
    for _ in range(TRIALS):
        gain = 0.5 + random.normal(size=15)[cluster] + random.normal(size=60)
        base = random.normal(size=60)
        covered += _in(difference(means(np.stack([base + gain, base]), cluster), 0, 1).interval(), 0.5)
    what = "coverage of the 95 % CI of a paired mean difference, 15 subjects x 4 cases [1]"
    return [Law(what, "definition of a 95 % confidence interval", 0.95, covered / TRIALS, 0.02)]


def _observers() -> list[Law]:
    """A known Gaussian signal in white noise: both observers are ideal, with d' = |signal| / sigma."""
    random, sigma, count = np.random.default_rng(6), 1.0, 1000
    axis = np.arange(33) - 16.0
    signal = np.exp(-np.pi * (axis[:, None] ** 2 + axis[None, :] ** 2) / 8.0**2)
    signal *= 1.5 * sigma / np.sqrt((signal**2).sum())
    present = np.arange(count) % 2 == 0
    images = sigma * random.normal(size=(count, 1, 33, 33)) + present[:, None, None, None] * signal
    matched = np.array([npw.score(image[0], signal, treat="ignored") for image in images])
    ideal, source = float(ndtr(1.5 / np.sqrt(2))), "AUC = Phi(d' / sqrt 2) (Barrett and Myers 2004)"
    return [
        Law("AUC of NPW, known signal of d' = 1.5 in white noise [1]", source, ideal, _auc(matched, present), 0.03),
        Law(
            "AUC of cross-fitted CHO, same images [1]",
            source,
            ideal,
            _auc(_read(images, signal, present), present),
            0.03,
        ),
    ]


def _read(images: Floats, signal: Floats, present: np.ndarray) -> Floats:
    reader = CHO(name="cho", channels=LaguerreGauss(count=4, width_mm=8.0), reach_mm=16.0, folds=5)
    found, known = (
        np.stack([cho.features(v, (0, 16, 16), (1.0, 1.0, 1.0), reader) for v in values])
        for values in (images, np.broadcast_to(signal, images.shape))
    )
    return cho.cross_fit(found, present, [f"s{i // 2}" for i in range(len(images))], reader, known)


def _auc(scores: Floats, present: np.ndarray) -> float:
    return auc(scores[present], scores[~present])
