"""Energy-integrating detectors, crosstalk and the anti-scatter grid."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from phantomsim import materials
from phantomsim.scanners.ct.detector import antiscatter, crosstalk, integrating
from phantomsim.scanners.ct.detector.fluorescence import escape, inside
from phantomsim.scanners.ct.detector.response import response, responses
from phantomsim.scanners.ct.spec import AntiScatterGrid, EnergyIntegrating

GOS = EnergyIntegrating(thickness_mm=1.5)


def test_photons_below_the_k_edge_leave_all_their_energy():
    found = integrating.deposit(GOS, np.array([30.0, 50.0]))
    np.testing.assert_allclose(found.mean_keV, [30.0, 50.0])
    np.testing.assert_allclose(found.swank, 1.0)


def test_a_characteristic_photon_escapes_a_thick_layer_as_in_closed_form():
    # Over depth e^{-mu z} and one half of all directions: (1 - k / mu ln(1 + mu / k)) / 2.
    mu, k = np.array([0.5, 2.0, 8.0]), 3.0
    np.testing.assert_allclose(escape(mu, k, 200.0), (1 - k / mu * np.log1p(mu / k)) / 2, rtol=1e-5)


def test_escape_and_staying_inside_are_each_others_rest():
    rng = np.random.default_rng(0)
    way = rng.exponential(1 / 3.0, 200_000) * rng.uniform(-1, 1, 200_000)
    assert escape(np.array([2.0]), 3.0, 0.6)[0] == pytest.approx(1 - inside(2.0, way, 0.6).mean(), abs=0.003)


def test_xray_crosstalk_loses_nothing_and_blurs_by_its_mtf():
    values = np.random.default_rng(1).uniform(size=(3, 9, 11))
    np.testing.assert_allclose(crosstalk.spread(values, 0.03, 0.02).sum((1, 2)), values.sum((1, 2)), rtol=1e-6)
    waves = np.cos(2 * np.pi * 0.2 * np.arange(40))[None]
    blurred = np.asarray(crosstalk.spread(jnp.asarray(waves), 0.0, 0.05))
    np.testing.assert_allclose(blurred[0, 1:-1], waves[0, 1:-1] * crosstalk.mtf(0.05, 0.2), atol=1e-6)


def test_xray_crosstalk_leaves_neighbours_noise_independent_and_optical_does_not():
    mean = jnp.full((40, 60, 60), 500.0)
    moved = crosstalk.spread(mean, 0.05, 0.05)
    for optical, wanted in ((0.0, 0.0), (0.05, 2 * 0.05 * 0.8)):
        apart = np.asarray(integrating.measure(jax.random.key(0), moved, moved, 0.0, optical))[:, 1:-1, 1:-1] - 500
        assert (apart[..., 1:] * apart[..., :-1]).mean() / 500 == pytest.approx(wanted, abs=0.01)


def test_gains_scale_readings_but_not_electronic_noise():
    gain = integrating.gains(jax.random.key(0), (40, 50), 0.2)
    assert float(gain.std()) == pytest.approx(0.2, abs=0.01)
    mean = jnp.full((200, 40, 50), 1e4)
    readings = np.asarray(integrating.measure(jax.random.key(1), mean, mean, 50.0, gain=gain))
    np.testing.assert_allclose(readings.mean(0), 1e4 * np.asarray(gain), rtol=0.006)
    assert (readings / gain).var(0).mean() == pytest.approx(1e4 + 50**2 * float((1 / gain**2).mean()), rel=0.02)


def test_an_integrating_response_is_its_moments():
    energy = np.array([40.0, 70.0, 110.0])
    found = response(GOS.model_copy(update={"xray_crosstalk": 0.02}), energy, np.ones(3), (1.0, 1.0))
    np.testing.assert_allclose(found.moments[:1], responses(GOS, energy))
    assert found.channels == 1
    assert found.weights(np.array([1.0, 2.0, 3.0])).shape == (3, 2)
    np.testing.assert_allclose(found.spread, 0.02)


@pytest.mark.parametrize("two_dimensional", [False, True])
@pytest.mark.parametrize(("ratio", "lamella", "gap"), [(4.0, 0.1, 0.9), (3.0, 0.6, 0.4)])
def test_a_grid_passes_what_ways_traced_one_by_one_pass(two_dimensional, ratio, lamella, gap):
    grid = AntiScatterGrid(ratio=ratio, lamella_mm=lamella, gap_mm=gap, two_dimensional=two_dimensional)
    mu = materials.attenuation_matrix([grid.material], [120.0])[0, 0]
    rng, steps = np.random.default_rng(2), (np.arange(1000) + 0.5) / 1000
    for slopes in ((0.02, 0.3), (0.31, 0.05), (1.3, 0.0)):
        passed = 1.0
        for slope in slopes[: 1 + two_dimensional]:
            start = rng.uniform(0, lamella + gap, (4000, 1))
            metal = ((start + slope * ratio * gap * steps) % (lamella + gap) < lamella).mean(1)
            passed *= np.exp(-mu * metal * ratio * gap * np.sqrt(1 + np.square(slopes).sum())).mean()
        found = antiscatter.crossing(grid, np.array([120.0]), *(np.array([s]) for s in slopes))
        assert found[0, 0] == pytest.approx(passed, abs=0.015)


def test_a_grid_passes_the_beam_and_less_the_more_a_quantum_is_scattered():
    grid = AntiScatterGrid(ratio=20.0, lamella_mm=0.1, gap_mm=0.9)
    passed = antiscatter.scattered(grid, np.array([60.0]), np.deg2rad([0.0, 0.5, 2.0, 5.0, 20.0, 85.0]))[:, 0]
    assert passed[0] == pytest.approx(antiscatter.primary(grid, [60.0])[0])
    assert (np.diff(passed) < 0).all()
    assert (passed >= 0).all()
