"""Tube spectra against IEC 61267, SpekPy and Beer's law."""

import numpy as np
import pytest

from phantomsim.errors import ScannerError
from phantomsim.materials import attenuation_matrix, effective_attenuation, nodes, spectrum
from phantomsim.materials.laws import RQT, rqt_beam
from phantomsim.materials.quadrature import PATHS_MM, transmission


@pytest.mark.parametrize(("name", "kVp", "rqr_mm", "copper_mm", "hvl_mm"), RQT)
def test_rqt_beams_have_their_half_value_layers(name: str, kVp: float, rqr_mm: float, copper_mm: float, hvl_mm: float):
    assert rqt_beam(kVp, rqr_mm, copper_mm).half_value_layer_mm() == pytest.approx(hvl_mm, abs=0.2)


@pytest.mark.parametrize("kVp", [80.0, 101.0, 120.0])
def test_bank_agrees_with_spekpy(kVp: float) -> None:
    spekpy = pytest.importorskip("spekpy")
    tube = spekpy.Spek(kvp=kVp, th=7, dk=1.0, z=100, mas=1)
    tube.filter("Al", 6.8)
    ours = spectrum(kVp, {"al_mm": 6.8})
    assert ours.total * 100 == pytest.approx(tube.get_flu(), rel=0.01)
    assert ours.half_value_layer_mm() == pytest.approx(tube.get_hvl(matl="Al"), rel=0.01)
    assert ours.air_kerma_mGy_per_mAs * 1000 == pytest.approx(tube.get_kerma(), rel=0.01)


def test_output_at_120_kVp_is_that_of_a_ct_tube() -> None:
    """1.97e8 photons per cm^2 and mAs at 1 m behind 6.8 mm of aluminium (SpekPy 2, 7 degrees)."""
    assert spectrum(120.0, {"al_mm": 6.8}).total * 100 == pytest.approx(1.97e8, rel=0.01)


def test_no_photon_has_more_energy_than_the_voltage_allows() -> None:
    for kVp in (40.0, 81.0, 150.0):
        assert spectrum(kVp).energy_keV.max() < kVp


def test_filters_add_and_commute() -> None:
    one = spectrum(100.0, {"al_mm": 3.0, "cu_mm": 0.1}).filtered("Al", 2.0)
    other = spectrum(100.0, {"cu_mm": 0.1, "aluminium_mm": 5.0})
    assert one.photons_per_mAs_per_mm2_at_1m == pytest.approx(other.photons_per_mAs_per_mm2_at_1m, rel=1e-3)


def test_output_grows_as_a_power_of_the_voltage() -> None:
    """Filtered output of CT tubes rises as kVp^2 to kVp^3 (e.g. AAPM report 96)."""
    low, high = (spectrum(k, {"al_mm": 6.8}).air_kerma_mGy_per_mAs for k in (80.0, 140.0))
    assert 2.0 < np.log(high / low) / np.log(140 / 80) < 3.0


def test_voltages_between_steps_lie_between_them() -> None:
    totals = [spectrum(k, {"al_mm": 5.0}).total for k in (100.0, 101.0, 102.0)]
    assert totals == sorted(totals)


@pytest.mark.parametrize(("count", "error"), [(12, 1e-3), (16, 2e-4)])
@pytest.mark.parametrize("kVp", [80.0, 120.0, 140.0])
def test_few_nodes_transmit_as_the_whole_spectrum(kVp: float, count: int, error: float) -> None:
    beam = spectrum(kVp, {"al_mm": 6.8})
    energy, weight = nodes(beam, count)
    signal = beam.photons_per_mAs_per_mm2_at_1m * beam.energy_keV
    water = {"water": tuple(np.linspace(0, 380, 37)), "bone-cortical": (0.0, 8.0, 33.0)}
    ratio = (transmission(energy, water) @ weight) / (transmission(beam.energy_keV, water) @ signal)
    assert len(energy) <= count
    assert weight.sum() == pytest.approx(signal.sum())
    assert np.abs(np.log(ratio)).max() < error
    assert set(water) <= set(PATHS_MM)


def test_beam_hardens_with_depth() -> None:
    beam = spectrum(120.0, {"al_mm": 6.8})
    mu = [effective_attenuation(["water"], beam, depth)[0] for depth in (0.0, 100.0, 300.0)]
    assert mu == sorted(mu, reverse=True)
    assert mu[-1] > attenuation_matrix(["water"], [120.0])[0, 0]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((30.0,), "40 to 150"),
        ((120.0, {"al": 3.0}), "al_mm"),
        ((120.0, {"al_mm": -1.0}), "negative"),
        ((120.0, {}, 3.0), "6 to 16"),
    ],
)
def test_impossible_beams_are_refused(arguments: tuple, says: str) -> None:
    with pytest.raises(ScannerError, match=says):
        spectrum(*arguments)
