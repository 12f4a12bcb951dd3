"""Volumes of people: their law, draws from it, and draws given what is asked."""

import json

import jax
import numpy as np
import pytest

from phantomsim.generators.deformable import quantities

GROUPS = {"skull_mL": ("fluid", "brain"), "brain_mL": ("brain",), "fluid_mL": ("fluid",)}
MEAN, SD = np.log([1500.0, 1200.0, 30.0]), np.array([0.07, 0.1, 0.6])
CORRELATION = np.array([[1.0, 0.7, 0.0], [0.7, 1.0, -0.6], [0.0, -0.6, 1.0]])


@pytest.fixture(scope="module")
def known() -> dict:
    """Of 4000 people, written to a file whose keys are sorted and read again."""
    random = np.random.default_rng(3)
    logs = random.multivariate_normal(MEAN, CORRELATION * np.outer(SD, SD), 4000)
    return json.loads(json.dumps(quantities.law(np.exp(logs), GROUPS), sort_keys=True))


def draws(known: dict, groups: dict, asked: dict, count: int = 1500) -> dict[str, np.ndarray]:
    rows = [quantities.drawn_log(known, groups, asked, jax.random.key(i)) for i in range(count)]
    return {name: np.array([r[name] for r in rows]) for name in rows[0]}


def test_draws_have_the_means_and_correlations_of_people(known: dict):
    found = draws(known, GROUPS, {})
    got = np.array([found[n] for n in GROUPS])
    assert got.mean(axis=1) == pytest.approx(MEAN, abs=0.05)
    assert np.corrcoef(got) == pytest.approx(CORRELATION, abs=0.08)
    cut = 0.88  # spread of a standard normal between -2 and 2
    assert got.std(axis=1) == pytest.approx(cut * SD, rel=0.08)


def test_what_is_asked_is_kept_and_moves_what_is_tied_to_it(known: dict):
    asked = {"brain_mL": float(np.exp(MEAN[1] + 0.1))}  # one standard deviation above the mean
    found = draws(known, GROUPS, asked)
    assert set(found["brain_mL"]) == {np.log(asked["brain_mL"])}
    assert found["skull_mL"].mean() == pytest.approx(MEAN[0] + 0.7 * SD[0], abs=0.01)
    assert found["fluid_mL"].mean() == pytest.approx(MEAN[2] - 0.6 * SD[2], abs=0.06)
    assert found["fluid_mL"].std() < 0.85 * SD[2]


def test_only_what_is_wanted_and_known_by_these_groups_is_drawn(known: dict):
    key = jax.random.key(0)
    assert set(quantities.drawn_log(known, {"fluid_mL": ("fluid",)}, {}, key)) == {"fluid_mL"}
    assert quantities.drawn_log(known, {"fluid_mL": ("fluid", "brain")}, {}, key) == {}
    assert quantities.drawn_log({}, GROUPS, {"brain_mL": 1000.0}, key) == {"brain_mL": pytest.approx(np.log(1000.0))}
    one = quantities.law(np.array([[1000.0], [1100.0], [1300.0]]), {"brain_mL": ("brain",)})
    assert set(quantities.drawn_log(one, GROUPS, {}, key)) == {"brain_mL"}
