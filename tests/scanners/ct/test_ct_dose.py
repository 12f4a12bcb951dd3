import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import minimize

from phantomsim import materials
from phantomsim.errors import ScannerError
from phantomsim.grid import Grid
from phantomsim.phantom import Phantom
from phantomsim.scanners.ct import fdk, orbits
from phantomsim.scanners.ct.dose import ctdi, modulation, report, size, solve
from phantomsim.scanners.ct.scatter.medium import medium
from phantomsim.scanners.ct.scatter.montecarlo import deposit
from phantomsim.scanners.ct.scatter.source import source
from phantomsim.scanners.ct.spec import CTProtocol, Modulation

# AAPM Report 204 (2011), tables 1D (32 cm phantom) and 2D (16 cm): effective diameter [cm] and factor, every fifth row
BODY_TABLE = {8: 2.76, 13: 2.30, 18: 1.91, 23: 1.59, 28: 1.32, 33: 1.10, 38: 0.92, 43: 0.76, 45: 0.71}
HEAD_TABLE = {6: 1.49, 11: 1.22, 16: 1.01, 21: 0.83, 26: 0.69, 31: 0.56, 36: 0.47, 41: 0.38, 46: 0.32, 55: 0.22}


@pytest.mark.parametrize(("phantom", "table"), [("body", BODY_TABLE), ("head", HEAD_TABLE)])
def test_ssde_factors_are_those_of_report_204(phantom, table):
    found = size.ssde_factor(10.0 * np.array(list(table)), phantom)
    np.testing.assert_allclose(found, list(table.values()), atol=0.0075)


def test_ssde_of_bad_sizes_is_an_error():
    for diameter, phantom in ((0.0, "body"), (np.nan, "body"), (200.0, "knee")):
        with pytest.raises(ScannerError):
            size.ssde_factor(diameter, phantom)


def disc(tissues, radius_mm, spacing=1.0, half=110):
    grid = Grid.centred((2, 2 * half, 2 * half), (5.0, spacing, spacing))
    _, y, x = grid.axes_mm()
    label = np.broadcast_to(np.hypot(x, y[:, None]) < radius_mm, grid.shape).astype(np.uint8)
    return Phantom(grid, label, 1.0, (), (), tissues)


def test_water_is_its_own_water_equivalent():
    phantom = disc(("air", "water"), 100.0)
    np.testing.assert_allclose(size.phantom_water_diameter(phantom, 70.0), 200.0, rtol=2e-3)
    image = np.where(np.asarray(phantom.label), 0.0, -1000.0)
    np.testing.assert_allclose(size.water_diameter(image, (1.0, 1.0)), 200.0, rtol=2e-3)
    np.testing.assert_allclose(size.phantom_effective_diameter(phantom), 200.0, rtol=5e-3)


def test_pmma_counts_by_its_attenuation():
    pmma, water, air = materials.attenuation_matrix(["pmma", "water", "air"], [70.0])[:, 0]
    expected = 200.0 * np.sqrt((pmma - air) / (water - air))
    np.testing.assert_allclose(size.phantom_water_diameter(disc(("air", "pmma"), 100.0), 70.0), expected, rtol=2e-3)


def test_effective_diameter_of_an_ellipse_has_its_area():
    assert size.effective_diameter(200.0, 288.0) == pytest.approx(240.0)


@pytest.fixture(scope="module")
def opacity():
    """Three turns around an ellipse of changing size."""
    angle = 2 * np.pi * np.arange(300) / 100
    return (4.0 + 1.5 * np.cos(2 * angle)) * (1 + 0.1 * np.arange(300) / 300)


WIDE = {"least": 1e-3, "most": 20.0}


def test_full_modulation_makes_the_photons_behind_the_patient_equal(opacity):
    current = modulation.currents(opacity, Modulation(angular=1.0, longitudinal=1.0, **WIDE), 100)
    behind = current * np.exp(-opacity)
    np.testing.assert_allclose(behind, behind[0], rtol=1e-9)


