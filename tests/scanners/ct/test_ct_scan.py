import dataclasses

import jax
import numpy as np
import pytest

from phantomsim import materials
from phantomsim.errors import ScannerError
from phantomsim.grid import Grid
from phantomsim.phantom import Lesion, Overlay, Phantom
from phantomsim.scanners.ct import beam, correct, volume, water
from phantomsim.scanners.ct.detector import integrating
from phantomsim.scanners.ct.spec import CTReconstruction, CTScanner
from phantomsim.spec import read

ORIGIN = (0.0, 0.0, 0.0)


@pytest.fixture(scope="module")
def scan(scanner, protocol):
    return scanner.build(protocol)


@pytest.fixture(scope="module")
def expected(scan, cylinder):
    return scan.expected(cylinder, ORIGIN)


def test_every_protocol_of_ct_64_has_a_dose():
    scanner = read("ct-64", CTScanner)
    for protocol in scanner.protocols.values():
        if protocol.path != "radiograph" and protocol.noise_HU is None and protocol.SSDE_mGy is None:
            assert scanner.build(protocol).dose()["CTDIvol_mGy"] > 0


def test_doses_share_expected_data_and_voltages_do_not(scanner, protocol):
    def identity(**change):
        return scanner.build(protocol.model_copy(update=change)).expected_id

    assert identity() == identity(mAs=1.0) == identity(rotation_s=2.0)
    assert len({identity(), identity(kVp=80.0), identity(views=241), identity(binned_rows=2)}) == 4


def test_noise_free_image_does_not_depend_on_mAs(scanner, protocol, expected, reconstruction):
    images = [
        scan.reconstruct(scan.noise_free(expected), reconstruction).values
        for scan in (scanner.build(protocol.model_copy(update={"mAs": m})) for m in (1.0, 1000.0))
    ]
    np.testing.assert_allclose(images[0], images[1], atol=0.01)


def test_raw_data_say_what_they_are(scan, expected):
    measured, means = scan.acquire(expected, jax.random.key(0)), scan.noise_free(expected)
    assert (measured.noise, means.noise) == (True, False)
    np.testing.assert_allclose(measured.arrays["mAs"].sum(), 200.0, rtol=1e-5)


def test_readings_of_any_size_are_taken_as_what_they_are_said_to_be(scan, expected, reconstruction):
    """A dose a million times as high is a scan all the same, and its image the noise-free one."""
    bright = scan.acquire(dataclasses.replace(expected, current=expected.current * 1e6), jax.random.key(0))
    image, clean = (scan.reconstruct(r, reconstruction).values for r in (bright, scan.noise_free(expected)))
    np.testing.assert_allclose(image, clean, atol=0.5)


def test_raw_data_of_another_scan_are_an_error(scanner, protocol, scan, expected, reconstruction):
    other = scanner.build(protocol.model_copy(update={"views": 120}))
    with pytest.raises(ScannerError, match=r"counts \[240, 4, .*this scan's are counts \[120, 4"):
        other.reconstruct(scan.noise_free(expected), reconstruction)


def test_same_key_gives_the_same_readings(scan, expected):
    one, two, other = (scan.acquire(expected, jax.random.key(k)).arrays["counts"] for k in (1, 1, 2))
    assert np.array_equal(one, two)
    assert not np.array_equal(one, other)


def test_noise_has_the_expected_spread_behind_water(scan, expected):
    readout = scan.readouts[0]
    clean, spread = np.asarray(readout.moments(expected.signals[0], np.full(scan.geometry.views, 200.0 / 240)))
    spread = spread + 100.0**2
    pull = (np.asarray(scan.acquire(expected, jax.random.key(0)).arrays["counts"]) - clean) / np.sqrt(spread)
    assert abs(pull.mean()) < 0.02
    assert pull.std() == pytest.approx(1, abs=0.01)


def test_few_photons_are_poisson_not_normal():
    shape = (4, 50, 500)
    mean = np.full(shape, 2.0, np.float32)
    counts = np.asarray(integrating.measure(jax.random.key(0), mean, mean, 0.0))
    assert np.array_equal(counts, np.round(counts))
    share = np.bincount(counts.astype(int).ravel(), minlength=4)[:4] / counts.size
    np.testing.assert_allclose(share, np.exp(-2) * np.array([1, 2, 2, 4 / 3]), atol=0.005)


def test_readings_without_photons_stay_finite(scan, reconstruction):
    counts = np.zeros(scan.geometry.shape, np.float32)
    air = np.full(scan.geometry.shape[1:], 1e6, np.float32)
    paths = np.asarray(correct.line_integrals(counts, air, 60.0))
    np.testing.assert_allclose(paths, np.log(1e6 / 60), rtol=1e-5)


def test_few_energies_transmit_as_the_whole_spectrum(scan):
    names = ("air", "water", "bone-cortical", "iodine-blood-10")
    bases = scan.bases(names)
    spectrum = materials.spectrum(120.0, scan.scanner.filtration, scan.scanner.anode_deg)
    signals = spectrum.photons_per_mAs_per_mm2_at_1m * integrating.moments(scan.scanner.detector, spectrum.energy_keV)
    paths = np.array([[0, 100, 0, 0], [0, 250, 0, 0], [0, 180, 15, 0], [0, 150, 5, 40], [0, 300, 30, 0]], float)
    excess = materials.attenuation_matrix(names, spectrum.energy_keV)
    passed = np.exp(-paths @ (excess - excess[0]))
    lengths = (paths @ (bases.coefficients - bases.air)).T.astype(np.float32)
    mean, variance = beam.transmission(lengths[:, :, None, None], bases.table)
    for found, weight in ((mean, signals[0]), (variance, signals[1])):
        np.testing.assert_allclose(np.ravel(found), passed @ weight / weight.sum(), rtol=2e-3)


