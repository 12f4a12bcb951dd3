"""Tissues at the fields of the scanners: what publications say, in order, with sources; chemical shift of fat."""

import numpy as np
import pytest

from phantomsim.keys import Stream, patient_key
from phantomsim.materials import relaxation, table
from phantomsim.materials.magnetic import MRProperties, at_field, origin

FIELDS = (0.055, 0.55, 1.5, 3.0, 7.0)
PUBLISHED = [  # tissue, field, T1, T2, T2*; None: not published there
    ("white-matter", 0.05, 275, 102, None),  # O'Reilly and Webb 2022
    ("grey-matter", 0.05, 327, 102, None),
    ("white-matter", 0.55, 493, 89, None),  # Campbell-Washburn 2019
    ("liver", 0.55, 339, 66, None),
    ("white-matter", 1.5, 646, 80, 66.2),  # Wright 2008, Cox and Gowland 2010, Peters 2007
    ("grey-matter", 1.5, 1197, 87, 84),
    ("white-matter", 7.0, 1126, 47, 26.8),
    ("grey-matter", 7.0, 1939, 47, 33.2),
    ("liver", 3.0, 809, 34, None),  # de Bazelaire 2004
    ("kidney", 3.0, 1142, 76, None),
    ("spleen", 3.0, 1328, 61, None),
    ("pancreas", 3.0, 725, 43, None),
    ("prostate", 3.0, 1597, 74, None),
    ("adipose", 3.0, 382, 68, None),
    ("breast-gland", 3.0, 1680, 71, 22.4),  # Edden 2010, Ryu 2014
    ("breast-fat", 3.0, 423, 154, 36.4),
    ("blood", 3.0, 1649, None, None),  # Zhang 2013
]


@pytest.mark.parametrize(("name", "field_T", "T1", "T2", "T2star"), PUBLISHED)
def test_tissues_have_their_published_times(name, field_T, T1, T2, T2star):
    found = relaxation([name], field_T)
    for value, expected in zip(found[:3], (T1, T2, T2star), strict=True):
        assert expected is None or value[0] == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("name", ["grey-matter", "white-matter", "liver", "muscle", "kidney", "spleen", "heart"])
def test_t1_rises_and_t2star_falls_with_the_field(name):
    T1, T2star = (np.array([getattr(relaxation([name], b), key)[0] for b in FIELDS]) for key in ("T1_ms", "T2star_ms"))
    assert np.all(np.diff(T1) > 0)
    assert np.all(np.diff(T2star[1:]) < 0)


def test_kidney_below_its_lowest_field_follows_bottomley():
    kidney = table()["kidney"].magnetic
    low, high = (relaxation(["kidney"], b).T1_ms[0] for b in (0.055, 0.55))
    assert np.log(high / low) / np.log(10) == pytest.approx(0.2488, abs=1e-3)
    assert at_field(kidney.T1_ms, 0.55, 0.2488)[0] == pytest.approx(high)


def test_fat_precesses_440_hz_more_slowly_at_3_T_and_water_does_not():
    found = relaxation(["adipose", "bone-marrow-yellow", "breast-fat", "liver", "csf", "air"], 3.0).shift_ppm
    np.testing.assert_allclose(found[:3] * 3e-6 * 42.577478518e6, -440, atol=5)
    assert not found[3:].any()
    patient = relaxation(["adipose"], 3.0, patient_key(1, 2, Stream.TISSUE))
    assert patient.shift_ppm[0] == found[0]


def test_shift_is_the_last_field_and_may_be_left_out():
    assert MRProperties._fields[-1] == "shift_ppm"
    assert MRProperties(*np.ones((5, 1))).shift_ppm == 0.0


def test_every_value_of_a_tissue_that_gives_signal_has_a_source_and_most_a_spread():
    spreads = []
    for tissue in table().values():
        seen = tissue.magnetic
        if seen and seen.PD.value > 0:
            values = (*seen.T1_ms, *seen.T2_ms, *seen.T2star_ms)
            assert all(v.source for v in (*values, seen.PD, seen.chi_ppm, seen.shift_ppm))
            assert [v.field_T for v in seen.T1_ms] == sorted({v.field_T for v in seen.T1_ms})
            spreads += [v.spread > 0 for v in values]
    assert np.mean(spreads) > 0.95


def test_a_values_origin_is_told():
    white = table()["white-matter"].magnetic.T1_ms
    assert origin(white, 0.055).startswith("at 0.05 T: O'Reilly")
    assert origin(white, 1.0).startswith("between 0.55 T")
    assert origin(table()["kidney"].magnetic.T1_ms, 0.055).startswith("carried on from 0.55 T")
    assert origin(table()["kidney"].magnetic.T1_ms, 7.0).startswith("carried on from 3 T")