def test_half_strength_is_the_least_noise_of_a_given_mAs(opacity):
    attenuation = np.exp(opacity[::10])
    best = minimize(
        lambda log: np.sum(attenuation / (np.exp(log) / np.exp(log).mean())) / attenuation.sum(),
        np.zeros(30),
        tol=1e-12,
    )
    current = modulation.currents(opacity, Modulation(angular=0.5, longitudinal=0.5, **WIDE), 100)[::10]
    np.testing.assert_allclose(current / current.mean(), np.exp(best.x) / np.exp(best.x).mean(), rtol=0.02)


@pytest.mark.parametrize("strength", [0.0, 0.3, 1.0])
def test_currents_average_one_within_their_bounds(opacity, strength):
    wanted = Modulation(angular=strength, longitudinal=strength, least=0.4, most=2.0)
    current = modulation.currents(opacity, wanted, 100)
    assert current.mean() == pytest.approx(1, abs=1e-12)
    assert current.min() >= 0.4
    assert current.max() <= 2.0
    if not strength:
        np.testing.assert_allclose(current, 1, rtol=1e-12)


def test_longitudinal_modulation_is_even_within_a_turn():
    angle = 2 * np.pi * np.arange(300) / 100
    round_body = 4 + 1.5 * np.cos(2 * angle)
    current = modulation.currents(round_body, Modulation(angular=0.0, longitudinal=1.0, **WIDE), 100)
    np.testing.assert_allclose(current, 1, rtol=1e-9)


def test_scout_finds_the_thickest_band_whatever_its_place():
    views = np.zeros((2, 3, 200))
    views[0, :, 20:100] = 5.0
    views[1, :, 120:180] = 7.0
    views[1, :, 50] = 90.0  # a thin bone steers nothing
    np.testing.assert_allclose(modulation.scout(views, 1.0), [5.0, 7.0])


def test_dose_of_axial_and_helical_scans(scanner):
    axial = report.report(scanner, CTProtocol(kVp=120.0, mAs=200.0, turns=3), 20.0)
    assert axial["CTDIvol_mGy"] == pytest.approx(40.0)
    assert axial["DLP_mGy_cm"] == pytest.approx(40.0 * 6.0)
    helix = CTProtocol(kVp=120.0, mAs=200.0, path="helical", turns=5, pitch=0.8)
    found = report.report(scanner, helix, 20.0, water_mm=160.0)
    assert found["CTDIvol_mGy"] == pytest.approx(50.0)
    assert found["DLP_mGy_cm"] == pytest.approx(50.0 * 5 * 0.8 * 2.0)
    assert found["SSDE_mGy"] == pytest.approx(50.0 * 1.01, rel=0.005)  # report 204, table 2D
    assert "CTDIvol_mGy" not in report.report(scanner, CTProtocol(path="radiograph", views=1), 20.0)


@pytest.mark.parametrize("wish", [{"CTDIvol_mGy": 30.0}, {"SSDE_mGy": 30.0}])
def test_dose_asked_for_is_dose_given(scanner, wish):
    protocol = CTProtocol(kVp=120.0, path="helical", pitch=1.2, turns=2, **wish)
    output = ctdi.output(scanner, protocol).mGy_per_100mAs
    mAs = solve.tube_mAs(protocol, output, water_mm=180.0)
    found = report.report(scanner, protocol, 20.0, mAs, water_mm=180.0)
    assert found[next(iter(wish))] == pytest.approx(30.0)


def test_wishes_without_what_they_need_are_errors():
    for wish in ({"SSDE_mGy": 3.0}, {"noise_HU": 3.0}, {"CTDIvol_mGy": 3.0}):
        with pytest.raises(ScannerError, match="needs"):
            solve.tube_mAs(CTProtocol(**wish))


def test_noise_and_mAs_are_each_others_inverse():
    law = solve.NoiseLaw(6000.0, 50000.0)
    assert law.mAs(law.sd_HU(12.0)) == pytest.approx(12.0)
    assert law.sd_HU(4e6) / law.sd_HU(1e6) == pytest.approx(0.5, rel=1e-3)


