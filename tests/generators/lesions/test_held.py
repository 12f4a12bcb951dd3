"""What is told quickly of many samples, voxels and points, against the plain sum, scipy and numpy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import ndimage

from phantomsim.generators.lesions.boxes import chosen, pooled
from phantomsim.generators.lesions.distances import COARSE_MM, Depth
from phantomsim.generators.lesions.held import Held, holding
from phantomsim.generators.lesions.pieces import PIECES, in_pieces
from phantomsim.generators.lesions.room import in_box, overlay_of
from phantomsim.grid import Grid


@pytest.mark.parametrize("width", [0.05, 3.0])
def test_samples_below_a_size_are_the_plain_sum(width):
    sizes = np.random.default_rng(0).gamma(4.0, 2.0, 5000).astype(np.float32)
    held = Held.of(sizes.reshape(50, 100), width)
    for size in (-5.0, 0.0, 1.7, 8.0, 33.0, 1e3):
        plain = np.clip((size - sizes.astype(float)) / width + 0.5, 0, 1).sum()
        assert held.below(size) == pytest.approx(plain, abs=0.01)
    found = holding(held.below, 1234.5, 0.0, 100.0)
    assert np.clip((found - sizes.astype(float)) / width + 0.5, 0, 1).sum() == pytest.approx(1234.5, abs=0.01)


def test_chosen_voxels_are_numpys():
    rng = np.random.default_rng(1)
    region, lines = rng.random((7, 11, 13)) < 0.2, [rng.normal(size=n) for n in (7, 11, 13)]
    flat, points = chosen(region, lines)
    z, y, x = np.nonzero(region)
    np.testing.assert_array_equal(region.ravel()[flat], True)
    np.testing.assert_allclose(points, np.stack([lines[2][x], lines[1][y], lines[0][z]], -1), rtol=1e-6)


@pytest.mark.parametrize(
    ("shape", "step"), [((8, 9, 10), (2, 3, 5)), ((7, 8, 11), (2, 3, 4)), ((40, 40, 6), (20, 17, 1))]
)
def test_pooled_voxels_are_means(shape, step):
    region = np.random.default_rng(2).random(shape) < 0.6
    padded = np.pad(region, [(0, -n % s) for n, s in zip(shape, step)]).astype(float)
    blocks = padded.reshape([m for n, s in zip(padded.shape, step) for m in (n // s, s)])
    for values in (region, region.astype(np.float32)):
        np.testing.assert_allclose(pooled(values, step), blocks.mean(axis=(1, 3, 5)), rtol=1e-6)


def test_depth_in_a_ball_is_the_way_to_its_surface():
    """Within the coarse voxels on which it is measured; a box of it is what the whole has there."""
    grid = Grid.centred((71, 70, 73), (0.9, 1.0, 0.8))
    z, y, x = np.ix_(*((np.arange(n) - (n - 1) / 2) * d for n, d in zip(grid.shape, grid.spacing_mm)))
    far = np.sqrt(z * z + y * y + x * x)
    depth = Depth.of(far < 25.0, grid)
    whole = depth.within((slice(None),) * 3)
    inside = far < 24.0
    assert np.abs(whole - (25.0 - far))[inside].max() < COARSE_MM
    assert np.abs((whole - (25.0 - far))[inside].mean()) < 0.5
    assert (whole[far > 27.0] < 0).all()
    box = (slice(13, 40), slice(5, 33), slice(30, 31))
    np.testing.assert_array_equal(depth.within(box), whole[box])
    np.testing.assert_array_equal(depth[17], whole[17])


def test_depth_is_scipys_linear_interpolation():
    grid = Grid.centred((20, 24, 28), (1.0, 1.0, 1.0))
    region = ndimage.gaussian_filter(np.random.default_rng(3).normal(size=grid.shape), 3) > -0.02
    coarse = np.pad(pooled(region, (2, 2, 2)) >= 0.5, 1)
    distance = ndimage.distance_transform_edt(coarse, (2.0,) * 3) - 1.0
    places = np.ix_(*((np.arange(n) + 0.5) / 2 + 0.5 for n in grid.shape))
    wanted = ndimage.map_coordinates(distance, np.broadcast_arrays(*places), order=1)
    np.testing.assert_allclose(Depth.of(region, grid).within((slice(None),) * 3), wanted, atol=1e-5)


@pytest.mark.parametrize("count", [0, 1, PIECES[0], PIECES[0] + 1, PIECES[1] + PIECES[0] + 5, 2 * PIECES[1] + 3])
def test_pieces_together_are_all_points(count):
    points = np.random.default_rng(4).normal(size=(count, 1, 3))
    found = in_pieces(jax.jit(lambda p, a: jnp.sum(p, axis=1) * a), points, np.float32(2.0))
    assert found.shape == (count, 1)
    np.testing.assert_allclose(found, 2.0 * points.sum(axis=-1), atol=1e-5)


def test_an_overlay_in_a_wider_box_is_where_it_was():
    fraction = np.random.default_rng(5).random((3, 4, 5)).astype(np.float32)
    wide = in_box(overlay_of(fraction, np.array([7, 8, 9]), 3), np.array([5, 8, 6]), (9, 9, 9))
    assert (wide.start, wide.tissue) == ((5, 8, 6), 3)
    np.testing.assert_array_equal(np.asarray(wide.fraction)[2:5, 0:4, 3:8], fraction)
    assert float(np.asarray(wide.fraction).sum()) == pytest.approx(float(fraction.sum()))
