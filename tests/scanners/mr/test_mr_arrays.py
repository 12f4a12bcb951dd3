"""Coils of wires, birdcages, solenoids and free loops; whose noise they hear."""

from itertools import pairwise

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError

from phantomsim.scanners.mr import coils, eddy, noise
from phantomsim.scanners.mr.laws.fields import snr_exponent
from phantomsim.scanners.mr.spec.array import Birdcage, Coils, Load, LoopArray, LoopSet, LoopSpec, Solenoid

ADAPTER = TypeAdapter(Coils)
HEAD = Load(radius_mm=85.0, length_mm=200.0, conductivity_S_per_m=0.46)
CAGE = Birdcage(radius_mm=130.0, length_mm=240.0, rungs=16, noise_factor=1.0)
ONE = LoopSet(noise_factor=1.0, loops=(LoopSpec(centre_mm=(100.0, 0.0, 0.0), normal=(1.0, 0.0, 0.0), radius_mm=40.0),))
COIL = Solenoid(field_axis="y", radius_mm=120.0, length_mm=200.0, turns=20, noise_factor=1.0)


def test_field_of_a_wire_is_biot_and_savart():
    wire = coils.Wire(np.array([10.0, -20.0, 5.0]), np.array([40.0, 30.0, -60.0]))
    points = np.random.default_rng(1).uniform([50, -100, -100], [250, 100, 100], (20, 3))
    t = (np.arange(4000) + 0.5) / 4000
    way = wire.end_mm - wire.start_mm
    r = points[:, None] - (wire.start_mm + t[:, None] * way)
    d = np.sqrt(np.sum(r**2, -1) + coils.WIRE_mm**2)[..., None]
    field = np.sum(np.cross(way / 4000, r) / d**3, 1) * coils.MU0_uT_mm_per_A / (4 * np.pi)
    potential = np.sum(way / 4000 / d, 1) * coils.MU0_uT_mm_per_A / (4 * np.pi)
    np.testing.assert_allclose(coils.field(wire, points), field, atol=2e-3 * np.abs(field).max())
    np.testing.assert_allclose(coils.vector_potential(wire, points), potential, rtol=1e-5)


def test_a_polygon_of_wires_is_a_loop():
    loop = coils.Loop(np.zeros(3), np.array([0.0, 0.0, 1.0]), 60.0)
    angles = 2 * np.pi * np.arange(201) / 200
    corners = 60.0 * np.stack([np.cos(angles), np.sin(angles), 0 * angles], -1)
    polygon = coils.Coil(tuple((1.0, coils.Wire(a, b)) for a, b in pairwise(corners)))
    points = np.random.default_rng(2).uniform(-40, 40, (20, 3))
    np.testing.assert_allclose(coils.field(polygon, points), coils.field(loop, points), rtol=0.01, atol=0.02)
    np.testing.assert_allclose(
        coils.vector_potential(polygon, points), coils.vector_potential(loop, points), rtol=0.01, atol=0.5
    )
    assert coils.length_mm(polygon) == pytest.approx(loop.length_mm, rel=1e-3)


@pytest.mark.parametrize("array", [CAGE, COIL], ids=["birdcage", "solenoid"])
def test_field_is_the_curl_of_the_potential_and_free_of_curl_itself(array):
    """The second holds for closed circuits alone: every rung's current finds its way back."""
    for coil in coils.coils(array):
        points = np.random.default_rng(3).uniform(-60, 60, (12, 3))
        h = 0.05

        def gradient(f, coil=coil, points=points, h=h):
            return [(f(coil, points + h * e) - f(coil, points - h * e)) / (2 * h) for e in np.eye(3)]

        def curl(d):
            return np.stack([d[1][:, 2] - d[2][:, 1], d[2][:, 0] - d[0][:, 2], d[0][:, 1] - d[1][:, 0]], -1)

        scale = np.abs(coils.field(coil, points)).max()
        np.testing.assert_allclose(curl(gradient(coils.vector_potential)), coils.field(coil, points), atol=5e-3 * scale)
        np.testing.assert_allclose(curl(gradient(coils.field)) * 60, 0, atol=5e-3 * scale)


def test_quadrature_birdcage_hears_evenly_and_its_ports_alike():
    points = np.random.default_rng(5).uniform(-1, 1, (100, 3)) * [50, 50, 40]
    first, second = coils.sensitivity(CAGE, points)
    both = np.sqrt(np.abs(first) ** 2 + np.abs(second) ** 2)
    np.testing.assert_allclose(both, both.mean(), rtol=0.12)
    middle = coils.sensitivity(CAGE, np.zeros(3))
    assert abs(middle[0]) == pytest.approx(abs(middle[1]))
    assert np.angle(middle[1] / middle[0]) == pytest.approx(-np.pi / 2, abs=1e-6) or np.angle(
        middle[1] / middle[0]
    ) == pytest.approx(np.pi / 2, abs=1e-6)


def test_ports_of_a_birdcage_share_no_noise():
    shared = noise.shared_loss(CAGE, HEAD)
    assert abs(shared[0, 1]) < 1e-3 * shared[0, 0]
    assert shared[0, 0] == pytest.approx(shared[1, 1], rel=1e-3)


def test_field_in_a_long_solenoid_is_mu0_n_i():
    long = Solenoid(field_axis="x", radius_mm=60.0, length_mm=2000.0, turns=200, noise_factor=1.0)
    field = coils.field(coils.coils(long)[0], np.zeros(3))
    np.testing.assert_allclose(field, [0, 0, coils.MU0_uT_mm_per_A * 200 / 2010], rtol=5e-3, atol=1e-6)


