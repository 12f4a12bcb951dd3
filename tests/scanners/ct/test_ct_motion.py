import numpy as np
import pytest

from phantomsim.errors import ScannerError
from phantomsim.grid import Grid
from phantomsim.phantom import Phantom
from phantomsim.scanners.ct import breathing, motion, orbits, volume
from phantomsim.scanners.ct.projector import line_integrals
from phantomsim.scanners.ct.spec import Breathing, RigidMotion


@pytest.fixture(scope="module")
def geometry():
    return orbits.helical(541.0, 949.0, 36, 2.0, 20.0, 64, 4, 8.0, 4.0, 0.25)


@pytest.fixture(scope="module")
def times(geometry):
    return motion.view_times(geometry.views, 36, 0.5)


def places(geometry, points):
    """Column (fan angle) and row (tangent) that a point per view falls on [view, 2]."""
    to = points - geometry.source_mm
    ahead = geometry.centre_mm - geometry.source_mm
    ahead, along, up = (
        v / np.linalg.norm(v, axis=-1, keepdims=True) for v in (ahead, geometry.along_mm, geometry.up_mm)
    )
    x, y, z = ((to * v).sum(-1) for v in (along, ahead, up))
    return np.stack([np.arctan2(x, y), z / np.hypot(x, y)], -1)


def test_patient_who_does_not_move_is_seen_by_the_same_geometry(geometry, times):
    assert motion.moved(geometry, RigidMotion(), times) is geometry
    assert motion.moved(geometry, RigidMotion(shift_mm=(3.0, 0.0, 0.0), start_s=100.0), times) is geometry


def test_moved_geometry_sees_a_resting_point_where_the_still_one_sees_it_move(geometry, times):
    rigid = RigidMotion(shift_mm=(4.0, -7.0, 5.0), turn_deg=11.0, period_s=0.7)
    share = motion.amplitude(rigid, times)
    angle = np.deg2rad(11.0) * share
    rest = np.array([30.0, -50.0, 12.0])
    turned = np.stack(
        [
            np.cos(angle) * rest[0] - np.sin(angle) * rest[1],
            np.sin(angle) * rest[0] + np.cos(angle) * rest[1],
            np.full_like(angle, rest[2]),
        ],
        -1,
    )
    lab = turned + share[:, None] * np.array(rigid.shift_mm)
    moved = motion.moved(geometry, rigid, times)
    np.testing.assert_allclose(places(moved, rest), places(geometry, lab), atol=1e-12)
    assert np.ptp(places(geometry, lab) - places(geometry, rest), axis=0).min() > 1e-3


def test_projections_of_a_shifted_patient_are_those_of_a_shifted_volume():
    still = orbits.third_generation(541.0, 949.0, 12, 60, 4, 6.0, 4.0, 0.25)
    volume = np.zeros((1, 16, 24, 24), np.float32)
    volume[0, 4:12, 6:16, 9:18] = np.random.default_rng(1).random((8, 10, 9))
    shift = (6.0, -4.0, 5.0)
    moved = motion.moved(still, RigidMotion(shift_mm=shift), motion.view_times(12, 12, 1.0))
    seen = np.asarray(line_integrals(volume, (3.0, 3.0, 3.0), (0.0, 0.0, 0.0), moved, "point"))[:, -1]
    expected = np.asarray(line_integrals(volume, (3.0, 3.0, 3.0), shift, still, "point"))[:, -1]
    np.testing.assert_allclose(seen, expected, atol=1e-3 * expected.max())


def test_parallel_rays_do_not_change_direction_when_the_patient_shifts():
    still = orbits.parallel(20, 32, 2.0)
    moved = motion.moved(still, RigidMotion(shift_mm=(3.0, 1.0, 0.0)), np.arange(20.0))
    np.testing.assert_allclose(moved.source_mm, still.source_mm, atol=1e-14)
    np.testing.assert_allclose(moved.centre_mm[-1], still.centre_mm[-1] - [3.0, 1.0, 0.0])


def test_drift_ends_at_the_full_amount_and_waits_for_its_start():
    share = motion.amplitude(RigidMotion(shift_mm=(1.0, 0.0, 0.0), start_s=2.0), np.linspace(0, 6, 7))
    np.testing.assert_allclose(share, [0, 0, 0, 0.25, 0.5, 0.75, 1])


def test_swing_is_a_sine_of_its_period():
    share = motion.amplitude(RigidMotion(period_s=4.0), np.array([0.0, 1.0, 2.0, 3.0, 5.0]))
    np.testing.assert_allclose(share, [0, 1, 0, -1, 1], atol=1e-12)


def test_breath_starts_at_exhale_peaks_half_way_and_averages_three_eighths():
    breath = Breathing(period_s=4.0)
    np.testing.assert_allclose(motion.amplitude(breath, np.array([0.0, 2.0, 4.0])), [0, 1, 0], atol=1e-12)
    assert motion.amplitude(breath, np.linspace(0, 8, 801)[:-1]).mean() == pytest.approx(3 / 8)  # of sin^4
    assert motion.amplitude(Breathing(phase=0.5), np.zeros(1))[0] == pytest.approx(1)


