"""Motion: poses and their truth, k-space under a pose against moved phantoms, breathing."""

import jax.numpy as jnp
import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError

from phantomsim.grid import Grid
from phantomsim.phantom import Phantom
from phantomsim.scanners import breathing_field
from phantomsim.scanners.mr.motion import kspace, poses, respiratory
from phantomsim.scanners.mr.spec.motion import Breathing, Event, Jerks, Motion, RigidMotion

TIMES = np.linspace(0.0, 60.0, 241)
DRIFT = RigidMotion(shift_mm=(3.0, -1.0, 2.0), turn_deg=(4.0, -2.0, 6.0), pivot_mm=(0.0, 10.0, -80.0), start_s=20.0)


def where(found, shot, points):
    state = found.state[shot]
    return np.asarray(kspace.moved_points(points, found.rotation[state], found.shift_mm[state]))


def test_drift_starts_from_rest_and_ends_at_the_full_amount():
    found = poses.poses(DRIFT, TIMES)
    points = np.array([[0.0, 0.0, 0.0], [50.0, 20.0, 30.0]])
    np.testing.assert_allclose(where(found, 0, points), points, atol=1e-4)
    pivot = np.array(DRIFT.pivot_mm)
    np.testing.assert_allclose(where(found, -1, pivot[None])[0], pivot + DRIFT.shift_mm, atol=1e-4)
    assert len(found.rotation) <= DRIFT.states
    np.testing.assert_allclose(np.linalg.det(found.rotation), 1.0)
    np.testing.assert_allclose(np.swapaxes(found.rotation, 1, 2) @ found.rotation, np.eye(3)[None] + 0 * found.rotation,
                               atol=1e-12)  # fmt: skip


@pytest.mark.parametrize("motion", [DRIFT, DRIFT.model_copy(update={"period_s": 7.0})])
def test_no_point_of_the_head_is_farther_off_than_stated(motion):
    found, true = poses.poses(motion, TIMES), poses.truth(motion, TIMES)
    rng = np.random.default_rng(0)
    rim = rng.normal(size=(200, 3))
    rim *= poses.RIM_mm / np.linalg.norm(rim, axis=1, keepdims=True)
    worst, pivot = 0.0, np.array(motion.pivot_mm)
    for shot in range(0, len(TIMES), 10):
        exact = rim @ poses.turns(true.turn_deg[shot]).T + pivot + true.shift_mm[shot]
        worst = max(worst, np.linalg.norm(where(found, shot, rim + pivot) - exact, axis=1).max())
    assert 0.1 * found.error_mm < worst <= found.error_mm + 1e-4


def test_more_states_err_less():
    few, many = (poses.poses(DRIFT.model_copy(update={"states": n}), TIMES).error_mm for n in (4, 64))
    assert many < 0.1 * few


def test_events_are_exact_and_last_until_the_next():
    jerks = Jerks(events=(Event(time_s=10.0, shift_mm=(0.0, 5.0, 0.0)), Event(time_s=30.0, turn_deg=(0.0, 0.0, 90.0))))
    found, true = poses.poses(jerks, TIMES), poses.truth(jerks, TIMES)
    assert len(found.rotation) == 3
    assert found.error_mm == 0.0
    before, now, later = (np.searchsorted(TIMES, t) for t in (9.9, 10.0, 59.0))
    np.testing.assert_allclose(true.shift_mm[[before - 1, now, later]], [[0, 0, 0], [0, 5, 0], [0, 0, 0]])
    np.testing.assert_allclose(where(found, later, np.array([[10.0, 0.0, 0.0]])), [[0, 10, 0]], atol=1e-5)


@pytest.mark.parametrize("times", [np.zeros(1), np.zeros(0), np.full(5, 3.0)])
def test_one_shot_none_and_equal_times_are_at_rest(times):
    found = poses.poses(DRIFT, times)
    assert found.state.shape == times.shape
    assert np.allclose(found.rotation, np.eye(3)) or not times.size


def test_turns_go_about_x_first_and_axes_that_stay():
    both = poses.turns(np.array([90.0, 0.0, 90.0]))
    np.testing.assert_allclose(both @ [0.0, 1.0, 0.0], [0.0, 0.0, 1.0], atol=1e-12)
    np.testing.assert_allclose(both @ [1.0, 0.0, 0.0], [0.0, 1.0, 0.0], atol=1e-12)


def gaussians(k, centres, widths):
    """Closed form of the Fourier integral of round blobs."""
    return np.sum(
        np.exp(-2j * np.pi * k @ centres.T - 2 * (np.pi * widths * np.linalg.norm(k, axis=1)[:, None]) ** 2), 1
    )


