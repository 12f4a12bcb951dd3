"""Bowtie, heel, second beam, transmission and air scan against closed forms, SpekPy and whole spectra."""

import numpy as np
import pytest

from phantomsim import materials
from phantomsim.errors import ScannerError
from phantomsim.materials.spectra import Spectrum
from phantomsim.scanners.ct import bowtie, heel
from phantomsim.scanners.ct.bases import Bases
from phantomsim.scanners.ct.beam import WHOLE, beam, open_field
from phantomsim.scanners.ct.detector import integrating
from phantomsim.scanners.ct.laws import beam as laws_beam
from phantomsim.scanners.ct.laws.beam import GEOMETRY, SCANNER
from phantomsim.scanners.ct.orbits import flat_panel, parallel, third_generation
from phantomsim.scanners.ct.rays import rays
from phantomsim.scanners.ct.spec import AnalyticBowtie, CTProtocol, PhotonCounting, TabulatedBowtie
from phantomsim.scanners.ct.transmission import transmission

BODY = CTProtocol(kVp=120.0, bowtie="body")


def test_rays_of_a_curved_detector_fan_out_evenly() -> None:
    seen = rays(GEOMETRY)
    np.testing.assert_allclose(seen.fan, np.broadcast_to(GEOMETRY.fan, seen.fan.shape), atol=1e-12)
    slope = GEOMETRY.row_slopes[:, None]
    np.testing.assert_allclose(seen.level, np.broadcast_to(1 / np.hypot(1, slope), seen.level.shape), rtol=1e-12)
    np.testing.assert_allclose(seen.strength, np.broadcast_to((1000 / 949) ** 2 * (1 + slope**2) ** -1.5, (4, 222)))


def test_rays_of_a_flat_panel_fade_with_the_cube_of_the_cosine() -> None:
    panel = flat_panel(600.0, 1200.0, 3, 40, 30, 9.0, 8.0)
    x, z = panel.columns_from_centre * 9.0, panel.rows_from_centre[:, None] * 8.0
    np.testing.assert_allclose(rays(panel).strength, (1000 / 1200) ** 2 * (1 + (x**2 + z**2) / 1200**2) ** -1.5)


def test_analytic_bowtie_makes_up_for_the_cylinder() -> None:
    assert laws_beam._flat_field().passed


def test_tabulated_bowtie_is_alike_on_both_sides_and_level_beyond() -> None:
    shape = TabulatedBowtie(fan_deg=(0.0, 10.0, 20.0), thickness_mm=(1.0, 3.0, 9.0))
    fan = np.deg2rad([-30.0, -15.0, -5.0, 0.0, 5.0, 15.0, 30.0])
    np.testing.assert_allclose(bowtie.thickness_mm(shape, fan, 541.0), [9, 6, 2, 1, 2, 6, 9])


def test_bowtie_is_crossed_aslant_by_outer_rows() -> None:
    path = bowtie.path_mm(AnalyticBowtie(cylinder_mm=300.0, centre_mm=2.0), rays(GEOMETRY), 541.0)
    slant = np.hypot(1, GEOMETRY.row_slopes)
    np.testing.assert_allclose(path[0] / path[1], slant[0] / slant[1], rtol=1e-12)


@pytest.mark.parametrize("where", laws_beam.HEEL)
def test_heel_effect_meets_spekpy(where: tuple[float, float, float]) -> None:
    assert laws_beam.heel_ratio(*where) == pytest.approx(laws_beam.HEEL[where], rel=0.01)


def test_anode_side_is_weaker_and_harder() -> None:
    flat = beam(SCANNER, CTProtocol(kVp=120.0), GEOMETRY)
    field = open_field(flat, GEOMETRY)[:, :, 111] / rays(GEOMETRY).strength[:, 111]
    assert np.all(np.diff(field[0]) < 0)  # the anode lies towards +z
    assert np.all(np.diff(field[1] / field[0]) > 0)


def test_rays_behind_the_anode_are_an_error() -> None:
    wide = third_generation(541.0, 949.0, 1, 4, 20, 4.0, 12.0)
    with pytest.raises(ScannerError, match="larger anode_deg"):
        heel.path_mm(rays(wide), 7.0, 120.0, {"al_mm": 6.8})


def test_parallel_beams_take_no_bowtie() -> None:
    with pytest.raises(ScannerError, match="no fan for the bowtie"):
        beam(SCANNER, BODY, parallel(4, 8, 1.0))


def test_second_beam_has_its_own_voltage_and_filter() -> None:
    dual = CTProtocol(kVp=100.0, second_kVp=140.0, second_filtration={"sn_mm": 0.4, "al_mm": 1.0})
    one, other = (beam(SCANNER, dual, second=second) for second in (False, True))
    exact = materials.spectrum(140.0, {"al_mm": 6.8, "sn_mm": 0.4}, 7.0)
    assert other.photons.sum() == pytest.approx(exact.total, rel=1e-6)
    assert other.spectrum.mean_keV == pytest.approx(exact.mean_keV, rel=1e-3)
    assert one.spectrum.energy_keV.max() < 100.0
    with pytest.raises(ScannerError, match="no second beam"):
        beam(SCANNER, BODY, second=True)