def test_a_solenoid_hears_spins_that_turn_about_a_field_across_it():
    inside = coils.sensitivity(COIL, np.array([[0.0, 0.0, 0.0], [30.0, 20.0, 10.0]]))
    assert np.abs(inside).min() > 50
    table = coils.sensitivity_table(COIL)
    assert table.shape[0] == 1
    assert np.isfinite(table).all()


def test_loops_listed_one_by_one_are_those_of_the_ring():
    ring = LoopArray(count=6, radius_mm=120.0, loop_radius_mm=50.0, noise_factor=1.0)
    listed = LoopSet(
        noise_factor=1.0,
        loops=tuple(
            LoopSpec(centre_mm=tuple(one.centre_mm), normal=tuple(3 * one.normal), radius_mm=50.0)
            for one in coils.loops(ring)
        ),
    )
    points = np.random.default_rng(6).uniform(-60, 60, (10, 3))
    np.testing.assert_allclose(coils.sensitivity(listed, points), coils.sensitivity(ring, points), rtol=1e-12)
    np.testing.assert_allclose(noise.resistance_ohm(listed, HEAD, 3.0), noise.resistance_ohm(ring, HEAD, 3.0))


@pytest.mark.parametrize("array", [CAGE, COIL, ONE], ids=["birdcage", "solenoid", "one"])
def test_every_kind_of_array_has_its_channels(array):
    assert coils.sensitivity(array, np.zeros(3)).shape == (array.channels,)
    assert noise.resistance_ohm(array, HEAD, 1.5).shape == (array.channels, array.channels)
    assert ADAPTER.validate_python(array.model_dump()) == array


def test_an_array_without_a_kind_is_of_loops():
    plain = {"count": 8, "radius_mm": 130.0, "loop_radius_mm": 66.0, "unloaded_to_loaded_Q": 4.0, "noise_factor": 1.1}
    assert isinstance(ADAPTER.validate_python(plain), LoopArray)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"kind": "solenoid", "radius_mm": 1, "length_mm": 1, "turns": 3, "noise_factor": 1}, "field_axis"),
        ({"kind": "birdcage", "radius_mm": 1, "length_mm": 1, "rungs": 6, "noise_factor": 1}, "multiple of 4"),
        ({"kind": "loop-list", "loops": [], "noise_factor": 1}, "at least 1"),
        ({"kind": "loop-list", "noise_factor": 1,
          "loops": [{"centre_mm": (0, 0, 0), "normal": (0, 0, 0), "radius_mm": 1}]}, "point somewhere"),
        ({"kind": "antenna"}, "antenna"),
    ],
)  # fmt: skip
def test_impossible_arrays_are_refused(wrong, message):
    with pytest.raises(ValidationError, match=message):
        ADAPTER.validate_python(wrong)


def test_snr_grows_with_the_published_powers_of_the_field():
    """Hoult and Lauterbur 1979: 7/4 where coils make the noise, 1 where the patient does."""
    assert snr_exponent("coil", 0.1, 1.0) == pytest.approx(1.75, abs=0.01)
    assert snr_exponent("body", 0.1, 1.0) == pytest.approx(1.0, abs=1e-6)
    by_physics = [snr_exponent("physical", b, 1.5 * b) for b in (0.02, 0.3, 1.5, 7.0)]
    assert all(np.diff(by_physics) < 0)
    assert 1.0 < by_physics[-1] < 1.05
    assert 1.7 < by_physics[0] < 1.76


def test_copper_loops_on_a_head_have_the_measured_q_ratio():
    """3 to 6 at 64 MHz; the loss by skin effect alone is a lower bound of the coil's."""
    array = LoopArray(count=8, radius_mm=130.0, loop_radius_mm=66.0, noise_factor=1.0)
    load = HEAD.model_copy(update={"conductivity_S_per_m": 0.4})
    patient = noise.resistance_ohm(array, load, 1.5)[0, 0] - noise.own_ohm(array, load, 1.5)[0]
    assert 3 < 1 + patient / noise.own_ohm(array, load, 1.5)[0] < 6


def test_a_q_measured_elsewhere_follows_the_root_of_the_frequency():
    base = {"count": 4, "radius_mm": 130.0, "loop_radius_mm": 66.0, "noise_factor": 1.0, "unloaded_to_loaded_Q": 4.0}
    here, there = LoopArray(**base), LoopArray(**base, Q_field_T=1.5)
    np.testing.assert_allclose(noise.own_ohm(here, HEAD, 1.5), noise.own_ohm(there, HEAD, 1.5))
    np.testing.assert_allclose(noise.own_ohm(there, HEAD, 6.0), 2 * noise.own_ohm(there, HEAD, 1.5))


def test_thin_wire_conducts_with_its_whole_section():
    coil = coils.coils(COIL)[0]
    direct = noise.COPPER_ohm_m * 1e3 * coils.length_mm(coil) / (np.pi * 0.25)
    assert noise.wire_ohm(coil, 1.0, 1e-6) == pytest.approx(direct)


def test_large_bodies_are_solved_as_small_ones(monkeypatch):
    direct = noise.shared_loss(CAGE, HEAD)
    monkeypatch.setattr(eddy, "DIRECT", 0)
    iterated = noise.shared_loss.__wrapped__(CAGE, HEAD)
    np.testing.assert_allclose(iterated, direct, atol=1e-8 * direct.max())
