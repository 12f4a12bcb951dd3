"""The whole chain: place, scale, noise, cost."""

import jax
import numpy as np
import pytest
from pydantic import ValidationError

from phantomsim.errors import GridError, ScannerError
from phantomsim.grid import Grid
from phantomsim.scanners.mr import sampling
from phantomsim.scanners.mr.laws import PLAIN, ellipsoid, small_protocol, small_scanner
from phantomsim.scanners.mr.spec import MRReconstruction

RSS = MRReconstruction(method="fft")
# One grid for most tests, for what is of its shape is compiled once. 200 mm wide, 18 mm high.
GRID = Grid.centred((6, 100, 100), (3.0, 2.0, 2.0))
CENTRE = (0.0, 0.0, 0.0)
TURNED = ((-1.0, 0.0, 0.0), (0.0, 0.8, -0.6), (0.0, 0.6, 0.8))


def image_of(magnetisation, grid=GRID, isocentre=CENTRE, reconstruction=PLAIN, **protocol):
    scan = small_scanner().build(small_protocol(**protocol))
    return scan.reconstruct(scan.noise_free(scan.expected_of(magnetisation, grid, isocentre)), reconstruction)


@pytest.mark.parametrize("phase_axis", [pytest.param("y", marks=pytest.mark.slow), "x"])
@pytest.mark.parametrize("acceleration", [1, 3])
def test_an_insert_appears_where_it_is(phase_axis, acceleration):
    """On an anisotropic, non-cubic, turned grid, off the isocentre, whatever axis is phase encoded."""
    grid = Grid((22, 50, 36), (3.0, 2.0, 2.5), (30.0, -40.0, 12.0), TURNED)
    m = np.zeros(grid.shape, np.float32)
    m[12:15, 30:35, 7:11] = 1.0
    want = grid.world([13.0, 32.0, 8.5])
    isocentre = grid.world([12.0, 26.0, 15.0])
    image = image_of(
        m, grid, isocentre, phase_axis=phase_axis, acceleration=acceleration, slices=7, slice_mm=4.0, gap_mm=1.0,
        fov_mm=(120.0, 108.0), matrix=(48, 36), offset_mm=(4.0, -3.0, 1.0),
    )  # fmt: skip
    values = np.asarray(image.values)
    bright = np.argwhere(values > 0.3)
    weights = values[tuple(bright.T)]
    centre = image.grid.world((bright * weights[:, None]).sum(0) / weights.sum())
    assert np.linalg.norm(centre - want) < 0.8
    np.testing.assert_allclose(image.grid.direction, TURNED, atol=1e-6)


@pytest.mark.parametrize(("method", "acceleration"), [("sense", 1), ("sense", 2), ("fft", 1)])
def test_the_image_is_magnetisation_relative_to_water(method, acceleration):
    m = 0.37 * ellipsoid(GRID, (100.0, 70.0, 60.0), sub=2)
    image = image_of(m, acceleration=acceleration, reconstruction=MRReconstruction(method=method, window="hann"))
    centre = np.asarray(image.values)[:, 24:40, 24:40]
    np.testing.assert_allclose(centre, 0.37, rtol=0.02)
    assert centre.mean() == pytest.approx(0.37, rel=2e-3)


def test_what_lies_beyond_the_phase_field_of_view_folds_in():
    m = np.zeros(GRID.shape, np.float32)
    m[:, 48:52, 88:92] = 1.0  # 80 mm to the right: 16 mm beyond the edge of a 128 mm field of view, so it folds to -48
    seen = {
        axis: np.asarray(image_of(m, reconstruction=RSS, fov_mm=(128.0, 128.0), phase_axis=axis).values)[0, 32]
        for axis in ("x", "y")
    }
    bright = np.flatnonzero(seen["x"] > 0.5 * seen["x"].max())
    assert abs(bright.mean() * 2 - 63 - (80 - 128)) <= 2
    assert seen["x"].max() > 0.2
    assert seen["y"].max() < 0.05 * seen["x"].max()  # along the readout the receiver's filter removes it


def test_noise_of_the_raw_data_has_the_stated_covariance():
    scan = small_scanner().build(small_protocol())
    expected = scan.expected_of(np.zeros(GRID.shape, np.float32), GRID, CENTRE)
    noise = np.asarray(scan.acquire(expected, jax.random.key(7)).arrays["kspace"]).reshape(8, -1)
    found = noise @ noise.conj().T / noise.shape[1]
    scale = scan.covariance_uV2[0, 0]
    np.testing.assert_allclose(found / scale, scan.covariance_uV2 / scale, atol=0.06)


def test_predicted_noise_is_that_of_many_images():
    scan = small_scanner().build(small_protocol(acceleration=2, phase_axis="y"))
    expected = scan.expected_of(np.full(GRID.shape, 100.0, np.float32), GRID, CENTRE)
    keys = jax.random.split(jax.random.key(8), 40)
    raws = [scan.acquire(expected, key) for key in keys]
    images = np.stack([image.values for image in scan.reconstruct_all(raws, PLAIN)])
    ratio = images.std(0, ddof=1) / scan.noise_sd(PLAIN)
    inside = ratio[:, 16:48, 16:48]
    assert inside.mean() == pytest.approx(1.0, abs=0.02)


