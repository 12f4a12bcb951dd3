"""Intervals and verdicts: level, coverage, and what cannot be concluded."""

import numpy as np
import pytest
from pydantic import ValidationError
from scipy.stats import ttest_rel

from phantomsim.errors import TrialError
from phantomsim.trials.statistics.clustered_mean import means
from phantomsim.trials.statistics.delong import aucs
from phantomsim.trials.statistics.difference import adjust, difference, judge
from phantomsim.trials.statistics.holm import holm
from phantomsim.trials.statistics.intervals import auc_interval, mean_interval
from phantomsim.trials.statistics.laws import laws
from phantomsim.trials.statistics.simulate import Study
from phantomsim.trials.statistics.spec import Endpoint, Hypothesis

ARMS = ("a", "b")
AUC = Endpoint(name="auc", reader="npw", worst=0.0)
ERROR = Endpoint(name="error", reader="rmse", statistic="mean", worst=100.0, better="lower")


def claim(endpoint=AUC, **more):
    return Hypothesis(name="h", endpoint=endpoint.name, compare=ARMS, **more)


@pytest.mark.slow
def test_statistical_laws_hold():
    broken = [law for law in laws() if not law.passed]
    assert not broken


@pytest.mark.slow
@pytest.mark.parametrize(
    "study",
    [
        Study(15, 4, 4, (0.9, 0.9), within=0.3),
        Study(15, 1, 1, (0.9, 0.75), within=0.3),
        Study(15, 4, 4, (0.95, 0.8), within=0.5, between_arms=0.7),
        Study(8, 4, 4, (0.8, 0.8), within=0.3),
        Study(100, 1, 1, (0.8, 0.7), within=0.0),
    ],
)
def test_difference_and_logit_intervals_cover_95_per_cent(study):
    present, clusters = study.labels
    gap, hits = study.truth(0) - study.truth(1), []
    for scores in study.draw(np.random.default_rng(11), 2000):
        found = aucs(scores, present, clusters)
        low, high = difference(found, 0, 1).interval()
        ends = [auc_interval(found, arm) for arm in (0, 1)]
        hits.append([low <= gap <= high, *(e[0] <= study.truth(i) <= e[1] for i, e in enumerate(ends))])
    assert np.mean(hits, axis=0) == pytest.approx([0.95] * 3, abs=0.025)


def test_null_is_rejected_at_alpha_where_ignoring_clusters_rejects_too_often():
    """Subjects of one class each, with eight alike cases, whose subject's part differs between the arms."""
    study = Study(24, 4, 4, (0.5, 0.5), within=0.5, between_arms=0.2)
    clusters = study.labels[1]
    present = clusters % 2 == 0
    p = np.array(
        [
            [difference(aucs(s, present, c), 0, 1).p_value() for c in (clusters, None)]
            for s in study.draw(np.random.default_rng(12), 600)
        ]
    )
    clustered, naive = (p < 0.05).mean(axis=0)
    assert clustered == pytest.approx(0.05, abs=0.025)
    assert naive > 0.2


def test_non_inferiority_at_the_margin_is_claimed_at_half_alpha():
    study = Study(30, 2, 2, (0.75, 0.8), within=0.3)
    present, clusters = study.labels
    h = claim(test="non-inferiority", margin=study.truth(1) - study.truth(0))
    shown = [judge(aucs(s, present, clusters), ARMS, AUC, h).shown for s in study.draw(np.random.default_rng(13), 800)]
    assert np.mean(shown) == pytest.approx(0.025, abs=0.013)


def test_p_value_and_interval_say_the_same():
    study = Study(12, 2, 2, (0.85, 0.7), within=0.2)
    present, clusters = study.labels
    for scores in study.draw(np.random.default_rng(14), 50):
        v = judge(aucs(scores, present, clusters), ARMS, AUC, claim(alpha=0.1))
        assert (v.decision == "superior") == (v.ci_low > 0) == (v.p_value < 0.1 and v.estimate > 0)


