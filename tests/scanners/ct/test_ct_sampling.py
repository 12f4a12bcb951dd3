"""Focal spot and rotation as several geometries."""

import numpy as np
import pytest

from phantomsim.errors import ScannerError
from phantomsim.scanners.ct import sampling
from phantomsim.scanners.ct.geometry import Geometry
from phantomsim.scanners.ct.orbits import helical, parallel, third_generation
from phantomsim.scanners.ct.spec import FocalSpot

CURVED = third_generation(550.0, 950.0, 90, 31, 4, 10.0, 2.0, 0.25)
SPOT = FocalSpot(width_mm=1.0, length_mm=0.8)


def test_weights_sum_to_one_and_points_have_the_spots_size():
    seen = sampling.samples(CURVED, SPOT, 7.0, (3, 2), 2)
    assert len(seen) == 12
    assert sum(w for _, w in seen) == pytest.approx(1)
    across = CURVED.along_mm[0] / np.linalg.norm(CURVED.along_mm[0])
    for axis, size in ((across, 1.0), (np.array([0, 0, 1.0]), 0.8)):
        still = sampling.samples(CURVED, SPOT, 7.0, (3, 2))
        moved = np.array([(g.source_mm[0] - CURVED.source_mm[0]) @ axis for g, _ in still])
        weight = np.array([w for _, w in still])
        assert weight @ moved == pytest.approx(0, abs=1e-12)
        assert weight @ moved**2 == pytest.approx(size**2 / 12)


def test_the_detector_stays_where_it_is():
    for geometry, _ in sampling.samples(CURVED, SPOT, 7.0, (2, 2)):
        np.testing.assert_allclose(geometry.cells(), CURVED.cells(), atol=1e-9)
        np.testing.assert_allclose(geometry.subset(slice(3, 5)).cells(), CURVED.cells()[3:5], atol=1e-9)


def test_the_spot_looks_short_from_the_anodes_side_and_long_from_the_other():
    seen = [g for g, _ in sampling.samples(CURVED, FocalSpot(length_mm=1.0), 7.0, (1, 2))]
    ends = np.stack([g.source_mm[0] - CURVED.source_mm[0] for g in seen])
    ahead = -CURVED.source_mm[0] / 550.0
    for cone, wanted in ((0.0, 1.0), (0.5, 0.5), (-0.5, 1.5)):  # in parts of the anode's angle
        slope = cone * np.tan(np.deg2rad(7.0))
        apparent = (ends[1] - ends[0]) @ (np.array([0, 0, 1.0]) - slope * ahead)
        assert apparent == pytest.approx(wanted / np.sqrt(3), rel=1e-9)


def test_turning_within_a_view_is_a_helix_of_finer_views():
    coarse, fine = (helical(550.0, 950.0, n, 2, 30.0, 9, 4, 10.0, 2.0) for n in (40, 160))
    later = sampling.rotated(coarse, 0.25)
    # Both start at angle 0; z is counted from the middle of the helix, 3/8 of a coarse view further in the fine one.
    lift = np.array([0, 0, fine.source_mm[0, 2] - coarse.source_mm[0, 2]])
    np.testing.assert_allclose(later.source_mm + lift, fine.source_mm[1::4], atol=1e-9)
    np.testing.assert_allclose(later.cells() + lift, fine.cells()[1::4], atol=1e-9)
    np.testing.assert_allclose(later.angles, fine.angles[1::4])


def test_parallel_beams_have_no_spot_but_turn():
    geometry = parallel(60, 11, 1.0)
    assert len(sampling.samples(geometry, FocalSpot(), 7.0, (3, 3))) == 1
    np.testing.assert_allclose(sampling.rotated(geometry, 1.0).source_mm[:-1], geometry.source_mm[1:], atol=1e-12)


def test_a_geometry_without_an_axis_cannot_turn():
    bare = Geometry(CURVED.source_mm, CURVED.centre_mm, CURVED.along_mm, CURVED.up_mm, 31, 4)
    with pytest.raises(ScannerError, match="rotation_samples"):
        sampling.samples(bare, FocalSpot(), 7.0, (1, 1), 2)
