"""What cannot be scanned is told before any work: where, what, what is allowed and what to do."""

import dataclasses
from typing import Any

import jax
import numpy as np
import pytest

from phantomsim.errors import PhantomsimError, ScannerError
from phantomsim.grid import Grid
from phantomsim.phantom import Overlay, Phantom
from phantomsim.scanners.ct.spec import CTReconstruction, CTScanner
from phantomsim.trials.scan import make_arm

ORIGIN = (0.0, 0.0, 0.0)
SHAPE = (6, 24, 24)


def patient(density: Any = 1.0, fraction: float = 0.5, radius_mm: float = 50.0, pixel_mm: float = 5.0) -> Phantom:
    grid = Grid.centred(SHAPE, (4.0, pixel_mm, pixel_mm))
    _, y, x = grid.axes_mm()
    label = np.broadcast_to(np.hypot(x, y[:, None]) < radius_mm, SHAPE).astype(np.uint8)
    bone = Overlay(2, np.full((2, 3, 3), fraction, np.float32), (2, 8, 9))
    return Phantom(grid, label, density, (bone,), (), ("air", "water", "bone-cortical"))


def with_voxel(value: float) -> np.ndarray:
    density = np.ones(SHAPE, np.float32)
    density[3, 4, 5] = value
    return density


@pytest.fixture(scope="module")
def scan(scanner, protocol):
    return scanner.build(protocol.model_copy(update={"views": 32, "binned_columns": 2}))


@pytest.mark.parametrize(
    ("phantom", "message"),
    [
        (
            patient(with_voxel(-0.5)),
            r"phantom.density is -0.5 at voxel \(z, y, x\) = \(3, 4, 5\); must be",
        ),
        (patient(with_voxel(np.nan)), r"phantom.density is nan at voxel .*must be finite"),
        (patient(with_voxel(np.inf)), r"phantom.density is inf at voxel .*must be finite"),
        (patient(-1.0), r"phantom.density is -1; must be finite, at least 0 and at most 100 .*Mend"),
        (patient(with_voxel(1e6)), r"phantom.density is 1e\+06 at voxel .*at most 100"),
        (patient(fraction=1.5), r'fraction of "bone-cortical" in the box at \(2, 8, 9\) is 1.5 .*must be from 0 to 1'),
        (patient(fraction=np.nan), r'fraction of "bone-cortical" .* is nan .*must be from 0 to 1'),
        (dataclasses.replace(patient(), tissues=("air",)), r"phantom.label is 1 at voxel .*must be below 1"),
    ],
)
def test_numbers_that_no_patient_has(scan, phantom, message):
    with pytest.raises(ScannerError, match=message):
        scan.expected(phantom, ORIGIN)


def test_an_isocentre_that_is_no_point(scan):
    with pytest.raises(ScannerError, match=r"isocentre_mm is \[0.0, nan, 0.0\]; must be three finite"):
        scan.expected(patient(), (0.0, float("nan"), 0.0))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"source_to_isocentre_mm": 949.0}, r"source_to_isocentre_mm is 949; must be below source_to_detector_mm"),
        ({"column_mm": 10.0}, r"fan of 181 degrees; must be below 180"),
        ({"row_mm": 500.0}, r"a cone above 90 degrees"),
        ({"column_offset": 150.0}, r"column_offset is 150 .*must be below 150"),
    ],
)
def test_impossible_geometry(scanner, protocol, change, message):
    with pytest.raises(ScannerError, match=message):
        scanner.model_copy(update=change).build(protocol)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"views": 10**9}, r"1e\+09 views of 4 x .*GiB; this machine has .*fewer views"),
        ({"path": "helical", "turns": 1e7}, r"2.4e\+09 views of .*GiB"),
        ({"binned_columns": 301}, r"binned_columns is 301; the detector has 300 columns"),
    ],
)
def test_requests_too_large_are_estimated_not_tried(scanner, protocol, change, message):
    with pytest.raises(ScannerError, match=message):
        scanner.build(protocol.model_copy(update=change))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"matrix": 10**6}, r"2 slices of 1000000 x 1000000 pixels needs .*GiB; this machine has .*Lower"),
        ({"method": "tv", "matrix": 10**9}, r"needs more than a million GiB"),
        ({"offset_mm": (300.0, 0.0, 0.0)}, r"lies outside the scan field of 26\d mm. Move it"),
    ],
)
def test_images_that_cannot_be(scan, reconstruction, change, message):
    with pytest.raises(ScannerError, match=message):
        scan.check(reconstruction.model_copy(update=change))


def test_a_beam_without_photons(scanner: CTScanner, protocol):
    dark = scanner.model_copy(update={"filtration": {"al_mm": 1000.0}}).build(protocol.model_copy(update={"views": 32}))
    expected = dark.expected(patient(), ORIGIN)
    with pytest.raises(ScannerError, match=r"brightest cell reads .* photons a view at 120 kVp; need 1 or more"):
        dark.acquire(expected, jax.random.key(0))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("protocol.mAs=0", "protocol.mAs=0: is 0; must be a number, at least 0.001, at most 100000"),
        ("protocol.kVp=30", "protocol.kVp=30: is 30; must be a number, at least 40, at most 150"),
        ("protocol.kVp=151", "protocol.kVp=151: is 151; must be a number, at least 40, at most 150"),
        ("protocol.second_kVp=160", "is 160; must be a number, at least 40, at most 150"),
        ("reconstruction.kernel=crisp", 'is "crisp"; must be one of "smooth", "standard", "sharp", "ramp"'),
    ],
)
def test_values_outside_their_range_are_told_with_the_range(change, message):
    with pytest.raises(PhantomsimError) as told:
        make_arm("ct-64", "quick", None, [change])
    assert message in str(told.value)


def test_a_patient_wider_than_the_field_is_modelled_and_said(scanner, protocol):
    """Filtered backprojection of truncated projections is too bright at the field's edge (Ohnesorge 2000)."""
    wide = patient(radius_mm=110.0, pixel_mm=10.0)
    narrow = protocol.model_copy(update={"views": 120, "field_mm": 150.0, "truncation": "allow"})
    wanted = CTReconstruction(kernel="smooth", fov_mm=150.0, matrix=32, slices=1, slice_mm=4.0)
    scan = scanner.build(narrow)
    expected = scan.expected(wide, ORIGIN)
    image = np.asarray(scan.reconstruct(scan.noise_free(expected), wanted).values)[0]
    assert scan.dose(expected)["truncated_mm"] == pytest.approx(2 * np.sqrt(110.0**2 - 75.0**2), rel=0.1)
    assert image[16, 2:4].mean() > image[16, 14:18].mean() + 200
