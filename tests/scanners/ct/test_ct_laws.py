import pytest

from phantomsim.scanners.ct import laws

GROUPS = {
    "hu_at_80_kVp": lambda: laws._water_and_inserts(80.0),
    "hu_at_120_kVp": lambda: laws._water_and_inserts(120.0),
    "noise_falls_with_mAs": laws._noise,
    "ball_comes_out_where_it_is": laws._positions,
    "chord_of_a_ball": lambda: [laws._sphere()],
    "fbp_noise_closed_form": lambda: [laws._fbp_noise()],
    "mtf_is_the_kernels": laws._resolution,
    "compound_poisson_moments": laws._compound_poisson,
}


@pytest.mark.parametrize("name", GROUPS)
def test_law_holds(name):
    for law in GROUPS[name]():
        assert law.passed, law.row()
