import numpy as np
import pytest

from phantomsim.errors import GeneratorError
from phantomsim.generators.resample import isotropic, nearest, signed_distance
from phantomsim.grid import Grid


def ball(grid, radius):
    z, y, x = np.ix_(*grid.axes_mm())
    return (x**2 + y**2 + z**2 < radius**2).astype(np.uint8)


def test_nearest_equals_picking_by_world_points():
    old = Grid((9, 11, 13), (3.0, 2.0, 1.5), (4.0, -2.0, 1.0))
    label = np.random.default_rng(0).integers(0, 5, old.shape).astype(np.uint8)
    new = isotropic(old, 1.13)
    index = np.stack(np.meshgrid(*(np.arange(n) for n in new.shape), indexing="ij"), -1)
    at = np.clip(np.rint(old.index(new.world(index)) - 1e-9).astype(int), 0, np.array(old.shape) - 1)
    assert (nearest(label, old, new) == label[tuple(np.moveaxis(at, -1, 0))]).mean() > 0.999
    assert np.allclose(new.centre_mm, old.centre_mm)


def test_identity_grid_changes_nothing():
    grid = Grid.centred((12, 12, 12), (1.0, 1.0, 1.0))
    label = np.random.default_rng(1).integers(0, 3, grid.shape).astype(np.uint8)
    assert np.array_equal(nearest(label, grid, grid), label)
    assert np.array_equal(signed_distance(label, grid, grid), label)


def test_signed_distance_is_nearer_to_the_ball_than_nearest():
    old = Grid.centred((16, 16, 16), (3.0, 3.0, 3.0))
    new = isotropic(old, 1.0)
    truth = ball(new, 15.0)
    smooth, blocky = (f(ball(old, 15.0), old, new) for f in (signed_distance, nearest))
    assert (smooth != truth).sum() < 0.6 * (blocky != truth).sum()
    assert set(np.unique(smooth)) == {0, 1}


def test_an_absurd_voxel_is_refused():
    with pytest.raises(GeneratorError, match="voxel_mm"):
        isotropic(Grid.centred((256, 256, 256), (1.0, 1.0, 1.0)), 0.01)
