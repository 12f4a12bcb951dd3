import numpy as np
import pytest

from phantomsim.errors import ScannerError
from phantomsim.scanners.ct.orbits import third_generation

GEOMETRY = third_generation(541.0, 949.0, 8, 5, 4, 10.0, 5.0)


def test_view_zero_has_the_source_above_the_patient():
    np.testing.assert_allclose(GEOMETRY.source_mm[0], [0, 541, 0], atol=1e-9)


def test_the_source_turns_from_anterior_to_the_patients_left():
    np.testing.assert_allclose(GEOMETRY.source_mm[2], [-541, 0, 0], atol=1e-9)


def test_central_ray_meets_the_isocentre():
    rays = GEOMETRY
    for source, direction in zip(rays.source_mm, rays.directions[:, 2]):
        np.testing.assert_allclose(source[:2] + 541 * direction, 0, atol=1e-9)


def test_columns_grow_towards_the_right_in_view_zero():
    assert np.all(np.diff(GEOMETRY.directions[0, :, 0]) > 0)


def test_rows_grow_superior_and_are_symmetric():
    slopes = GEOMETRY.row_slopes
    assert np.all(np.diff(slopes) > 0)
    np.testing.assert_allclose(slopes, -slopes[::-1])


def test_collimation_is_the_detectors_height_scaled_to_the_isocentre():
    assert GEOMETRY.collimation_mm == pytest.approx(4 * 5.0 * 541 / 949)


def test_isocentre_beyond_the_detector_is_refused():
    with pytest.raises(ScannerError, match="source to isocentre is 950"):
        third_generation(950.0, 949.0, 8, 5, 4, 10.0, 5.0)
