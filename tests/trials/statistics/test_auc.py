"""AUC and its variance against counting, resampling and published studies."""

import csv
import os
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import mannwhitneyu

from phantomsim.errors import TrialError
from phantomsim.trials.statistics.auc import auc, placements, roc_points
from phantomsim.trials.statistics.bootstrap import bootstrap_aucs
from phantomsim.trials.statistics.delong import aucs
from phantomsim.trials.statistics.difference import difference
from phantomsim.trials.statistics.simulate import Study


def kernel(x, y):
    """Every present case against every absent one, ties half: O(m n)."""
    return (x[:, None] > y[None, :]) + 0.5 * (x[:, None] == y[None, :])


def structural_components(scores, present):
    """DeLong's covariance from the full matrix of comparisons, by numpy's own covariance."""
    v10 = np.array([kernel(s[present], s[~present]).mean(axis=1) for s in scores])
    v01 = np.array([kernel(s[present], s[~present]).mean(axis=0) for s in scores])
    return np.cov(v10) / present.sum() + np.cov(v01) / (~present).sum()


def jackknife(scores, present, clusters):
    """Covariance of AUCs by leaving out one cluster at a time."""
    names = np.unique(clusters)
    left = np.array(
        [[kernel(s[present & (clusters != c)], s[~present & (clusters != c)]).mean() for s in scores] for c in names]
    )
    gap = left - left.mean(axis=0)
    return (len(names) - 1) / len(names) * gap.T @ gap


@pytest.fixture(scope="module")
def reader_study(data_dir):
    """Scores by reader and modality, and the truth, of a fully crossed study."""
    with open(data_dir / "trials" / "imrmc_example.csv") as file:
        rows = list(csv.DictReader(file))
    truth = {r["caseID"]: float(r["score"]) > 0 for r in rows if r["readerID"] == "truth"}
    found: dict[str, dict[str, dict[str, float]]] = {}
    for r in rows:
        if r["readerID"] != "truth":
            found.setdefault(r["readerID"], {}).setdefault(r["modalityID"], {})[r["caseID"]] = float(r["score"])
    cases = list(truth)
    scores = {k: np.array([[v[m][c] for c in cases] for m in ("testA", "testB")]) for k, v in found.items()}
    return scores, np.array([truth[c] for c in cases])


def test_reader_study_gives_mann_whitney_auc_and_delong_covariance(reader_study):
    studies, present = reader_study
    assert (len(studies), present.sum(), (~present).sum()) == (5, 40, 40)
    for scores in studies.values():
        found = aucs(scores, present)
        for row, value in zip(scores, found.values):
            u = mannwhitneyu(row[present], row[~present]).statistic
            assert value == pytest.approx(u / 1600, abs=1e-14)
        np.testing.assert_allclose(found.covariance, structural_components(scores, present), rtol=1e-12)


def test_reader_study_standard_error_agrees_with_jackknife(reader_study):
    studies, present = reader_study
    for scores in studies.values():
        rival = jackknife(scores, present, np.arange(80))
        np.testing.assert_allclose(
            np.sqrt(np.diag(aucs(scores, present).covariance)), np.sqrt(np.diag(rival)), rtol=0.02
        )


def test_asah_gives_the_figures_that_proc_publishes():
    """pROC 1.18's test-suite figures for S100B and WFNS (GPL data: not carried here, read where one has it)."""
    path = Path(os.environ.get("PHANTOMSIM_ASAH", "aSAH.csv"))
    if not path.is_file():
        pytest.skip("aSAH is GPL data of pROC: write.csv(pROC::aSAH, ...) and point PHANTOMSIM_ASAH at the file")
    with open(path) as file:
        rows = list(csv.DictReader(file))
    scores = np.array([[float(r["s100b"]) for r in rows], [float(r["wfns"]) for r in rows]])
    found = aucs(scores, np.array([r["outcome"] == "Poor" for r in rows]))
    np.testing.assert_allclose(found.values, [0.731368563686, 0.823678861789], atol=1e-11)
    gap = difference(found, 0, 1)
    assert gap.estimate / gap.standard_error == pytest.approx(-2.20898359144, abs=1e-9)


def test_placements_with_ties_equal_counting_pairs():
    random = np.random.default_rng(0)
    x, y = random.integers(0, 6, 37).astype(float), random.integers(0, 5, 23).astype(float)
    of_x, of_y = placements(x, y)
    np.testing.assert_allclose(of_x, kernel(x, y).mean(axis=1), atol=1e-15)
    np.testing.assert_allclose(of_y, kernel(x, y).mean(axis=0), atol=1e-15)


