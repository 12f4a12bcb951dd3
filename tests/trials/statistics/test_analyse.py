"""From rows to verdicts."""

import numpy as np
import pytest

from phantomsim.errors import TrialError
from phantomsim.trials.statistics.analyse import analyse
from phantomsim.trials.statistics.delong import aucs
from phantomsim.trials.statistics.simulate import Study
from phantomsim.trials.statistics.spec import Endpoint, Hypothesis

STUDY = Study(12, 2, 2, (0.9, 0.7), within=0.2)
AUC = Endpoint(name="detection", reader="npw", worst=0.0)
MEAN = Endpoint(name="noise", reader="rmse", statistic="mean", worst=50.0, better="lower")
BETTER = Hypothesis(name="high beats low", endpoint="detection", compare=["high", "low"])


def table(text=False):
    """Rows of one simulated trial with two arms and two readers, as csv gives them if `text`."""
    present, clusters = STUDY.labels
    scores = STUDY.draw(np.random.default_rng(3), 1)[0]
    rows = []
    for case, (lesion, cluster) in enumerate(zip(present, clusters)):
        place = case // 4 * 2 + case % 2  # two patients of one subject, each with and without its lesion
        for arm, name in enumerate(("high", "low")):
            for reader, value in (("npw", scores[arm, case]), ("rmse", 10.0 * (arm + 1) + scores[arm, case])):
                row = dict(patient=place, subject=f"s{cluster}", present=lesion, arm=name, reader=reader)
                row |= dict(score=float(value), status="ok")
                rows.append({k: str(v) for k, v in row.items()} if text else row)
    return rows


def test_analysis_equals_the_statistics_on_arrays():
    present, clusters = STUDY.labels
    scores = STUDY.draw(np.random.default_rng(3), 1)[0]
    found, rival = analyse(table(), [AUC, MEAN], [BETTER]), aucs(scores, present, clusters)
    for arm, name in enumerate(("high", "low")):
        one = found.of("detection", name)
        assert one.estimate == pytest.approx(rival.values[arm], abs=1e-14)
        assert one.standard_error == pytest.approx(rival.covariance[arm, arm] ** 0.5, rel=1e-12)
        assert (one.n_cases, one.n_present, one.n_clusters, one.n_failed) == (48, 24, 12, 0)
        assert np.trapezoid(one.roc[1], one.roc[0]) == pytest.approx(one.estimate, abs=1e-12)
        assert one.ci_low < one.estimate < one.ci_high
        assert "roc" not in one.row()
    assert found.verdicts[0].estimate == pytest.approx(rival.values[0] - rival.values[1])
    assert found.verdicts[0].decision == "superior"


def test_text_from_csv_and_any_order_of_rows_give_the_same_numbers():
    one, other = analyse(table(), [AUC], [BETTER]), analyse(table(text=True), [AUC], [BETTER])
    shuffled = list(np.random.default_rng(0).permutation(np.array(table(), dtype=object)))
    third = analyse(shuffled, [AUC], [BETTER], arms=["high", "low"])
    assert one.verdicts == other.verdicts
    assert third.verdicts[0].p_value == pytest.approx(one.verdicts[0].p_value, rel=1e-10)


def test_failed_missing_and_empty_scores_all_count_as_worst():
    rows = table(text=True)
    chosen = [i for i, r in enumerate(rows) if (r["arm"], r["reader"], r["present"]) == ("high", "npw", "True")]
    rows[chosen[0]] |= {"status": "failed", "score": "99"}
    rows[chosen[1]]["score"] = ""
    rows[chosen[2]]["score"] = "nan"
    del rows[chosen[3]]
    found, before = analyse(rows, [AUC], [BETTER]), analyse(table(), [AUC], [BETTER])
    assert found.of("detection", "high").n_failed == found.verdicts[0].n_failed == 4
    assert found.of("detection", "high").n_cases == 48
    lost = before.of("detection", "high").estimate - found.of("detection", "high").estimate
    assert 0 < lost <= 4 / 24


def test_failed_case_of_a_mean_takes_the_worst_value():
    rows = table()
    chosen = next(r for r in rows if (r["arm"], r["reader"]) == ("low", "rmse"))
    gain = (50.0 - chosen["score"]) / 48
    before = analyse(table(), [MEAN]).of("noise", "low").estimate
    chosen["status"] = "failed"
    assert analyse(rows, [MEAN]).of("noise", "low").estimate == pytest.approx(before + gain)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"score": "much"}, "not a number"),
        ({"present": "maybe"}, 'present is "maybe"'),
        ({"subject": "another"}, "two subjects"),
    ],
)
def test_unreadable_tables_are_refused(change, message):
    rows = table(text=True)
    rows[0] |= change
    with pytest.raises(TrialError, match=message):
        analyse(rows, [AUC])


def test_duplicates_and_unknown_names_are_refused():
    with pytest.raises(TrialError, match="twice"):
        analyse([*table(), table()[0]], [AUC])
    with pytest.raises(TrialError, match='no result of reader "cho"'):
        analyse(table(), [AUC.model_copy(update={"reader": "cho"})])
    with pytest.raises(TrialError, match='arm "medium"'):
        analyse(table(), [AUC], [BETTER.model_copy(update={"compare": ("medium", "low")})])
    with pytest.raises(TrialError, match="defined: noise"):
        analyse(table(), [MEAN], [BETTER])
