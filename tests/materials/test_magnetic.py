"""Relaxation: power law in field, order of the times, spread that is reproducible patient by patient."""

import numpy as np
import pytest

from phantomsim.errors import TissueError
from phantomsim.keys import Stream, patient_key
from phantomsim.materials import relaxation, table

BRAIN = ("grey-matter", "white-matter", "csf")


def test_tabulated_fields_give_the_tabulated_values() -> None:
    """3 T: white matter 838 / 71 / 53 ms, grey 1607 / 76 / 66 ms (Wright 2008, Cox 2010, Peters 2007)."""
    at_3T = relaxation(BRAIN, 3.0)
    assert at_3T.T1_ms[:2] == pytest.approx([1607, 838])
    assert at_3T.T2_ms[:2] == pytest.approx([76, 71])
    assert at_3T.T2star_ms[:2] == pytest.approx([66, 53.2], rel=1e-5)


def test_T1_between_fields_is_a_power_law() -> None:
    fields = np.array([1.5, 2.0, 2.5, 3.0])
    T1 = [relaxation(["liver"], f).T1_ms[0] for f in fields]
    slope = np.diff(np.log(T1)) / np.diff(np.log(fields))
    assert slope == pytest.approx(np.full(3, np.log(809 / 586) / np.log(2)), rel=1e-4)


@pytest.mark.parametrize("field_T", [0.055, 0.55, 1.5, 3.0, 7.0])
def test_relaxation_times_stand_in_order_everywhere(field_T: float) -> None:
    names = [name for name, tissue in table().items() if tissue.magnetic]
    for key in (None, patient_key(5, 1, Stream.TISSUE)):
        p = relaxation(names, field_T, key)
        assert np.all(p.T2star_ms <= p.T2_ms * (1 + 1e-6))
        assert np.all(p.T2_ms <= p.T1_ms)
        assert np.all((p.PD >= 0) & (p.PD <= 1.2))
        assert all(np.isfinite(v).all() and v.dtype == np.float32 for v in p)


def test_T1_grows_with_field_in_the_brain() -> None:
    T1 = np.array([relaxation(BRAIN[:2], f).T1_ms for f in (0.055, 0.55, 1.5, 3.0, 7.0)])
    assert np.all(np.diff(T1, axis=0) > 0)


def test_a_tissue_is_the_same_whatever_else_is_asked_for() -> None:
    key = patient_key(7, 3, Stream.TISSUE)
    alone = relaxation(["liver"], 3.0, key)
    among = relaxation(["spleen", "csf", "liver"], 3.0, key)
    assert [v[0] for v in alone] == [v[2] for v in among]
    assert relaxation(["liver"], 3.0, patient_key(7, 4, Stream.TISSUE)).T1_ms[0] != alone.T1_ms[0]


def test_sampled_spread_is_the_published_one() -> None:
    """Liver T1 at 3 T 809 +- 71 ms (de Bazelaire 2004); draws end at 2.5 SD, which takes 4.5 % off the SD."""
    T1 = np.array([relaxation(["liver"], 3.0, patient_key(1, p, Stream.TISSUE)).T1_ms[0] for p in range(400)])
    assert T1.mean() == pytest.approx(809, abs=4 * 71 / 20)
    assert T1.std() == pytest.approx(71 * 0.955, rel=0.15)


def test_a_patient_deviates_the_same_way_at_every_field() -> None:
    key = patient_key(2, 9, Stream.TISSUE)
    sides = [np.sign(relaxation(BRAIN, f, key).T1_ms - relaxation(BRAIN, f).T1_ms) for f in (0.55, 1.5, 3.0)]
    assert np.all(np.abs(np.sum(sides, axis=0)[:2]) == 3)


def test_tissues_without_mr_values_and_impossible_fields_are_refused() -> None:
    with pytest.raises(TissueError, match="no MR values"):
        relaxation(["erythrocytes"], 3.0)
    with pytest.raises(TissueError, match="positive"):
        relaxation(["liver"], 0.0)