def test_kspace_of_a_moved_head_is_the_closed_form_at_moved_places():
    rng = np.random.default_rng(1)
    centres, widths, k = rng.uniform(-60, 60, (5, 3)), rng.uniform(3, 9, 5), rng.uniform(-0.05, 0.05, (200, 3))
    found = poses.poses(DRIFT, TIMES)
    rotation, shift = found.rotation[-1], found.shift_mm[-1]
    moved = gaussians(k, np.asarray(kspace.moved_points(centres, rotation, shift)), widths)
    turned, factor = kspace.moved_k(jnp.asarray(k), jnp.asarray(rotation), jnp.asarray(shift))
    np.testing.assert_allclose(factor * gaussians(np.asarray(turned, float), centres, widths), moved, atol=2e-4)


def test_a_shift_of_whole_voxels_rolls_the_image():
    n = 16
    image = np.random.default_rng(2).random((n, n)).astype(np.float32)
    k = np.stack(np.meshgrid(np.fft.fftfreq(n), np.fft.fftfreq(n), [0.0], indexing="ij"), -1)[..., 0, :]
    k = np.stack([k[..., 1], k[..., 0], k[..., 2]], -1) / 2.0  # (x, y, z) at voxels of 2 mm
    factor = np.asarray(kspace.shift_phase(jnp.asarray(k), jnp.array([6.0, -4.0, 9.0])))
    np.testing.assert_allclose(
        np.fft.ifft2(np.fft.fft2(image) * factor).real, np.roll(image, (-2, 3), (0, 1)), atol=1e-5
    )


def body(shape=(20, 24, 10)):
    grid = Grid.centred(shape, (5.0, 5.0, 5.0))
    label = np.zeros(shape, np.uint8)
    label[:, 2:-2, 2:-2] = 1
    return Phantom(grid, label, 1.0, (), (), ("air", "water"))


def test_breathing_carries_complex_magnetisation_as_it_does_its_parts():
    motion, phantom = Breathing(depth_mm=8.0), body()
    place = breathing_field.body(motion, phantom)
    rng = np.random.default_rng(3)
    real, imaginary = rng.normal(size=(2, 1, *phantom.grid.shape)).astype(np.float32)
    found = respiratory.warped(jnp.asarray(real + 1j * imaginary), place, motion, 0.6)
    np.testing.assert_allclose(found.real, respiratory.warped(jnp.asarray(real), place, motion, 0.6), atol=1e-6)
    np.testing.assert_allclose(found.imag, respiratory.warped(jnp.asarray(imaginary), place, motion, 0.6), atol=1e-6)
    assert found.dtype == np.complex64
    assert not np.allclose(found.real, real)


def test_exhale_is_the_body_as_it_is_and_inhale_moves_it_down():
    motion, phantom = Breathing(depth_mm=10.0, swell_mm=0.0, reach_mm=200.0), body((40, 24, 10))
    place = breathing_field.body(motion, phantom)
    volume = np.zeros((1, *phantom.grid.shape), np.float32)
    volume[0, 20, 18:22] = 1.0
    assert respiratory.warped(jnp.asarray(volume), place, motion, 0.0) is not None
    rows = np.asarray(respiratory.warped(jnp.asarray(volume), place, motion, 1.0))[0, :, 21].sum(1)
    assert 20 - np.sum(rows * np.arange(40)) / rows.sum() == pytest.approx(2.0, abs=0.35)


def test_breath_spends_more_time_near_exhale_and_states_are_near_the_truth():
    motion = Breathing(phases=6)
    found, true = respiratory.states(motion, TIMES), respiratory.truth(motion, TIMES)
    assert np.median(true.amplitude) < 0.3
    assert np.abs(found.amplitudes[found.state] - true.amplitude).max() <= 0.1 + 1e-9
    assert len(found.amplitudes) <= 6
    np.testing.assert_allclose(true.front_mm[:, 2], -motion.depth_mm * true.amplitude)


def test_motions_are_told_apart_and_impossible_ones_refused():
    adapter = TypeAdapter(Motion)
    assert isinstance(adapter.validate_python({"kind": "rigid", "shift_mm": [1.0, 0, 0]}), RigidMotion)
    with pytest.raises(ValidationError, match="later"):
        adapter.validate_python({"kind": "events", "events": [{"time_s": 5.0}, {"time_s": 5.0}]})
    with pytest.raises(ValidationError, match="greater than or equal to 2"):
        RigidMotion(states=1)
