"""Power against simulation, Hanley and McNeil, and statsmodels-free closed forms."""

import numpy as np
import pytest
from scipy.stats import multivariate_normal, nct, norm, t

from phantomsim.errors import TrialError
from phantomsim.trials.statistics.delong import aucs
from phantomsim.trials.statistics.difference import difference
from phantomsim.trials.statistics.power import (
    Design,
    auc_covariance,
    expected_power,
    pair_covariance,
    power_of_mean,
    smallest_detectable_difference,
    standard_error,
)
from phantomsim.trials.statistics.simulate import Study


@pytest.mark.parametrize("correlation", [-0.4, 0.1, 0.5, 0.95])
def test_pair_covariance_is_that_of_the_bivariate_normal(correlation):
    h, k = norm.ppf([0.9, 0.7])
    joint = multivariate_normal.cdf([h, k], cov=[[1, correlation], [correlation, 1]])
    assert pair_covariance(0.9, 0.7, correlation) == pytest.approx(joint - 0.63, abs=1e-6)


def test_pair_covariance_at_full_correlation_is_that_of_nested_events():
    assert pair_covariance(0.8, 0.8, 1.0) == pytest.approx(0.8 * 0.2, rel=1e-4)


@pytest.mark.parametrize("area", [0.6, 0.8, 0.95])
def test_variance_is_that_of_the_u_statistic_and_below_hanley_and_mcneils(area):
    m, n, z = 50, 70, norm.ppf(area)
    q = multivariate_normal.cdf([z, z], cov=[[1, 0.5], [0.5, 1]])

    def variance(q1, q2):
        return (area * (1 - area) + (m - 1) * (q1 - area**2) + (n - 1) * (q2 - area**2)) / (m * n)

    found = auc_covariance(Design(m, n, None, (area, area)), 0, 0)
    assert found == pytest.approx(variance(q, q), rel=1e-5)
    # Their exponential scores are on the safe side of normal ones, the more so the higher the AUC.
    assert 0.6 < found / variance(area / (2 - area), 2 * area**2 / (1 + area)) < 1.02


@pytest.mark.parametrize(
    "study",
    [
        Study(15, 4, 4, (0.9, 0.8), within=0.3),
        Study(40, 1, 1, (0.9, 0.75), between_arms=0.3),
        Study(20, 1, 3, (0.85, 0.7)),
    ],
)
def test_expected_power_and_standard_error_agree_with_simulation(study):
    present, clusters = study.labels
    k = study.clusters
    guess = Design(k * study.present, k * study.absent, k, study.auc, study.between_arms, study.within)
    found = [aucs(s, present, clusters) for s in study.draw(np.random.default_rng(1), 600)]
    gaps = np.array([e.values[0] - e.values[1] for e in found])
    shown = np.mean([difference(e, 0, 1).interval()[0] > 0 for e in found])
    assert standard_error(guess) == pytest.approx(gaps.std(), rel=0.1)
    assert expected_power(guess) == pytest.approx(shown, abs=0.06)


def test_smallest_detectable_difference_has_the_power_that_was_asked_for():
    guess = Design(60, 60, 15, (0.8, 0.8))
    step = smallest_detectable_difference(guess, 0.9)
    assert step is not None
    assert expected_power(Design(60, 60, 15, (0.8 + step, 0.8))) == pytest.approx(0.9, abs=1e-3)
    assert smallest_detectable_difference(Design(4, 4, 4, (0.97, 0.97))) is None


def test_non_inferiority_lets_the_arm_be_worse_when_the_margin_is_wide():
    assert smallest_detectable_difference(Design(400, 400, 100, (0.8, 0.8), null=-0.1)) < 0


def test_power_at_the_null_is_half_alpha():
    assert expected_power(Design(60, 60, 15, (0.8, 0.8))) == pytest.approx(0.025, abs=1e-6)


def test_power_grows_with_cases_subjects_and_correlation_of_arms():
    base = expected_power(Design(30, 30, 15, (0.85, 0.75), 0.4, 0.3))
    assert expected_power(Design(60, 60, 15, (0.85, 0.75), 0.4, 0.3)) > base
    assert expected_power(Design(30, 30, 30, (0.85, 0.75), 0.4, 0.3)) > base
    assert expected_power(Design(30, 30, 15, (0.85, 0.75), 0.8, 0.3)) > base


def test_power_of_a_mean_is_that_of_the_paired_t_test():
    assert power_of_mean(0.5, 1.0, 34) == pytest.approx(nct.sf(t.ppf(0.975, 33), 33, 0.5 * 34**0.5), rel=1e-9)
    # Cohen 1988, table 2.3.5 as G*Power prints it: dz = .5, n = 34 has power .808.
    assert power_of_mean(0.5, 1.0, 34) == pytest.approx(0.808, abs=0.002)
    assert power_of_mean(0.5, 1.0, 34, 17, within=0.5) < power_of_mean(0.5, 1.0, 34)


def test_guesses_outside_zero_to_one_are_refused():
    with pytest.raises(TrialError, match="between 0 and 1"):
        Design(10, 10, 5, (1.0, 0.8))
