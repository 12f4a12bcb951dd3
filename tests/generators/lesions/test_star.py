import math

import jax
import numpy as np
import pytest

from phantomsim.generators.lesions.star import REACH_SD, _coefficients, _harmonics, star
from phantomsim.generators.lesions.voxels import ball_radius_mm, box_shape, fractions


def test_star_has_unit_volume_by_monte_carlo():
    """Points thrown into a cube: no quadrature, no spherical harmonics."""
    shape = star(jax.random.key(4), 0.25, 2.0)
    points = np.random.default_rng(0).uniform(-2, 2, (400_000, 3))
    volume = 64 * (shape.size(points) < 1).mean()
    assert volume == pytest.approx(4 / 3 * math.pi, rel=0.02)


def test_harmonics_are_orthonormal():
    """Sums over 200,000 even directions, a Fibonacci lattice: neither Gauss' nodes nor the cube's."""
    ways, (theta, phi) = even_directions(200_000)
    values = _harmonics(theta, phi)
    assert np.allclose(4 * np.pi * values.T @ values / len(ways), np.eye(values.shape[1]), atol=2e-3)
    assert np.abs(values.mean(axis=0)).max() < 1e-4


@pytest.mark.parametrize(("irregularity", "smoothness"), [(0.12, 2.5), (0.3, 2.0)])
def test_the_faces_of_the_cube_hold_the_field(irregularity, smoothness):
    """Radius by interpolation on the faces against the exponential of the sum of harmonics, everywhere."""
    ways, angles = even_directions(50_000)
    key = jax.random.key(7)
    log = _harmonics(*angles) @ _coefficients(key, irregularity, smoothness)
    found = -np.log(star(key, irregularity, smoothness).size(ways))
    assert np.ptp(found - log) < 0.1 * irregularity  # but for a factor, which is the volume's
    assert np.std(found - log) < 0.01 * irregularity


def test_slope_bounds_how_fast_sizes_change():
    """Differences over .05 mm in random directions; the bound is not above twice what is found."""
    rng = np.random.default_rng(1)
    shape = star(jax.random.key(5), 0.25, 2.5)
    points = 8.0 * rng.normal(size=(100_000, 3))
    step = rng.normal(size=points.shape)
    step *= 0.05 / np.linalg.norm(step, axis=1, keepdims=True)
    steepest = np.abs(shape.size(points + step).astype(float) - shape.size(points)).max() / 0.05
    assert 0.5 * shape.slope < steepest < 1.01 * shape.slope


def even_directions(count):
    """Unit vectors (x, y, z), and their angles from z and about it."""
    i = np.arange(count) + 0.5
    z, phi = 1 - 2 * i / count, math.pi * (1 + 5**0.5) * i
    flat = np.sqrt(1 - z * z)
    return np.stack([flat * np.cos(phi), flat * np.sin(phi), z], -1), (np.arccos(z), phi)


@pytest.mark.parametrize(
    ("volume", "spacing"), [(0.005, (1, 1, 1)), (0.02, (3, 1, 1)), (2.0, (2, 2, 2)), (0.3, (0.5, 0.5, 0.5))]
)
@pytest.mark.parametrize("irregularity", [0.0, 0.3])
def test_volume_is_exact_and_the_box_holds_it(volume, spacing, irregularity):
    shape = star(jax.random.key(2), irregularity, 3.0)
    box = box_shape(volume, math.exp(REACH_SD * irregularity), spacing)
    f = fractions(shape, volume, np.asarray(box) // 2 + np.array([0.4, -0.5, 0.2]), spacing, box)
    assert f.sum(dtype=float) * math.prod(spacing) / 1000 == pytest.approx(volume, rel=1e-3)
    assert f.min() >= 0
    assert f.max() <= 1
    core = np.zeros(box, bool)
    core[1:-1, 1:-1, 1:-1] = True
    assert (f[~core] == 0).all()


def test_ball_fractions_match_brute_force():
    """30 samples an edge, inside or not."""
    f = fractions(star(jax.random.key(0), 0.0, 3.0), 0.3, np.array([6.3, 6.0, 5.8]), (1, 1, 1), (13, 13, 13))
    fine = (np.arange(13 * 30) + 0.5) / 30 - 0.5
    z, y, x = np.ix_(fine - 6.3, fine - 6.0, fine - 5.8)
    inside = (z**2 + y**2 + x**2 < ball_radius_mm(0.3) ** 2).reshape(13, 30, 13, 30, 13, 30)
    assert np.abs(f - inside.mean(axis=(1, 3, 5))).max() < 0.02


def test_one_key_is_one_shape_at_any_resolution():
    shape = star(jax.random.key(9), 0.3, 2.0)
    fine = fractions(shape, 1.0, np.array([23.5, 23.5, 23.5]), (0.5,) * 3, (48, 48, 48))
    coarse = fractions(shape, 1.0, np.array([11.5, 11.5, 11.5]), (1.0,) * 3, (24, 24, 24))
    pooled = fine.reshape(24, 2, 24, 2, 24, 2).mean(axis=(1, 3, 5))
    assert np.abs(pooled - coarse).sum() < 0.03 * coarse.sum()
