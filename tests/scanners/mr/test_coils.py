"""Fields of loops and the noise that they hear, against sums over wire segments and closed forms."""

import numpy as np
import pytest

from phantomsim.scanners.mr import coils, noise
from phantomsim.scanners.mr.laws import small_scanner
from phantomsim.scanners.mr.spec import LoopArray

LOOP = coils.Loop(np.array([120.0, 20.0, -10.0]), np.array([-0.8, 0.0, 0.6]), 50.0)
POINTS = np.array([[0.0, 0.0, 0.0], [40.0, -30.0, 25.0], [-60.0, 10.0, 60.0], [70.0, 40.0, 0.0]])


def segments(loop, count=2000):
    across = np.array([0.0, 1.0, 0.0])
    other = np.cross(loop.normal, across)
    t = 2 * np.pi * np.arange(count) / count
    points = loop.centre_mm + loop.radius_mm * (np.cos(t)[:, None] * across + np.sin(t)[:, None] * other)
    return points, np.roll(points, -1, 0) - points


def test_field_is_biot_and_savart_over_the_wire():
    at, step = segments(LOOP)
    r = POINTS[:, None] - (at + step / 2)
    field = np.sum(np.cross(step, r) / np.linalg.norm(r, axis=-1)[..., None] ** 3, 1)
    field *= coils.MU0_uT_mm_per_A / (4 * np.pi)
    # The wire's finite width softens the field by some parts in a thousand.
    np.testing.assert_allclose(coils.field(LOOP, POINTS), field, atol=5e-3 * np.abs(field).max())


def test_vector_potential_is_that_of_the_wire_and_its_curl_is_the_field():
    at, step = segments(LOOP)
    r = POINTS[:, None] - (at + step / 2)
    potential = np.sum(step / np.linalg.norm(r, axis=-1)[..., None], 1) * coils.MU0_uT_mm_per_A / (4 * np.pi)
    found = coils.vector_potential(LOOP, POINTS)
    np.testing.assert_allclose(found, potential, atol=5e-3 * np.abs(potential).max())
    h = 0.01
    d = [(coils.vector_potential(LOOP, POINTS + h * e) - coils.vector_potential(LOOP, POINTS - h * e)) / (2 * h)
         for e in np.eye(3)]  # fmt: skip
    curl = np.stack([d[1][:, 2] - d[2][:, 1], d[2][:, 0] - d[0][:, 2], d[0][:, 1] - d[1][:, 0]], -1)
    np.testing.assert_allclose(curl, coils.field(LOOP, POINTS), rtol=1e-3, atol=1e-3)


def test_interpolated_sensitivity_is_the_exact_one_where_the_patient_is():
    array = small_scanner().coils
    rng = np.random.default_rng(1)
    points = rng.uniform(-1, 1, (400, 3)) * [60, 60, 90]
    weights = [coils.interpolation(points[:, i]) for i in (2, 1, 0)]
    found = np.einsum("pz,py,px,czyx->cp", *weights, coils.sensitivity_table(array), optimize=True)
    exact = coils.sensitivity(array, points)
    assert np.abs(found - exact).max() < 2e-3 * np.abs(exact).max()


def test_array_is_a_turned_ring():
    found = coils.loops(LoopArray(count=4, rings=2, radius_mm=100, loop_radius_mm=40, ring_distance_mm=50,
                                  unloaded_to_loaded_Q=4, noise_factor=1))  # fmt: skip
    centres = np.array([loop.centre_mm for loop in found])
    np.testing.assert_allclose(centres[0], [100, 0, -25], atol=1e-9)
    np.testing.assert_allclose(centres[4], [100 / 2**0.5, 100 / 2**0.5, 25], atol=1e-9)


def test_coaxial_loop_loses_the_integral_of_its_potential_squared():
    """Currents run in circles about the axis, so no charge gathers: loss is the integral of A^2."""
    loop = coils.Loop(np.array([0.0, 0.0, 20.0]), np.array([0.0, 0.0, 1.0]), 120.0)
    load = small_scanner().load
    rho, z = np.meshgrid((np.arange(170) + 0.5) * 0.5, (np.arange(400) - 199.5) * 0.5, indexing="ij")
    a = np.linalg.norm(coils.vector_potential(loop, np.stack([rho, 0 * rho, z], -1)), axis=-1)
    closed = np.sum(a**2 * 2 * np.pi * rho) * 0.25
    found = noise.overlap(noise.conductor(load), [lambda at: coils.vector_potential(loop, at)])
    assert found[0, 0] == pytest.approx(closed, rel=0.01)


def test_resistance_is_symmetric_positive_and_grows_with_the_square_of_the_field():
    s = small_scanner()
    low, high = (noise.resistance_ohm(s.coils, s.load, field) for field in (1.5, 3.0))
    np.testing.assert_allclose(high, high.T, rtol=1e-9)
    np.testing.assert_allclose(high, 4 * low, rtol=1e-9)
    assert np.linalg.eigvalsh(high).min() > 0
    # All loops of the ring are alike.
    np.testing.assert_allclose(np.diag(high), high[0, 0], rtol=0.02)


def test_noise_of_one_kilohm_is_nyquists():
    """4.07 nV per root hertz at 300 K (Horowitz and Hill); here at body temperature, two quadratures."""
    one = noise.covariance_uV2(np.array([[1000.0]]), 1.0, 1)
    assert np.sqrt(one[0, 0] / 2 * 300 / noise.BODY_K) * 1000 == pytest.approx(4.07, abs=0.01)
