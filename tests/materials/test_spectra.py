"""Tube spectra against IEC 61267, SpekPy and Beer's law."""

import itertools

import numpy as np
import pytest
from scipy.special import ndtr

from phantomsim.errors import ScannerError
from phantomsim.materials import attenuation_matrix, effective_attenuation, nodes, spectrum
from phantomsim.materials.attenuation import edges_keV
from phantomsim.materials.laws import RQT, rqt_beam
from phantomsim.materials.quadrature import PATHS_MM, transmission
from phantomsim.materials.spectra import filter_attenuation_per_mm


@pytest.mark.parametrize(("name", "kVp", "rqr_mm", "copper_mm", "hvl_mm"), RQT)
def test_rqt_beams_have_their_half_value_layers(name: str, kVp: float, rqr_mm: float, copper_mm: float, hvl_mm: float):
    assert rqt_beam(kVp, rqr_mm, copper_mm).half_value_layer_mm() == pytest.approx(hvl_mm, rel=0.01)


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


@pytest.mark.parametrize("kVp", [80.0, 100.0, 120.0, 140.0])
@pytest.mark.parametrize("filters", [{"al_mm": 6.8}, {"al_mm": 3.0, "sn_mm": 0.4}])
def test_sixteen_nodes_keep_every_line_integral_to_1e_4(kVp: float, filters: dict[str, float]) -> None:
    """Random paths of water, bone, iodine, titanium and a bowtie, not those that the nodes were fitted to."""
    beam = spectrum(kVp, filters).split([33.17, 69.52])
    energy_keV = beam.energy_keV
    responses = np.stack([np.ones_like(energy_keV), energy_keV, energy_keV**2])
    energy, weight = nodes(beam, 16, responses, {**PATHS_MM, "aluminium": (0.0, 8.0, 40.0)})
    rng = np.random.default_rng(0)
    reach = {"water": 450.0, "bone-cortical": 80.0, "iodine-blood-20": 40.0, "titanium": 10.0, "aluminium": 40.0}
    paths = rng.uniform(0, list(reach.values()), (2000, 5)) * (rng.random((2000, 5)) < [0.9, 0.6, 0.5, 0.3, 0.7])
    few, all_ = (
        np.exp(-paths @ np.stack([filter_attenuation_per_mm(name, e) for name in reach])) for e in (energy, energy_keV)
    )
    exact = all_ @ (beam.photons_per_mAs_per_mm2_at_1m * responses).T
    assert np.abs(np.log(few @ weight.T / exact)).max() < 1e-4


@pytest.mark.parametrize("kVp", [80.0, 140.0])
def test_one_set_of_nodes_reproduces_every_energy_bin(kVp: float) -> None:
    """Four bins of a counter with a resolution of 2.5 keV and a tail, behind water and bone."""
    beam = spectrum(kVp, {"al_mm": 6.8})
    above = [
        0.7 * ndtr((beam.energy_keV - t) / 2.5) + 0.3 * np.clip(1 - t / beam.energy_keV, 0, 1) for t in (25, 45, 60, 75)
    ]
    bins = np.stack([*(a - b for a, b in itertools.pairwise(above)), above[-1]])
    energy, weight = nodes(beam, 24, bins)
    water = {"water": tuple(np.linspace(0, 480, 49)), "bone-cortical": (0.0, 11.0, 50.0)}
    ratio = (transmission(energy, water) @ weight.T) / (
        transmission(beam.energy_keV, water) @ (beam.photons_per_mAs_per_mm2_at_1m * bins).T
    )
    assert len(energy) <= 24
    assert np.abs(np.log(ratio)).max() < 1e-4


def test_nodes_survive_energies_that_no_photon_passes_at() -> None:
    beam = spectrum(80.0, {"al_mm": 3.0})
    energy, weight = nodes(beam, 16, paths_mm={**PATHS_MM, "aluminium": (1.0, 20.0, 67.0)})
    assert len(energy) == 16
    assert weight.sum() == pytest.approx(beam.photons_per_mAs_per_mm2_at_1m @ beam.energy_keV)


def test_a_bin_with_an_edge_is_divided_there() -> None:
    """The K edge of iodine lies at 33.17 keV (NIST)."""
    beam = spectrum(80.0, {"al_mm": 6.8})
    parts = beam.split(edges_keV("I")[-1:])
    assert parts.total == pytest.approx(beam.total)
    assert len(parts.energy_keV) == len(beam.energy_keV) + 1
    near = np.abs(parts.energy_keV - 33.5) < 0.5
    assert parts.energy_keV[near] == pytest.approx([33.085, 33.585], abs=1e-3)
    assert parts.photons_per_mAs_per_mm2_at_1m[near].sum() == pytest.approx(
        beam.photons_per_mAs_per_mm2_at_1m[beam.energy_keV == 33.5]
    )


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