def test_acceleration_saves_lines_and_calibration_costs_them():
    assert len(sampling.measured(small_protocol())) == 64
    assert len(sampling.measured(small_protocol(acceleration=4))) == 16
    lines = sampling.measured(small_protocol(acceleration=4, calibration_lines=12))
    assert len(lines) == 16 + 12 - 3
    assert 32 in lines


def test_calibration_lines_do_not_change_the_unfolded_image():
    m = ellipsoid(GRID, (100.0, 70.0, 60.0), sub=2)
    plain, more = (image_of(m, acceleration=2, calibration_lines=n).values for n in (0, 8))
    np.testing.assert_allclose(plain, more, atol=1e-5)


def test_scan_time_is_TR_times_lines_and_dummies_times_averages_times_groups():
    p = small_protocol(TR_ms=500.0, TE_ms=5.0, averages=3, acceleration=2, slices=12, dummies=4)
    assert small_scanner().build(p).dose() == {"scan_time_s": pytest.approx(0.5 * (32 + 4) * 3)}
    short = small_protocol(TR_ms=20.0, TE_ms=5.0, slices=12, dummies=0)  # two slices at a time
    assert small_scanner().build(short).dose()["scan_time_s"] == pytest.approx(0.02 * 64 * 6)


@pytest.mark.parametrize(
    ("change", "same_kspace", "same_image"),
    [
        ({"averages": 4}, True, True),
        ({"bandwidth_Hz": 5e4}, False, False),
        ({"acceleration": 2}, True, False),
        ({"calibration_lines": 8}, True, False),
        ({"TE_ms": 6.0}, False, False),
        ({"slice_mm": 4.0}, False, False),
        ({"phase_axis": "y"}, False, False),
        ({"offset_mm": (0, 0, 1)}, False, False),
    ],
)
def test_scans_share_what_does_not_change(change, same_kspace, same_image):
    base, other = (small_scanner().build(small_protocol(**changes)) for changes in ({}, change))
    assert (base.expected_id == other.expected_id) == same_kspace
    assert (base.noise_free_id == other.noise_free_id) == same_image


def test_an_accelerated_scan_measures_every_so_many_of_the_same_lines():
    m = ellipsoid(GRID, (100.0, 70.0, 60.0), sub=2)
    full, fast = (small_scanner().build(small_protocol(acceleration=r)) for r in (1, 4))
    one, four = (scan.expected_of(m, GRID, CENTRE) for scan in (full, fast))
    assert np.asarray(one.kspace).tobytes() == np.asarray(four.kspace).tobytes()
    all_lines, lines = (scan.noise_free(one).arrays for scan in (full, fast))
    kept = np.isin(all_lines["line"], lines["line"])
    assert kept.sum() == len(lines["line"]) == 2 * 16
    np.testing.assert_array_equal(all_lines["kspace"][:, kept], lines["kspace"])
    np.testing.assert_array_equal(all_lines["slice"][kept], lines["slice"])
    noisy = fast.acquire(one, jax.random.key(3)).arrays["kspace"]
    sd = np.sqrt(fast.covariance_uV2[0, 0])
    assert np.sqrt(np.mean(np.abs(noisy - lines["kspace"])[0] ** 2)) == pytest.approx(sd, rel=0.03)


@pytest.mark.parametrize(("offset_mm", "inside", "outside"), [(10.0, 0, 1), (-10.0, 1, 0)])
def test_slices_outside_the_phantom_are_empty(offset_mm, inside, outside):
    """Slices at 0 and 20 mm, or -20 and 0 mm; the phantom ends at 9 mm."""
    ones = np.ones(GRID.shape, np.float32)
    values = np.asarray(image_of(ones, gap_mm=15.0, offset_mm=(0.0, 0.0, offset_mm)).values)
    assert np.abs(values[outside]).max() < 1e-6
    assert values[inside, 32, 32] == pytest.approx(1.0, abs=0.05)


def test_more_acceleration_than_coils_is_refused():
    with pytest.raises(ScannerError, match="8 coils"):
        small_scanner().build(small_protocol(acceleration=16))


def test_magnetisation_off_the_grid_is_refused():
    scan = small_scanner().build(small_protocol())
    with pytest.raises(GridError, match="magnetisation"):
        scan.expected_of(np.zeros((2, 3, 4), np.float32), Grid.centred((2, 3, 5), (1.0, 1.0, 1.0)), CENTRE)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"acceleration": 3}, "does not divide the 64"),
        ({"TI_ms": 100.0}, "belongs to inversion-recovery"),
        ({"TR_ms": 5.0}, "must be longer"),
        ({"matrix": (63, 64)}, "multiple of 2"),
        ({"calibration_lines": 65}, "64 lines"),
        ({"bandwidth": 1.0}, "Extra inputs"),
    ],
)
def test_impossible_protocols_are_refused(change, message):
    with pytest.raises(ValidationError, match=message):
        small_protocol(**change)