def test_views_take_the_nearest_state():
    breath = Breathing(period_s=3.0, phases=5)
    times = np.linspace(0, 6, 200)
    found = breathing.states(breath, times)
    np.testing.assert_allclose(found.amplitudes, np.arange(5) / 4)
    assert np.abs(found.amplitudes[found.view] - motion.amplitude(breath, times)).max() <= 1 / 8 + 1e-12
    frozen = breathing.states(Breathing(phases=1), times)
    assert frozen.amplitudes.tolist() == [0]


GRID = Grid.centred((60, 70, 5), (4.0, 3.0, 3.0), (0.0, 0.0, 20.0))
BREATH = Breathing(depth_mm=12.0, swell_mm=6.0, diaphragm_mm=20.0, reach_mm=90.0)


def body_of(*tissues):
    """Air around a box of tissue 1."""
    label = np.zeros(GRID.shape, np.uint8)
    label[:, 5:65] = 1
    return Phantom(GRID, label, 1.0, (), (), tissues)


def part_of(phantom):
    return volume.cut(phantom, 0, phantom.grid.shape[0])


def ball(z_mm, y_mm):
    z, y, _ = GRID.axes_mm()
    blob = np.exp(-((z[:, None] - z_mm) ** 2 + (y - y_mm) ** 2) / (2 * 12.0**2))
    return np.broadcast_to(blob[None, :, :, None], (1, *GRID.shape)).astype(np.float32)


def middle(volumes):
    z, y, _ = GRID.axes_mm()
    weight = np.asarray(volumes[0], float)
    return np.array([weight.sum((1, 2)) @ z, weight.sum((0, 2)) @ y]) / weight.sum()


def test_exhale_is_the_phantom_itself():
    volumes = ball(0.0, 0.0)
    place = breathing.body(BREATH, body_of("air", "muscle"))
    assert breathing.warped(volumes, 0.0, place, BREATH, 0.0) is volumes
    frozen = BREATH.model_copy(update={"depth_mm": 0.0, "swell_mm": 0.0})
    assert breathing.warped(volumes, 0.0, place, frozen, 1.0) is volumes


@pytest.mark.parametrize("amplitude", [0.5, 1.0])
def test_front_of_the_diaphragm_goes_down_and_forward_and_the_spine_stays(amplitude):
    place = breathing.body(BREATH, body_of("air", "muscle"))
    front = GRID.axes_mm()[1][64]
    way = np.array([-12.0, 6.0]) * amplitude
    for point, expected in (((0.0, front + 30.0), way), ((0.0, -75.0), 0 * way), ((100.0, 60.0), 0 * way)):
        z, y = (np.atleast_1d(np.float32(p)) for p in (point[0], point[1]))
        numbers = np.array([-12.0 * amplitude, 6.0 * amplitude, 90.0, place.depth_mm], np.float32)
        at = z, y - (GRID.axes_mm()[1][0] - place.y_mm[0])
        np.testing.assert_allclose(np.ravel(breathing.field(*at, numbers)), expected, atol=1e-4)


def test_small_ball_is_carried_by_the_field_at_its_place():
    place = breathing.body(BREATH, body_of("air", "muscle"))
    volumes = ball(10.0, 40.0)
    moved = middle(breathing.warped(volumes, 1.0, place, BREATH, 1.0))  # as lung: its mass moves
    numbers = np.array([-12.0, 6.0, 90.0, place.depth_mm], np.float32)
    field = np.stack(breathing.field(*np.meshgrid(place.z_mm, place.y_mm, indexing="ij"), numbers))
    weight = np.asarray(volumes[0, :, :, 0], float)
    expected = middle(volumes) + (field * weight).sum((1, 2)) / weight.sum()
    np.testing.assert_allclose(moved, expected, atol=0.05)
    assert expected[0] < middle(volumes)[0] - 5


def test_lung_keeps_its_mass_and_soft_tissue_its_density():
    volumes = ball(10.0, 20.0)
    place = breathing.body(BREATH, body_of("air", "muscle"))
    lung = np.asarray(breathing.warped(volumes, 1.0, place, BREATH, 1.0))
    assert lung.sum() == pytest.approx(volumes.sum(), rel=2e-3)
    even = np.ones((1, *GRID.shape), np.float32)
    np.testing.assert_allclose(breathing.warped(even, 0.0, place, BREATH, 1.0), 1, rtol=1e-6)


def test_share_of_lung_comes_from_the_names_of_tissues():
    part = part_of(body_of("air", "lung-inflated"))
    np.testing.assert_array_equal(breathing.lung_share(part, ("air", "lung-inflated")), part.label)
    assert not np.any(breathing.lung_share(part, ("air", "muscle")))


def test_breathing_that_folds_the_body_is_an_error():
    with pytest.raises(ScannerError, match="fold"):
        breathing.body(Breathing(depth_mm=60.0, reach_mm=50.0), body_of("air", "muscle"))
    with pytest.raises(ScannerError, match="air"):
        breathing.body(BREATH, Phantom(GRID, np.zeros(GRID.shape, np.uint8), 1.0, (), (), ("air", "muscle")))