def test_two_beams_share_their_bases() -> None:
    dual = CTProtocol(kVp=80.0, second_kVp=140.0, second_filtration={"sn_mm": 0.4})
    both = [beam(SCANNER, dual, second=second) for second in (False, True)]
    bases = Bases(both, ("air", "water", "muscle", "iodine-blood-10"))
    assert bases.misfit_HU < 1.0
    length = bases.water[:, None, None, None] * np.full((1, 1, 1, 1), 200.0)
    found = [float(transmission(length.astype(np.float32), table)[0, 0, 0, 0]) for table in bases.tables]
    for one, read in zip(both, found):
        energy = one.spectrum.energy_keV
        water, air = materials.attenuation_matrix(["water", "air"], energy)
        signal = one.spectrum.photons_per_mAs_per_mm2_at_1m * integrating.moments(SCANNER.detector, energy)[0]
        assert read == pytest.approx(float(signal @ np.exp(-200 * (water - air)) / signal.sum()), rel=2e-4)


@pytest.mark.parametrize("kVp", [80.0, 140.0])
def test_cells_behind_bowtie_and_heel_read_as_the_whole_spectrum(kVp: float) -> None:
    """Few energies and bases, filters per cell, against all energies and a basis for every tissue."""
    protocol = CTProtocol(kVp=kVp, bowtie="body")
    tissues = ("air", "water", "bone-cortical", "muscle", "adipose", "iodine-blood-10", "titanium")
    reach = np.array([50.0, 100.0, 20.0, 150.0, 80.0, 30.0, 4.0])
    paths = np.random.default_rng(0).random((3, 7, GEOMETRY.rows * GEOMETRY.columns)) * reach[:, None]
    few = Bases(beam(SCANNER, protocol, GEOMETRY), tissues)
    rival = Bases(beam(SCANNER, protocol, GEOMETRY, count=WHOLE), tissues, exact=True)
    assert rival.misfit_HU == 0
    assert few.misfit_HU < 1.0
    read = []
    for bases in (few, rival):
        length = np.einsum("tk,vtn->kvn", bases.coefficients - bases.air, paths).reshape(-1, 3, *GEOMETRY.shape[1:])
        read.append(np.asarray(transmission(length.astype(np.float32), bases.table), float))
    np.testing.assert_allclose(-np.log(read[0]), -np.log(read[1]), atol=2e-3)


def test_air_reads_one_behind_filters_and_the_air_scan_holds_them() -> None:
    filtered = beam(SCANNER, BODY, GEOMETRY)
    bases = Bases(filtered, ("air", "water"))
    nothing = transmission(np.zeros((2, 1, *GEOMETRY.shape[1:]), np.float32), bases.table)
    np.testing.assert_allclose(nothing, 1.0, rtol=1e-5)
    row, column = 1, 20
    behind = materials.spectrum(120.0, SCANNER.filtration, 7.0)
    for name, path in zip(filtered.filters, filtered.filter_paths_mm[:, row, column]):
        mu = materials.attenuation_matrix([name], behind.energy_keV)[0]
        behind = Spectrum(behind.energy_keV, behind.photons_per_mAs_per_mm2_at_1m * np.exp(-mu * path))
    signal = integrating.moments(SCANNER.detector, behind.energy_keV) @ behind.photons_per_mAs_per_mm2_at_1m
    field = open_field(filtered, GEOMETRY)[:, row, column]
    np.testing.assert_allclose(field, signal * rays(GEOMETRY).strength[row, column], rtol=3e-4)


def test_another_voltage_or_bowtie_thickness_compiles_nothing() -> None:
    length = np.zeros((2, 1, *GEOMETRY.shape[1:]), np.float32)
    thick = SCANNER.model_copy(update={"bowties": {"body": AnalyticBowtie(cylinder_mm=200.0)}})
    transmission(length, Bases(beam(SCANNER, BODY, GEOMETRY), ("water",)).table)
    before = transmission._cache_size()
    for scanner, kVp in ((SCANNER, 81.0), (thick, 140.0)):
        transmission(length, Bases(beam(scanner, CTProtocol(kVp=kVp, bowtie="body"), GEOMETRY), ("water",)).table)
    assert transmission._cache_size() == before


def test_badly_fitting_tissue_brings_a_basis_that_mends_it() -> None:
    spectrum = beam(SCANNER, 120.0)
    assert Bases(spectrum, ("water", "muscle")).names == ("water", "bone-cortical")
    steel = Bases(spectrum, ("water", "muscle", "titanium", "iodine-blood-10"))
    assert set(steel.names) == {"water", "bone-cortical", "iodine-water-20", "titanium"}
    assert steel.misfit_HU < 1.0


def test_photon_counter_has_a_weight_for_each_bin() -> None:
    counter = PhotonCounting(thickness_mm=1.6, thresholds_keV=(25.0, 60.0))
    scanner = SCANNER.model_copy(update={"detector": counter})
    few, whole = (beam(scanner, 120.0, count=count) for count in (None, WHOLE))
    assert few.weights.shape == (2, 24)
    assert laws_beam.node_error(few, whole, 500) < 1e-4


@pytest.mark.slow
def test_laws_of_the_beam_hold() -> None:
    for law in laws_beam.laws():
        assert law.passed, law
