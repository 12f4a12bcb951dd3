"""The NUFFT against direct sums, its adjoint, its derivatives and finufft."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import i0

from phantomsim.errors import ScannerError
from phantomsim.scanners.mr import nufft
from phantomsim.scanners.mr.laws.nufft import complex_normal, direct
from phantomsim.scanners.mr.nufft import Kernel, gridding


def apart(found, want):
    return float(np.linalg.norm(np.asarray(found) - want) / np.linalg.norm(want))


def direct_jax(image, points):
    waves = [
        jnp.exp(-2j * np.pi * jnp.outer(k, np.arange(n) - (n - 1) / 2)) for k, n in zip(points.T, image.shape[-2:])
    ]
    return jnp.einsum("...yx,my,mx->...m", image, *waves, precision="highest")


@pytest.mark.parametrize("shape", [(37,), (2, 64), (24, 1), (5, 7, 6)])
def test_transform_is_the_direct_sum_and_has_its_adjoint(shape):
    rng = np.random.default_rng(len(shape))
    axes = {(2, 64): 1}.get(shape, len(shape))
    image = complex_normal(rng, *shape) if axes == 1 else complex_normal(rng, 3, *shape)
    points = rng.uniform(-1.4, 1.7, (150, axes)).astype(np.float32)
    plan = nufft.plan(points, shape[-axes:])
    found = plan.to_points(jnp.asarray(image))
    assert apart(found, direct(image, points)) < 1e-4
    values = complex_normal(rng, *found.shape)
    left, right = np.vdot(values, found), np.vdot(plan.to_image(jnp.asarray(values)), image)
    assert abs(left - right) < 1e-6 * np.linalg.norm(values) * np.linalg.norm(found)


@pytest.mark.parametrize(("tolerance", "count"), [(1e-4, 30), (1e-5, 30), (1e-6, 31)])
def test_error_stays_below_its_tolerance_at_the_edges_of_the_image(tolerance, count):
    rng = np.random.default_rng(0)
    points = rng.uniform(-0.5, 0.5, (100, 1)).astype(np.float32)
    image = complex_normal(rng, count)
    assert apart(nufft.to_points(image, points, Kernel.within(tolerance)), direct(image, points)) < tolerance


@pytest.mark.parametrize("kernel", [Kernel(6, 1.5), Kernel(9, 1.5), Kernel(4, 2.0)])
def test_kernel_is_kaiser_bessel_and_its_transform_is_its_integral(kernel):
    x = np.linspace(-kernel.width / 2, kernel.width / 2, 20001)
    want = i0(kernel.beta * np.sqrt(np.maximum(1 - (2 * x / kernel.width) ** 2, 0))) / i0(kernel.beta)
    got = np.asarray(kernel.weights(jnp.asarray(x, jnp.float32)))
    np.testing.assert_allclose(got[1:-1], want[1:-1], atol=5e-7)
    pixels = (np.arange(40) - 20) / kernel.cells(40)
    integral = np.trapezoid(want * np.cos(2 * np.pi * np.outer(pixels, x)), x, axis=1)
    np.testing.assert_allclose(kernel.attenuation(40), integral, rtol=1e-4)


def test_points_of_an_odd_grid_wrap_after_one_cycle_and_of_an_even_one_after_two():
    rng = np.random.default_rng(4)
    points = jnp.asarray(rng.integers(-512, 512, (64, 1)) / 1024, jnp.float32)
    for count, sign in ((31, 1), (32, -1)):
        image = jnp.asarray(complex_normal(rng, count))
        np.testing.assert_allclose(
            nufft.to_points(image, points + 1), sign * nufft.to_points(image, points), atol=1e-4 * count
        )


def test_crowded_points_add_up():
    values = jnp.ones(1000, jnp.complex64)
    points = np.full((1000, 2), 0.123, np.float32)
    one = nufft.plan(points[:1], (16, 16)).to_image(values[:1])
    assert apart(nufft.plan(points, (16, 16)).to_image(values), 1000 * np.asarray(one)) < 1e-5


@pytest.mark.slow
def test_derivatives_are_those_of_the_direct_sum():
    rng = np.random.default_rng(6)
    image, target = jnp.asarray(complex_normal(rng, 12, 17)), jnp.asarray(complex_normal(rng, 40))
    points = jnp.asarray(rng.uniform(-0.5, 0.5, (40, 2)), jnp.float32)

    def misfit(transform):
        return lambda image, points: jnp.sum(jnp.abs(transform(image, points) - target) ** 2 * jnp.arange(40))

    got, want = (jax.grad(misfit(f), (0, 1))(image, points) for f in (nufft.to_points, direct_jax))
    for a, b in zip(got, want):
        assert apart(a, np.asarray(b)) < 3e-4
    back = jax.grad(lambda k: jnp.sum(jnp.abs(nufft.to_image(target, k, (12, 17)) - image) ** 2))(points)

    def backprojected(k):
        _, transpose = jax.vjp(lambda x: direct_jax(x, k), image)
        return jnp.sum(jnp.abs(jnp.conj(transpose(jnp.conj(target))[0]) - image) ** 2)

    assert apart(back, np.asarray(jax.grad(backprojected)(points))) < 3e-4


@pytest.mark.slow
def test_second_derivatives_mix_image_and_points():
    rng = np.random.default_rng(7)
    image = jnp.asarray(complex_normal(rng, 8, 9))
    points = jnp.asarray(rng.uniform(-0.5, 0.5, (5, 2)), jnp.float32)

    def slope(transform):
        gradient = jax.grad(lambda s, k: jnp.sum(jnp.abs(transform(s * image, k)) ** 2))
        return jax.jacfwd(gradient, argnums=1)(jnp.float32(1.3), points)

    assert apart(slope(nufft.to_points), np.asarray(slope(direct_jax))) < 1e-3


def test_every_trajectory_of_a_batch_is_its_own():
    rng = np.random.default_rng(8)
    image = jnp.asarray(complex_normal(rng, 2, 8, 9))
    points = jnp.asarray(rng.uniform(-0.5, 0.5, (2, 20, 2)), jnp.float32)
    assert apart(jax.vmap(nufft.to_points)(image, points), np.asarray(jax.vmap(direct_jax)(image, points))) < 1e-4


def test_toeplitz_operator_is_forward_then_weighted_adjoint():
    rng, shape = np.random.default_rng(9), (8, 11)
    points, weights = rng.uniform(-0.5, 0.5, (60, len(shape))).astype(np.float32), rng.uniform(0, 1, 60)
    image, kernel = jnp.asarray(complex_normal(rng, 2, *shape)), Kernel.within(1e-6)
    plan = nufft.plan(points, shape, kernel)
    want = plan.to_image(weights.astype(np.float32) * plan.to_points(image))
    assert apart(nufft.toeplitz(points, shape, weights, kernel)(image), np.asarray(want)) < 1e-5


@pytest.mark.parametrize("axes", [1, 2, pytest.param(3, marks=pytest.mark.slow)])
def test_blocks_give_the_same_alone_as_together(axes):
    """A GPU takes many blocks at once, a CPU one; the last group overlaps the one before."""
    rng = np.random.default_rng(axes)
    blocks = nufft.plan(rng.uniform(-0.5, 0.5, (300, axes)).astype(np.float32), (9, 14, 6)[:axes]).blocks
    shape = [g + before + after for g, (before, after) in zip(blocks.grid, blocks.margins)]
    grid = jnp.asarray(rng.normal(size=(*shape, 2)), jnp.float32)
    values = jnp.asarray(rng.normal(size=(blocks.order.size, 2)), jnp.float32)
    for together in (5, 512):
        one, many = (gridding._interpolate(grid, blocks, n) for n in (1, together))
        used = int(blocks.used) * blocks.order.shape[1]
        np.testing.assert_allclose(many[:used], one[:used], atol=1e-5)
        one, many = (gridding._spread(values, blocks, n) for n in (1, together))
        np.testing.assert_allclose(many, one, atol=1e-4)


def test_same_programs_serve_like_trajectories():
    rng = np.random.default_rng(10)
    one, two = (nufft.plan(rng.uniform(-0.5, 0.5, (5000, 2)).astype(np.float32), (64, 64)) for _ in range(2))
    assert jax.tree.map(jnp.shape, one) == jax.tree.map(jnp.shape, two)


@pytest.mark.parametrize(
    ("points", "shape", "word"),
    [
        (np.zeros((4, 4)), (8, 8, 8, 8), "one, two or three"),
        (np.zeros(4), (8,), "one, two or three"),
        (np.zeros((4, 2)), (8, 8, 8), "as many"),
        (np.zeros((0, 2)), (8, 8), "at least one"),
        (np.full((4, 2), np.nan), (8, 8), "finite"),
    ],
)
def test_what_is_no_trajectory_is_refused(points, shape, word):
    with pytest.raises(ScannerError, match=word):
        nufft.plan(points.astype(np.float32), shape)


def test_tolerances_beyond_single_precision_are_refused():
    with pytest.raises(ScannerError, match="1e-6"):
        Kernel.within(1e-9)
    with pytest.raises(ScannerError, match="oversampling"):
        Kernel(6, 1.0)


def test_finufft_agrees():
    finufft = pytest.importorskip("finufft")
    rng = np.random.default_rng(11)
    points, image = rng.uniform(-0.5, 0.5, (500, 2)).astype(np.float32), complex_normal(rng, 31, 31)
    k = 2 * np.pi * points.astype(float)
    want = finufft.nufft2d2(k[:, 0], k[:, 1], image.astype(complex), isign=-1, eps=1e-12)
    assert apart(nufft.to_points(image, points), want) < 1e-4