def test_auc_is_the_area_under_the_roc_curve():
    random = np.random.default_rng(1)
    x, y = random.integers(1, 9, 40).astype(float), random.integers(0, 8, 31).astype(float)
    fpf, tpf = roc_points(x, y)
    assert (fpf[0], tpf[0], fpf[-1], tpf[-1]) == (0, 0, 1, 1)
    assert np.trapezoid(tpf, fpf) == pytest.approx(auc(x, y), abs=1e-14)
    assert auc(-x, -y) == pytest.approx(1 - auc(x, y), abs=1e-14)


@pytest.mark.parametrize("worst", [0.0, 0.5])
def test_failed_cases_take_part_and_lose(worst):
    random = np.random.default_rng(2)
    x, y = random.normal(1, 1, 9), random.normal(0, 1, 7)
    lost = np.arange(9) < 2, np.arange(7) < 1
    full = kernel(x, y)
    full[:2, :], full[:, 0] = worst, worst
    of_x, of_y = placements(x, y, lost, worst)
    np.testing.assert_allclose(of_x, full.mean(axis=1), atol=1e-15)
    np.testing.assert_allclose(of_y, full.mean(axis=0), atol=1e-15)
    if worst == 0:
        fpf, tpf = roc_points(x, y, lost)
        assert np.trapezoid(tpf, fpf) == pytest.approx(full.mean(), abs=1e-14)


def test_clusters_of_one_case_give_delong():
    random = np.random.default_rng(3)
    scores, present = random.normal(size=(3, 50)), np.arange(50) % 3 == 0
    np.testing.assert_allclose(
        aucs(scores, present, np.arange(50)).covariance, structural_components(scores, present), rtol=1e-12
    )


def test_obuchowski_variance_adds_covariance_within_subjects():
    """Written out as in the paper, case by case, for two arms and clusters of unequal size."""
    random = np.random.default_rng(4)
    clusters = np.repeat(np.arange(9), [1, 2, 3, 4, 5, 6, 7, 2, 2])
    present = random.random(len(clusters)) < 0.5
    present[clusters == 0], present[clusters == 7] = True, False
    scores = random.normal(size=(2, len(clusters))) + present + random.normal(size=9)[clusters]
    m, n, expected = present.sum(), (~present).sum(), np.zeros((2, 2))
    held, free = len(set(clusters[present])), len(set(clusters[~present]))
    full = [kernel(s[present], s[~present]) for s in scores]
    for r in (0, 1):
        for s in (0, 1):
            s10 = s01 = s11 = s11_turned = 0.0
            for c in range(9):
                x, y = clusters[present] == c, clusters[~present] == c
                a, b = ((f.mean(axis=1)[x] - f.mean()).sum() for f in (full[r], full[s]))
                d, e = ((f.mean(axis=0)[y] - f.mean()).sum() for f in (full[r], full[s]))
                s10, s01, s11, s11_turned = s10 + a * b, s01 + d * e, s11 + a * e, s11_turned + b * d
            s10, s01 = s10 * held / ((held - 1) * m), s01 * free / ((free - 1) * n)
            expected[r, s] = s10 / m + s01 / n + 9 / 8 * (s11 + s11_turned) / (m * n)
    np.testing.assert_allclose(aucs(scores, present, clusters).covariance, expected, rtol=1e-12)


def test_clustered_standard_error_agrees_with_bootstrap_and_jackknife():
    study = Study(40, 2, 2, (0.85, 0.75), within=0.4, between_arms=0.5)
    present, clusters = study.labels
    scores = study.draw(np.random.default_rng(5), 1)[0]
    found, contrast = aucs(scores, present, clusters), np.array([1.0, -1.0])
    again = bootstrap_aucs(scores, present, clusters, 4000, np.random.default_rng(6))
    rival = jackknife(scores, present, clusters)
    assert found.variance(contrast) ** 0.5 == pytest.approx((again @ contrast).std(), rel=0.06)
    assert found.variance(contrast) ** 0.5 == pytest.approx((contrast @ rival @ contrast) ** 0.5, rel=0.03)


def test_monotone_transform_of_scores_changes_nothing():
    random = np.random.default_rng(7)
    scores, present = random.normal(size=(2, 60)), np.arange(60) < 25
    one, other = aucs(scores, present), aucs(np.exp(3 * scores) + 5, present)
    np.testing.assert_array_equal(one.covariance, other.covariance)


def test_one_class_or_a_hole_is_refused():
    with pytest.raises(TrialError, match="present and absent"):
        aucs(np.ones((1, 4)), np.ones(4, bool))
    with pytest.raises(TrialError, match="not finite"):
        aucs(np.array([[1.0, np.nan, 0.0]]), np.array([True, True, False]))
