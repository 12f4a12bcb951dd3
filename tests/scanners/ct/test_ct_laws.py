import pytest

from phantomsim.scanners.ct.laws import chain

GROUPS = {
    "hu_at_80_kVp": lambda: chain._water_and_inserts(80.0),
    "hu_at_120_kVp": lambda: chain._water_and_inserts(120.0),
    "noise_falls_with_mAs": chain._noise,
    "ball_comes_out_where_it_is": chain._positions,
    "chord_of_a_ball": lambda: [chain._sphere()],
    "compound_poisson_moments": chain._compound_poisson,
}


SLOW = ("hu_at_80_kVp",)  # as at 120 kVp; `phantomsim validate ct` measures it too


@pytest.mark.parametrize("name", [pytest.param(n, marks=pytest.mark.slow if n in SLOW else ()) for n in GROUPS])
def test_law_holds(name):
    for law in GROUPS[name]():
        assert law.passed, law.row()