def test_perfect_arms_are_inconclusive_and_the_interval_is_exact():
    present = np.arange(40) % 2 == 0
    scores = np.stack([present * 5.0, present * 3.0]) + np.random.default_rng(15).random((2, 40))
    found = aucs(scores, present, np.arange(40) // 2)
    verdict = judge(found, ARMS, AUC, claim())
    assert (verdict.decision, verdict.estimate) == ("inconclusive", 0.0)
    assert "too easy" in verdict.reason
    assert np.isnan(verdict.p_value)
    assert verdict.row()["p_value"] is None
    # Ten disjoint pairs from 20 subjects, all right: Clopper-Pearson.
    assert auc_interval(found, 0) == (pytest.approx(0.025 ** (1 / 10)), 1.0)


@pytest.mark.parametrize("same", [True, False])
def test_difference_without_variance_is_inconclusive(same):
    present = np.arange(20) % 2 == 0
    scores = np.random.default_rng(16).normal(size=20)
    verdict = judge(aucs(np.stack([scores, scores if same else 2 * scores]), present), ARMS, AUC, claim())
    assert verdict.decision == "inconclusive"
    assert "does not vary" in verdict.reason


def test_single_subject_is_inconclusive():
    present = np.arange(20) % 2 == 0
    scores = np.random.default_rng(17).normal(size=(2, 20))
    verdict = judge(aucs(scores, present, np.zeros(20)), ARMS, AUC, claim())
    assert (verdict.decision, "single source subject" in verdict.reason) == ("inconclusive", True)
    low, high = auc_interval(aucs(scores, present, np.zeros(20)), 0)
    assert (low, high) == (0.0, 1.0)


def test_unclustered_paired_mean_is_the_paired_t_test():
    a, b = np.random.default_rng(18).normal(size=(2, 25))
    found, rival = difference(means(np.stack([a, b])), 0, 1), ttest_rel(a, b)
    assert found.p_value() == pytest.approx(rival.pvalue, rel=1e-10)
    assert found.interval() == pytest.approx(tuple(rival.confidence_interval()), rel=1e-10)


def test_equal_clusters_give_the_t_test_of_cluster_means():
    random = np.random.default_rng(19)
    cluster = np.repeat(np.arange(10), 3)
    scores = random.normal(size=(2, 30)) + random.normal(size=10)[cluster]
    centres = scores.reshape(2, 10, 3).mean(axis=2)
    found, rival = difference(means(scores, cluster), 0, 1), ttest_rel(*centres)
    assert found.p_value() == pytest.approx(rival.pvalue, rel=1e-10)
    assert mean_interval(means(scores, cluster), 0)[0] < scores[0].mean()


def test_failed_cases_count_as_worst():
    scores = np.array([[1.0, 2.0, np.nan], [1.0, 2.0, 3.0]])
    found = means(scores, None, np.isnan(scores), 9.0)
    assert found.values.tolist() == [4.0, 2.0]
    with pytest.raises(TrialError, match="worst"):
        means(scores, None, np.isnan(scores))


def test_lower_is_better_turns_the_claim_round():
    a = np.random.default_rng(20).normal(1, 0.1, 30)
    verdict = judge(means(np.stack([a, a + np.linspace(0.4, 0.6, 30)])), ARMS, ERROR, claim(ERROR))
    assert (verdict.decision, verdict.estimate < 0) == ("superior", True)
    worse = judge(means(np.stack([a + np.linspace(0.4, 0.6, 30), a])), ARMS, ERROR, claim(ERROR))
    assert (worse.decision, worse.p_adjusted) == ("not shown", 1.0)
    by_margin = claim(ERROR, test="non-inferiority", margin=0.7)
    assert judge(means(np.stack([a + np.linspace(0.4, 0.6, 30), a])), ARMS, ERROR, by_margin).decision == "non-inferior"


def test_holm_adjusts_as_worked_by_hand():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]) == []
    assert holm([0.9, 0.8]) == [1.0, 1.0]


def test_adjustment_covers_the_confirmatory_family_only():
    study = Study(20, 2, 2, (0.85, 0.72), within=0.2)
    present, clusters = study.labels
    found = aucs(study.draw(np.random.default_rng(21), 1)[0], present, clusters)
    one = judge(found, ARMS, AUC, claim())
    assert 0.001 < one.p_value < 0.05
    pair = adjust([one, judge(found, ARMS, AUC, claim(confirmatory=False)), one])
    assert pair[0].p_adjusted == pytest.approx(2 * one.p_value)
    assert pair[1].p_adjusted == one.p_value


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"compare": ("a", "a")}, "two different arms"),
        ({"compare": ("a", "b"), "test": "non-inferiority"}, "margin above 0"),
        ({"compare": ("a", "b"), "margin": -1.0}, "greater than or equal"),
        ({"compare": ("a", "b"), "alpha": 0.7}, "less than 0.5"),
    ],
)
def test_impossible_hypotheses_are_refused(fields, message):
    with pytest.raises(ValidationError, match=message):
        Hypothesis(name="h", endpoint="e", **fields)


@pytest.mark.parametrize("fields", [{"worst": -1.0}, {"worst": 0.0, "better": "lower"}])
def test_impossible_auc_endpoints_are_refused(fields):
    with pytest.raises(ValidationError, match="auc"):
        Endpoint(name="e", reader="r", **fields)
