"""Distances of voxels by other ways than the program's: scipy's Euclidean transform, and balls laid by hand."""

import dataclasses

import numpy as np
import pytest
from scipy import ndimage

from phantomsim.generators.lesions import bodies
from phantomsim.generators.lesions.displace import displaced
from phantomsim.generators.lesions.distances import eroded, from_outside_mm
from phantomsim.generators.lesions.flow import Flow, coarse_grid
from phantomsim.generators.lesions.regions import among
from phantomsim.phantom import Overlay


@pytest.fixture
def blob():
    noise = np.random.default_rng(3).normal(size=(31, 24, 43))
    return np.pad(ndimage.gaussian_filter(noise, 2) > -0.03, 1)


@pytest.mark.parametrize("spacing", [(1.8, 1.8, 1.8), (2.5, 0.8, 0.8)])
def test_distance_is_scipys(blob, spacing):
    np.testing.assert_allclose(
        from_outside_mm(blob, spacing), ndimage.distance_transform_edt(blob, spacing), rtol=1e-6, atol=1e-6
    )


@pytest.mark.parametrize("spacing", [(1.8, 1.8, 1.8), (2.5, 0.8, 0.8)])
def test_distance_up_to_a_bound_is_right_below_it_and_no_less_beyond(blob, spacing):
    whole, most = ndimage.distance_transform_edt(blob, spacing), 3.0
    found = from_outside_mm(blob, spacing, most)
    np.testing.assert_allclose(found[whole < most], whole[whole < most], rtol=1e-6, atol=1e-6)
    assert (found[whole >= most] >= most * (1 - 1e-6)).all()
    assert (found < whole - 1e-3).any()


@pytest.mark.parametrize("margin", [1.0, 2.9, 4.1])
def test_margin_is_scipys(blob, margin):
    spacing = (0.9, 1.1, 0.9)
    far = ndimage.distance_transform_edt(np.pad(blob, 1), spacing)[1:-1, 1:-1, 1:-1] >= margin
    np.testing.assert_array_equal(eroded(blob, spacing, margin), far)


def test_labels_are_found_by_runs():
    label = np.random.default_rng(1).integers(0, 256, (9, 8, 7)).astype(np.uint8)
    for wanted in ([0], [255], [0, 1, 2, 9, 255], list(range(256)), list(range(0, 256, 2)), []):
        table = np.zeros(256, bool)
        table[wanted] = True
        np.testing.assert_array_equal(among(label, table), np.isin(label, wanted))


def test_moving_by_a_voxel_moves_tissues_and_their_fractions_by_a_voxel():
    """Under a flow that is the same everywhere; half a voxel on, each voxel is the mean of two."""
    body = bodies.head(6.0)
    fraction = np.random.default_rng(2).uniform(0, 0.4, body.grid.shape).astype(np.float32)
    body = dataclasses.replace(body, overlays=(Overlay(body.tissue_index("air"), fraction, (0, 0, 0)),))
    whole = tuple(slice(0, n) for n in body.grid.shape)
    coarse = coarse_grid(body.grid, whole, 2)
    for step in (1.0, 0.5):
        back = np.zeros((3, *coarse.shape), np.float32)
        back[1] = -6.0 * step
        found = displaced(body, Flow(coarse, back, back, np.ones(coarse.shape, bool)), np.ones(256, bool))
        for tissue in ("air", "csf", "white-matter"):
            before = np.asarray(body.fraction(tissue))
            wanted = (1 - step) * before[:, 1:] + step * before[:, :-1]
            np.testing.assert_allclose(np.asarray(found.fraction(tissue))[:, 1:], wanted, atol=0.02)