def test_predicted_noise_is_the_closed_form():
    # Kak and Slaney 1988: pi^2 s^2 / (12 M d^2), times 2/3 - 2/pi^2 for linear interpolation
    geometry = orbits.parallel(360, 300, 1.0)
    law = solve.noise_law(
        lambda p: fdk.reconstruct(p, geometry, "ramp", (1, 9, 9), (1.0, 7.3, 7.3)),
        jnp.zeros(geometry.shape),
        1.0,
        0.0,
        1.0,
    )
    expected = np.pi**2 / (12 * 360) * (2 / 3 - 2 / np.pi**2)
    assert law.quantum == pytest.approx(expected, rel=0.02)


@pytest.mark.parametrize(("photons", "electronic"), [(3e4, 0.0), (2e4, 30.0)])
def test_predicted_noise_is_what_poisson_readings_have(photons, electronic):
    """Behind an ellipse of water, whose opacity changes fourfold with the view."""
    geometry = orbits.third_generation(541.0, 949.0, 240, 200, 2, 3.2, 3.0, 0.25)
    fan = geometry.angles[:, None] + geometry.fan
    offset = 541 * np.sin(geometry.fan)
    a, b = 100.0, 65.0
    across = (a * np.cos(fan)) ** 2 + (b * np.sin(fan)) ** 2
    paths = 2 * a * b * np.sqrt(np.maximum(across - offset**2, 0)) / across
    mean = photons * np.exp(-0.02 * np.broadcast_to(paths[:, None], geometry.shape)).astype(np.float32)
    pixels = solve.middle_pixels(lambda r: -jnp.log(r / photons) / 0.02, geometry)
    law = solve.noise_law(pixels, jnp.asarray(mean), mean, electronic**2, 5.0)
    rng = np.random.default_rng(3)
    draws = [rng.poisson(mean) + rng.normal(0, electronic, mean.shape) for _ in range(30)]
    noise = np.asarray([pixels(jnp.asarray(d, jnp.float32)) for d in draws]) - np.asarray(pixels(jnp.asarray(mean)))
    assert noise.std() == pytest.approx(law.sd_HU(5.0), rel=0.04)


def test_chambers_without_phantom_read_the_beams_air_kerma(scanner):
    turn = ctdi._turn(scanner, 30.0)
    spectrum = materials.spectrum(120.0, scanner.filtration, scanner.anode_deg)
    share = ctdi._annulus(160.0, 0, 80.0)
    label = np.zeros((30, *share.shape), np.uint8)
    air = medium(label, 1.0, (ctdi.SLAB_MM, ctdi.PIXEL_MM, ctdi.PIXEL_MM), (0, 0, 0), ["air"])
    dense = air._replace(
        majorant=jnp.full_like(air.majorant, 0.02)
    )  # as many flights end as in PMMA: the mean is the same
    beam = source(turn, spectrum)
    kerma = deposit(jax.random.key(1), dense, beam, 60_000, "air-kerma").volume
    found = ctdi.chambers(kerma * ctdi.KEV_PER_G_TO_MGY * beam.photons_per_mAs * 100, 160.0, 30.0)
    # At distance L the kerma falls as 1 / L^2 and the beam's height grows as L; seen from a ring, over the turn.
    at_isocentre = 100 * spectrum.air_kerma_mGy_per_mAs / 0.541**2
    ring = np.mean(541 / np.sqrt(541**2 + 70**2 - 2 * 541 * 70 * np.cos(np.linspace(0, 2 * np.pi, 1000))))
    assert found.edge == pytest.approx(at_isocentre * ring, rel=0.03)
    assert found.middle == pytest.approx(at_isocentre, rel=0.06)


def test_scanner_without_a_table_is_simulated(scanner, monkeypatch):
    monkeypatch.setattr(ctdi, "HISTORIES", 20_000)
    bare = scanner.model_copy(update={"ctdi": ()})
    found = ctdi.output(bare, CTProtocol(kVp=120.0))
    assert found.source.startswith("simulated")
    assert 5 < found.mGy_per_100mAs < 40
