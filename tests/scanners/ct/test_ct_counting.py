"""Photon-counting detectors: events, bins, pairs, noise, pile-up."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import ndtri

from phantomsim.scanners.ct.detector import correlated, counting, photons, pileup, sharing
from phantomsim.scanners.ct.detector.response import response, responses
from phantomsim.scanners.ct.spec import PhotonCounting

CDTE = PhotonCounting(thickness_mm=1.6, thresholds_keV=(20.0, 35.0, 65.0))
SI = PhotonCounting(material="si", thickness_mm=40.0, thresholds_keV=(5.0, 30.0), pixel_mm=0.5)
ENERGY, PHOTONS = np.array([35.0, 60.0, 90.0]), np.array([1.0, 2.0, 1.0])


@pytest.fixture(scope="module")
def table():
    return response(CDTE, ENERGY, PHOTONS, (0.55, 0.55))


@pytest.mark.parametrize("detector", [CDTE, SI])
@pytest.mark.parametrize("energy", [25.0, 30.0, 60.0, 140.0])
def test_all_energy_is_collected_or_escapes(detector, energy):
    found = sharing.events(detector, energy)
    assert found.chance.sum() == pytest.approx(1)
    assert found.chance.min() >= 0
    total = found.pulse_keV.sum((1, 2)) + found.escaped_keV
    assert found.chance @ total == pytest.approx(energy)
    np.testing.assert_allclose(total, energy, rtol=2e-6)


def test_charge_is_shared_at_borders_as_in_closed_form():
    # Below the K edges, with little noise: two pixels count within s z of a border, Phi(z) = 1 - T / E.
    update = {"thresholds_keV": (8.0,), "resolution_keV": 0.5, "charge_cloud_mm": 0.005, "pixel_mm": 0.5}
    detector = CDTE.model_copy(update=update)
    found = counting.pairs(detector, np.array([26.0]), (0.5, 0.5)).all[0, 0]
    twice = 2 * 0.005 * ndtri(1 - 8 / 26) / 0.5  # of photons, on a line; corners and Compton scatter make it less
    assert found / sharing.interacts(detector, np.array([26.0]))[0] == pytest.approx(2 * 2 * twice, rel=0.06)


@pytest.mark.parametrize("energy", [40.0, 60.0])
def test_counts_and_pairs_are_those_of_photons_one_by_one(energy):
    binned = photons.count(CDTE, energy, 30_000, 7, np.random.default_rng(3))
    counts = np.stack([(binned == i).sum((1, 2)) for i in (1, 2, 3)], -1).astype(float)
    found = counting.pairs(CDTE, np.array([energy]), (0.5, 0.5))
    np.testing.assert_allclose(found.counts[:, 0], counts.mean(0), atol=0.012)
    both = counts.T @ counts / len(counts) - np.diag(counts.mean(0))
    np.testing.assert_allclose(found.all[:, 0], both[counting.pair_index(3)], atol=0.008)


def test_bins_share_out_the_counts_of_one_threshold():
    open_bin = CDTE.model_copy(update={"thresholds_keV": (20.0,)})
    np.testing.assert_allclose(responses(CDTE, ENERGY).sum(0), responses(open_bin, ENERGY)[0], rtol=1e-6)


def test_pairs_do_not_depend_on_cells_and_lie_within_large_ones():
    fine, coarse = (counting.pairs(CDTE, ENERGY, (side, side)) for side in (CDTE.pixel_mm, 1e6))
    np.testing.assert_allclose(fine.all, coarse.all, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(coarse.own, coarse.all, rtol=1e-4, atol=1e-12)
    np.testing.assert_allclose(fine.own, 0, atol=1e-12)


def test_without_sharing_and_fluorescence_counts_are_poisson():
    update = {"charge_cloud_mm": 0.0, "fluorescence": False, "pixel_mm": 5.0}
    found = counting.pairs(CDTE.model_copy(update=update), np.array([60.0]), (5.0, 5.0))
    assert found.all.max() < 0.01


def test_moments_pairs_and_shares_fit_together(table):
    assert table.channels == 3
    assert table.moments.shape == (9, 3)
    assert table.spread.shape == (9, 2)
    whole = table.counter.own + 2 * table.counter.across + 2 * table.counter.up
    np.testing.assert_allclose(whole, 1, rtol=1e-9)


@pytest.mark.parametrize("level", [12.0, pytest.param(300.0, marks=pytest.mark.slow)])
def test_noise_has_the_covariances_of_the_pairs(table, level):
    moments = level * (table.moments @ PHOTONS)
    shape = (40, 30, 30)
    drawn = np.asarray(
        correlated.measure(
            jax.random.key(4), jnp.broadcast_to(moments[:, None, None, None], (9, *shape)), table.counter
        )
    )
    if level < 20:
        np.testing.assert_array_equal(drawn, np.round(drawn))
        assert drawn.min() >= 0
    apart = drawn - moments[:3, None, None, None]
    np.testing.assert_allclose(apart.mean((1, 2, 3)), 0, atol=5 * np.sqrt(2 * moments[0] / drawn[0].size))
    total = np.zeros((3, 3))
    total[counting.pair_index(3)] = total.T[counting.pair_index(3)] = moments[3:]
    wanted = np.diag(moments[:3]) + table.counter.own * total
    found = np.einsum("ivrc,jvrc->ij", apart, apart) / apart[0].size
    np.testing.assert_allclose(found / moments[0], wanted / moments[0], atol=0.06)
    beside = np.einsum("ivrc,jvrc->ij", apart[..., :-1], apart[..., 1:]) / apart[0, ..., 1:].size
    np.testing.assert_allclose(beside / moments[0], table.counter.across * total / moments[0], atol=0.03)


def test_a_view_is_drawn_alike_alone_and_beside_a_dark_one(table):
    light = np.broadcast_to((300 * table.moments @ PHOTONS)[:, None, None, None], (9, 2, 4, 5)).astype(np.float32)
    dark = light * np.array([1, 1e-3], np.float32)[:, None, None]
    first, second = (correlated.measure(jax.random.key(5), jnp.asarray(m), table.counter) for m in (light, dark))
    np.testing.assert_array_equal(first[:, 0], second[:, 0])


def test_heaped_pulses_land_in_some_bin_and_never_in_a_lower_one(table):
    heaped = table.counter.heaped
    np.testing.assert_allclose(heaped.sum(0), 1, rtol=1e-9)
    np.testing.assert_allclose(heaped[0], 0, atol=1e-12)  # 20 + 20 keV lie above the second threshold
    np.testing.assert_allclose(heaped, heaped.transpose(0, 2, 1), atol=1e-12)


@pytest.mark.parametrize(("law", "wanted"), [("paralyzable", np.exp(-0.5)), ("nonparalyzable", 1 / 1.5), ("none", 1.0)])
def test_dead_time_keeps_the_textbook_share_of_records(table, law, wanted):
    counts = jnp.asarray([500.0, 300.0, 200.0])[:, None]
    found = pileup.recorded(counts, table.counter.heaped, 0.5 / 1000, law)
    assert float(found.mean.sum()) == pytest.approx(1000 * wanted, rel=1e-5)
    assert float(found.mean[2, 0] / found.mean.sum()) >= 0.2 - 1e-6


def test_dead_time_is_that_of_sub_pixels():
    assert pileup.dead_per_count(CDTE.model_copy(update={"dead_time_ns": 20.0}), 1e-4, (0.55, 1.1)) == pytest.approx(
        20e-9 / 1e-4 / 8
    )


@pytest.mark.parametrize("law", ["none", "paralyzable", "nonparalyzable"])
@pytest.mark.parametrize("load", [0.01, 0.3])
def test_pile_up_is_undone_in_every_bin(law, load):
    """What was recorded of known counts leads back to them; the records themselves are far from them."""
    heaped = np.zeros((3, 3, 3))
    for low, high in np.ndindex(3, 3):
        heaped[min(low + high, 2), low, high] = 1.0
    counts = jnp.asarray([[500.0, 100.0], [300.0, 300.0], [200.0, 600.0]])
    records = pileup.recorded(counts, heaped, load / 1000, law).mean
    assert np.allclose(pileup.original(records, heaped, load / 1000, law), counts, rtol=2e-4)
    assert law == "none" or float(jnp.abs(records / counts - 1).max()) > load / 2
