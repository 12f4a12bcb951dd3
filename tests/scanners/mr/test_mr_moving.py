"""Patients who move during an MR scan: against phantoms that were moved by hand and lay still, and closed forms."""

import dataclasses

import jax.numpy as jnp
import numpy as np
import pytest

from phantomsim.errors import ScannerError
from phantomsim.grid import Grid
from phantomsim.phantom import Phantom
from phantomsim.scanners import breathing_field
from phantomsim.scanners.mr.laws import small_protocol, small_scanner
from phantomsim.scanners.mr.motion import poses, respiratory
from phantomsim.scanners.mr.signal import modes, moving_aslant, simulate, slabs
from phantomsim.scanners.mr.spec import Fields, LoopArray
from phantomsim.scanners.mr.spec.motion import Breathing, Event, Jerks, RigidMotion

TISSUES = ("air", "white-matter", "csf", "grey-matter")
CUBE = Grid.centred((40, 40, 40), (3.0, 3.0, 3.0))
FINE = Grid.centred((120, 60, 60), (1.0, 2.0, 2.0))
PLATE = Grid.centred((13, 25, 30), (4.0, 5.0, 3.0))
ARRAY = LoopArray(count=3, radius_mm=130.0, loop_radius_mm=66.0, unloaded_to_loaded_Q=6.0, noise_factor=1.1)
SCANNER = small_scanner(coils=ARRAY, fields=Fields(susceptibility=False))
PLANE = {"fov_mm": (150.0, 140.0), "matrix": (20, 16), "offset_mm": (4.0, -3.0, 2.0), "slices": 2, "slice_mm": 7.0}
SLAB = PLANE | {"encoding": "3d", "slices": 8, "slice_mm": 16.0, "offset_mm": (4.0, -3.0, 6.0)}
TRAIN = {"sequence": "turbo-spin-echo", "TR_ms": 900.0, "TE_ms": 40.0, "flip_deg": 90.0, "echo_train": 4}
ECHO_PLANAR = {"sequence": "gre-epi", "TE_ms": 40.0, "bandwidth_Hz": 60000.0}
SPOKES = {"sequence": "radial-gre", "spokes": 12, "fov_mm": (150.0, 150.0), "matrix": (16, 16)}


@pytest.fixture(autouse=True)
def exact_trains(monkeypatch):
    """The engine brings the amplitudes of trains into few volumes; what that costs is not what is asked here."""
    monkeypatch.setattr(simulate, "flat", lambda found, tolerance=0.0: modes.flat(found, 1e-5))
    monkeypatch.setattr(slabs, "paired", lambda found: modes.paired(found, 1e-6))


