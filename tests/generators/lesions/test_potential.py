"""The potential against scipy's direct solver and the divergence of its flow; points against scipy's interpolation."""

import numpy as np
import pytest
from scipy import ndimage, sparse

from phantomsim.generators.lesions.pieces import in_pieces
from phantomsim.generators.lesions.potential import MULTIPLE, carried, linear, padded, potential, velocity

SPACING = np.array([4.0, 3.0, 3.5], np.float32)


@pytest.fixture
def region():
    blob = ndimage.gaussian_filter(np.random.default_rng(0).normal(size=(13, 17, 16)), 2) > -0.05
    pieces, _ = ndimage.label(blob)
    return pieces == np.bincount(pieces.ravel())[1:].argmax() + 1


@pytest.fixture
def source(region):
    found = np.random.default_rng(1).normal(size=region.shape) * region
    return (found - found[region].mean()) * region


def flow(region, source, tolerance=1e-5):
    space = padded(region)
    p = potential(space, padded(source), np.zeros_like(space), 1 / SPACING**2, tolerance, 2000)
    cut = tuple(slice(0, n) for n in region.shape)
    return np.asarray(p)[cut], np.asarray(velocity(space, p, 1 / SPACING**2))


def test_potential_is_the_direct_solvers(region, source):
    """But for a constant, which the walls leave open."""
    number = np.cumsum(region.ravel()).reshape(region.shape) - 1
    count = int(region.sum())
    matrix = sparse.lil_matrix((count, count))
    for axis in range(3):
        step = np.eye(3, dtype=int)[axis]
        for at in np.argwhere(region):
            beside = tuple(at + step)
            if all(i < n for i, n in zip(beside, region.shape)) and region[beside]:
                a, b, w = number[tuple(at)], number[beside], 1 / SPACING[axis] ** 2
                matrix[a, a] += w
                matrix[b, b] += w
                matrix[a, b] -= w
                matrix[b, a] -= w
    dense = matrix.toarray()
    wanted = np.linalg.lstsq(dense, source[region], rcond=None)[0]
    found = flow(region, source)[0][region]
    assert np.abs((found - found.mean()) - (wanted - wanted.mean())).max() < 1e-3 * np.abs(wanted).max()


def test_what_flows_out_of_a_voxel_is_its_source_and_nothing_passes_the_wall(region, source):
    faces = flow(region, source)[1]
    out = sum(np.diff(f, axis=axis, append=0.0) for axis, f in enumerate(faces))
    cut = tuple(slice(0, n) for n in region.shape)
    np.testing.assert_allclose(out[cut], source, atol=1e-3)
    for axis, f in enumerate(faces):
        wall = padded(region) != np.roll(padded(region), 1, axis)
        assert not f[wall].any()


def test_interpolation_is_scipys_to_the_edge_and_beyond(region):
    values = np.random.default_rng(2).normal(size=region.shape).astype(np.float32)
    points = np.random.default_rng(3).uniform(-3, 20, (500, 3)).astype(np.float32)
    last = np.array(values.shape, np.float32) - 1
    wanted = ndimage.map_coordinates(values, points.T, order=1, mode="nearest")
    np.testing.assert_allclose(in_pieces(linear, points, padded(values), last), wanted, atol=1e-5)


def test_points_go_round_in_a_turning_flow():
    """A vortex whose speed grows with the distance from its axis: .2 radians, which two midpoint steps nearly keep."""
    n, turn = 41, 0.2
    z, y, x = np.meshgrid(*[np.arange(n) - 20.0] * 3, indexing="ij")
    faces = padded(np.stack([0 * z, -turn * x, turn * y]))
    points = np.random.default_rng(4).uniform(-10, 10, (300, 3)) + 20.0
    found = in_pieces(carried, points, faces, np.full(3, n - 1, np.float32), 1.0, 2) - 20.0
    z, y, x = points.T - 20.0
    c, s = np.cos(turn), np.sin(turn)
    np.testing.assert_allclose(found, np.stack([z, c * y - s * x, s * y + c * x], -1), atol=0.01)


def test_few_shapes():
    for n in (1, MULTIPLE - 1, MULTIPLE, MULTIPLE + 1):
        wide = padded(np.ones((3, n, 2, 5))).shape
        assert wide[0] == 3
        assert wide[1] > n
        assert not wide[1] % MULTIPLE