def test_water_correction_returns_the_path(scan):
    bases = scan.bases(("water",))
    path = np.array([5.0, 50.0, 200.0, 400.0, 590.0])
    found = water.water_paths(bases.water_curve(path).astype(np.float32), water.water_correction(bases))
    found = np.ravel(found)
    np.testing.assert_allclose(found, path, rtol=2e-4)


def test_iodine_brings_a_basis_of_its_own(scan):
    assert scan.bases(("air", "water", "muscle")).names == ("water", "bone-cortical")
    assert len(scan.bases(("air", "water", "iodine-blood-10")).names) == 3


def test_slab_of_a_phantom_mixes_as_the_whole_phantom():
    rng = np.random.default_rng(0)
    grid = Grid.centred((20, 6, 7), (2.0, 1.0, 1.0))
    label = rng.integers(0, 3, grid.shape).astype(np.uint8)
    overlays = tuple(
        Overlay(2, rng.random(shape, np.float32), start)
        for shape, start in (
            ((3, 2, 2), (0, 1, 1)),
            ((4, 2, 2), (6, 0, 3)),
            ((18, 2, 3), (1, 3, 2)),
            ((3, 2, 2), (16, 1, 1)),
        )
    )
    density = rng.random(grid.shape, np.float32)
    lesion = Lesion(Overlay(1, np.full((5, 2, 2), 0.5, np.float32), (9, 2, 2)), ORIGIN, 0.1, 1.0, "star", "a", "b")
    phantom = Phantom(grid, label, density, overlays, (lesion,), ("air", "water", "muscle"))
    table, air = rng.random((3, 2)).astype(np.float32), np.array([0.1, 0.2], np.float32)
    whole = np.asarray(phantom.mix(table)) * density - air[:, None, None, None]
    for first, count in ((5, 8), (-3, 8), (15, 8), (0, 20), (-4, 32)):
        slab = np.asarray(volume.basis_volumes(volume.cut(phantom, first, count), table, air))
        rows = np.arange(first, first + count)
        inside = (rows >= 0) & (rows < 20)
        np.testing.assert_allclose(slab[:, inside], whole[:, rows[inside]], atol=1e-5)
        assert np.all(slab[:, ~inside] == 0)


def test_image_lies_on_the_phantoms_axes(scan, reconstruction, expected):
    turned = dataclasses.replace(expected, direction=np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]]))
    grid = scan.reconstruct(scan.noise_free(turned), reconstruction).grid
    np.testing.assert_allclose(grid.centre_mm, ORIGIN, atol=1e-6)
    np.testing.assert_allclose(grid.direction, turned.direction)


def test_numbers_do_not_recompile(scanner, protocol, cylinder):
    def run(**change):
        scan = scanner.build(protocol.model_copy(update=change))
        return scan.acquire(scan.expected(cylinder, ORIGIN), jax.random.key(0))

    run()
    before = (integrating._measure._cache_size(), beam.transmission._cache_size())
    run(kVp=90.0, mAs=77.0)
    assert (integrating._measure._cache_size(), beam.transmission._cache_size()) == before


def test_dose_is_the_tables_times_mAs(scanner, protocol):
    dose = scanner.build(protocol).dose()
    assert dose["CTDIvol_mGy"] == pytest.approx(40.0)
    assert dose["DLP_mGy_cm"] == pytest.approx(40.0 * 4 * 4.0 * 541 / 949 / 10)
    assert "tabulated" in dose["CTDI_source"]


def test_beam_that_misses_the_phantom_is_an_error(scan, cylinder):
    with pytest.raises(ScannerError, match="the beam misses the phantom"):
        scan.expected(cylinder, (0.0, 0.0, 300.0))


def test_phantom_of_air_is_an_error(scan, cylinder):
    empty = dataclasses.replace(cylinder, label=np.zeros_like(cylinder.label))
    with pytest.raises(ScannerError, match="anything but air"):
        scan.expected(empty, ORIGIN)


def test_patient_outside_the_scan_field_is_an_error(scan, cylinder):
    with pytest.raises(ScannerError, match="reaches out of the scan field"):
        scan.expected(cylinder, (60.0, 0.0, 0.0))


def test_slices_beyond_the_beam_are_an_error(scan, expected):
    with pytest.raises(ScannerError, match="Use fewer or thinner slices"):
        scan.reconstruct(scan.noise_free(expected), CTReconstruction(slices=9, slice_mm=5.0))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rows": 32}, "at most 16"),
        ({"binned_rows": 3}, "multiple of binned_rows"),
        ({"field_mm": 900.0}, "sees at most"),
    ],
)
def test_protocol_beyond_the_scanner_is_an_error(scanner, protocol, change, message):
    with pytest.raises(ScannerError, match=message):
        scanner.build(protocol.model_copy(update=change))


def test_unknown_protocol_names_those_there_are(scanner):
    with pytest.raises(ScannerError, match='no protocol "brain"; it has none'):
        scanner.protocol("brain")