def labels(grid, seed=0):
    """Boxes of tissues, nothing near the edges."""
    rng, label = np.random.default_rng(seed), np.zeros(grid.shape, np.uint8)
    for tissue in (1, 2, 3, 1):
        low = [rng.integers(n // 4, n // 2) for n in grid.shape]
        label[tuple(slice(a, a + max(2, n // 4)) for a, n in zip(low, grid.shape))] = tissue
    return label


def phantom(grid, label, density=1.0, tissues=TISSUES):
    return Phantom(grid, label, density, (), (), tissues)


def kspace(body, motion=None, scanner=SCANNER, **protocol):
    scan = scanner.build(small_protocol(**(PLANE | protocol), motion=motion))
    return np.asarray(scan.expected(body, (0.0, 0.0, 0.0)).kspace)


def jerk(shift=(0.0, 0.0, 0.0), turn=(0.0, 0.0, 0.0), time_s=0.0, pivot=(0.0, 0.0, 0.0)):
    return Jerks(events=(Event(time_s=time_s, shift_mm=shift, turn_deg=turn),), pivot_mm=pivot)


def assert_near(found, wanted, of_the_largest=1e-3):
    assert found.shape == wanted.shape
    assert np.abs(found - wanted).max() < of_the_largest * np.abs(wanted).max()


PROTOCOLS = {
    "slices": {"slice_profile": "pulse"}, "across": {"phase_axis": "y"}, "train": TRAIN, "spokes": SPOKES, "slab": SLAB,
}  # fmt: skip


def some(*fast):
    """All protocols; compiling takes so long that few of them are tried each time."""
    return [pytest.param(name, marks=() if name in fast else pytest.mark.slow) for name in PROTOCOLS]


@pytest.mark.parametrize("name", some("slices", "slab"))
def test_a_shift_of_whole_voxels_is_a_phantom_moved_by_hand(name):
    label = labels(PLATE)
    by_hand = phantom(PLATE, np.roll(label, (1, 2, -3), (0, 1, 2)))
    shifted = kspace(phantom(PLATE, label), jerk((-9.0, 10.0, 4.0)), **PROTOCOLS[name])
    assert_near(shifted, kspace(by_hand, **PROTOCOLS[name]), 1e-4)
    assert np.abs(shifted - kspace(phantom(PLATE, label), **PROTOCOLS[name])).max() > 0.1 * np.abs(shifted).max()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["slices", "slab"])
def test_fields_of_the_patient_move_along_and_those_of_the_scanner_do_not(name):
    fields = Fields(susceptibility=True, transmit="dielectric")
    scanner, label = SCANNER.model_copy(update={"fields": fields}), labels(PLATE)
    by_hand = phantom(PLATE, np.roll(label, (1, 0, 2), (0, 1, 2)))
    shifted = kspace(phantom(PLATE, label), jerk((6.0, 0.0, 4.0)), scanner, **PROTOCOLS[name])
    assert_near(shifted, kspace(by_hand, None, scanner, **PROTOCOLS[name]))


@pytest.mark.parametrize("name", some("slices"))
def test_a_quarter_turn_about_z_is_a_turned_array(name):
    label = labels(CUBE)
    by_hand = phantom(CUBE, np.rot90(label, -1, (1, 2)))  # x to y
    turned = kspace(phantom(CUBE, label), jerk(turn=(0.0, 0.0, 90.0)), **PROTOCOLS[name])
    assert_near(turned, kspace(by_hand, **PROTOCOLS[name]))


@pytest.mark.slow
def test_a_quarter_turn_about_x_shows_slices_another_plane():
    label = labels(CUBE)
    by_hand = phantom(CUBE, np.rot90(label, -1, (0, 1)))  # y to z
    turned = kspace(phantom(CUBE, label), jerk(turn=(90.0, 0.0, 0.0)), slice_profile="pulse")
    assert_near(turned, kspace(by_hand, slice_profile="pulse"))


def blobs(grid, motion=None):
    """Density of round blobs of a standard deviation of 8 mm in the pose that a motion ends in."""
    rng = np.random.default_rng(4)
    centres, weight = rng.uniform(-14.0, 14.0, (6, 3)), rng.uniform(0.3, 1.0, 6)
    if motion is not None:
        pose = poses.poses(motion, np.zeros(1))
        centres = centres @ pose.rotation[0].T + pose.shift_mm[0]
    z, y, x = np.meshgrid(*grid.axes_mm(), indexing="ij")
    parts = [
        w * np.exp(-((x - a) ** 2 + (y - b) ** 2 + (z - c) ** 2) / (2 * 8.0**2))
        for w, (a, b, c) in zip(weight, centres)
    ]
    return phantom(grid, np.ones(grid.shape, np.uint8), np.sum(parts, 0).astype(np.float32))


@pytest.mark.parametrize("name", some("slices"))
def test_any_pose_is_blobs_drawn_in_it(name):
    motion = jerk((3.3, -4.1, 2.2), (9.0, -6.0, 14.0), pivot=(4.0, 5.0, -20.0))
    grid = CUBE if name in ("slices", "slab") else FINE  # refocused slices have steep edges
    protocol = PROTOCOLS[name] | {"slice_profile": "pulse"}  # a box's edges would cut rows in two
    moved = kspace(blobs(grid), motion, **protocol)
    assert_near(moved, kspace(blobs(grid, motion), **protocol), 1e-3)
    assert np.abs(moved - kspace(blobs(grid), **protocol)).max() > 0.2 * np.abs(moved).max()


@pytest.mark.slow
def test_slices_aslant_are_the_same_by_few_planes_and_in_space(monkeypatch):
    body, motion = phantom(PLATE, labels(PLATE)), jerk((3.3, -4.1, 2.2), (9.0, -6.0, 14.0))
    planes = kspace(body, motion, slice_profile="pulse")
    monkeypatch.setattr(moving_aslant, "MOST", 0)
    assert_near(planes, kspace(body, motion, slice_profile="pulse"), 1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["train", "epi"])
def test_a_turn_too_small_to_see_is_no_turn(name):
    """Paths on and off the lattice agree, whatever the order in which lines and samples are read."""
    protocol = TRAIN if name == "train" else ECHO_PLANAR
    body = phantom(PLATE, labels(PLATE))
    assert_near(kspace(body, jerk(turn=(0.0, 0.0, 1e-5)), **protocol), kspace(body, **protocol), 2e-4)


def test_shots_before_a_jerk_are_those_of_rest_to_the_last_bit_and_those_after_it_moved():
    label = labels(PLATE)
    body, by_hand = phantom(PLATE, label), phantom(PLATE, np.roll(label, 1, 2))
    scan = SCANNER.build(small_protocol(**PLANE))
    when = float(np.median(scan.sequence.start_s[scan.shots.block]))
    later = scan.sequence.start_s[scan.shots.block] >= when
    found = kspace(body, jerk((3.0, 0.0, 0.0), time_s=when))
    np.testing.assert_array_equal(found[:, ~later], kspace(body)[:, ~later])
    assert_near(found[:, later], kspace(by_hand)[:, later], 1e-4)


@pytest.mark.parametrize(
    "motion",
    [
        RigidMotion(), jerk((5.0, 0.0, 0.0), time_s=1e4), jerk(turn=(0.0, 360.0, 0.0)), Breathing(period_s=1e9),
        Breathing(depth_mm=0.0, swell_mm=0.0),
    ],
)  # fmt: skip
@pytest.mark.parametrize("name", some("slices"))
def test_who_does_not_move_lies_still_to_the_last_bit(motion, name):
    body = phantom(PLATE, labels(PLATE))
    np.testing.assert_array_equal(kspace(body, motion, **PROTOCOLS[name]), kspace(body, **PROTOCOLS[name]))


def test_ghosts_of_a_periodic_shift_are_where_and_as_large_as_theory_has_them():
    """Shifts of 0, d, 0, -d along the readout from line to line turn their phases by a = 2 pi k d.

    Ghosts lie N / 4 and N / 2 pixels away with sin(a) / 2 and (1 - cos a) / 2 of the object; (1 + cos a) / 2 stays.
    """
    label = np.zeros(PLATE.shape, np.uint8)
    label[5:8, 12, 12:18] = 1  # one line of the phantom along x
    shape = {"phase_axis": "y", "slices": 1, "offset_mm": (0.0, 0.0, 0.0)}
    scan = SCANNER.build(small_protocol(**(PLANE | shape)))
    times, d = scan.sequence.start_s[scan.shots.block], 3.0
    assert np.all(np.diff(scan.shots.line) == 1)
    motion = RigidMotion(shift_mm=(d, 0.0, 0.0), period_s=4 * (times[1] - times[0]), start_s=times[0], states=3)
    still, moved = (kspace(phantom(PLATE, label), m, **shape) for m in (None, motion))
    at = 8 + 4  # k = 4 / 140 mm
    a = 2 * np.pi * 4 / 140.0 * d
    object_, image = (np.abs(np.fft.fft(k[:, :, at], axis=1)) for k in (still, moved))
    largest = object_.max()
    middle = np.argmax(object_[0])
    wanted = ((1 + np.cos(a)) / 2, np.sin(a) / 2, (1 - np.cos(a)) / 2, np.sin(a) / 2)
    for step, share in enumerate(wanted):
        place = (middle + step * 20 // 4) % 20
        got = image[:, place]
        np.testing.assert_allclose(got, share * object_[:, middle], atol=0.03 * largest)


@pytest.mark.parametrize("tissue", ["white-matter", "lung"])
@pytest.mark.parametrize("name", some("slices"))
def test_a_breath_that_is_held_is_a_phantom_warped_by_hand(name, tissue):
    """Magnetisation follows density, so that a phantom of one tissue may be warped before it is imaged."""
    held = Breathing(depth_mm=9.0, swell_mm=4.0, diaphragm_mm=8.0, reach_mm=80.0, period_s=1e9, phase=0.5)
    rng, label = np.random.default_rng(5), np.zeros(PLATE.shape, np.uint8)
    label[:, 3:-3, 4:-4] = 1
    density = (label * rng.uniform(0.5, 1.0, PLATE.shape)).astype(np.float32)
    body = phantom(PLATE, label, density, ("air", tissue))
    share = label.astype(np.float32) if tissue == "lung" else 0.0
    place = breathing_field.body(held, body)
    warped = respiratory.warped(jnp.asarray(density)[None], place, held, 1.0, share)[0]
    by_hand = phantom(PLATE, np.ones_like(label), warped, ("air", tissue))
    found = kspace(body, held, **PROTOCOLS[name])
    assert_near(found, kspace(by_hand, **PROTOCOLS[name]), 2e-4)
    assert np.abs(found - kspace(body, **PROTOCOLS[name])).max() > 0.02 * np.abs(found).max()


def test_a_slice_that_the_patient_has_left_gives_nothing():
    body = phantom(PLATE, labels(PLATE))
    for motion in (jerk((0.0, 0.0, 500.0)), jerk((0.0, 0.0, 500.0), (3.0, 0.0, 0.0))):
        assert np.abs(kspace(body, motion)).max() < 1e-6 * np.abs(kspace(body)).max()


def test_truth_is_kept_with_the_data():
    body = phantom(PLATE, labels(PLATE))
    drift = RigidMotion(shift_mm=(1.0, 2.0, 3.0), turn_deg=(0.0, 0.0, 4.0), states=2)
    scan = SCANNER.build(small_protocol(**PLANE, motion=drift, averages=2))
    arrays = scan.noise_free(scan.expected(body, (0.0, 0.0, 0.0))).arrays
    times = scan.sequence.start_s[scan.shots.block]
    shots = arrays["kspace"].shape[1]
    np.testing.assert_allclose(arrays["motion_time_s"], times, rtol=1e-6)
    assert arrays["motion_shift_mm"].shape == arrays["motion_turn_deg"].shape == (shots, 3)
    share = (times / times.max())[:, None]
    np.testing.assert_allclose(arrays["motion_shift_mm"], share * drift.shift_mm, atol=1e-5)
    np.testing.assert_allclose(arrays["motion_turn_deg"], share * drift.turn_deg, atol=1e-5)
    breath = Breathing(period_s=3.0, phase=0.25)
    scan = SCANNER.build(small_protocol(**PLANE, motion=breath))
    still = SCANNER.build(small_protocol(**PLANE)).expected(body, (0.0, 0.0, 0.0))
    arrays = scan.noise_free(still).arrays
    true = np.sin(np.pi * (times / 3.0 + 0.25)) ** 4
    np.testing.assert_allclose(arrays["motion_amplitude"], true, atol=1e-4)
    np.testing.assert_allclose(arrays["motion_front_mm"][:, 2], -breath.depth_mm * true, atol=1e-3)
    assert not any(
        name.startswith("motion") for name in SCANNER.build(small_protocol(**PLANE)).noise_free(still).arrays
    )


def test_what_cannot_be_followed_is_refused():
    body, motion = phantom(PLATE, labels(PLATE)), jerk((1.0, 0.0, 0.0))
    with pytest.raises(ScannerError, match="signal"):
        kspace(body, motion, engine="bloch")
    scan = SCANNER.build(small_protocol(**PLANE, motion=motion))
    with pytest.raises(ScannerError, match="lies still"):
        scan.expected_of(np.zeros(PLATE.shape, np.float32), PLATE, (0.0, 0.0, 0.0))
    with pytest.raises(ScannerError, match="nothing breathes"):
        kspace(dataclasses.replace(body, label=np.zeros_like(body.label)), Breathing())
    with pytest.raises(ScannerError, match="fold"):
        kspace(body, Breathing(depth_mm=50.0, reach_mm=60.0))
