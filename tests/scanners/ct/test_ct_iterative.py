"""Iterative methods on a small scan whose matrix is written out: exact lengths of rays in voxels."""

from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.optimize
import scipy.sparse.linalg

from phantomsim.errors import ScannerError
from phantomsim.scanners.ct import orbits
from phantomsim.scanners.ct.iterative import gradient as differences
from phantomsim.scanners.ct.iterative import penalty as penalties
from phantomsim.scanners.ct.iterative import pwls as pwls_module
from phantomsim.scanners.ct.iterative import tv as tv_module
from phantomsim.scanners.ct.iterative.cgls import cgls
from phantomsim.scanners.ct.iterative.os_sirt import os_sirt
from phantomsim.scanners.ct.iterative.penalty import Penalty
from phantomsim.scanners.ct.iterative.pwls import pwls
from phantomsim.scanners.ct.iterative.sart import sart
from phantomsim.scanners.ct.iterative.system import System, split, spread, system
from phantomsim.scanners.ct.iterative.tv import tv
from phantomsim.scanners.ct.iterative.weights import inverse_variance

SIZE, VIEWS, COLUMNS = 8, 12, 14
SHAPE = (1, 1, SIZE, SIZE)


@partial(jax.tree_util.register_dataclass, data_fields=["matrix"], meta_fields=["image", "data"])
@dataclass(frozen=True)
class Matrix:
    """A projector as a matrix [view, cell, voxel]."""

    matrix: jax.Array
    image: tuple[int, int, int]
    data: tuple[int, int]

    def forward(self, volumes: jax.Array) -> jax.Array:
        flat = volumes.reshape(len(volumes), -1)
        made = jnp.einsum("vrx,kx->kvr", self.matrix, flat, precision="highest")
        return made.reshape(len(volumes), -1, *self.data)

    def adjoint(self, data: jax.Array) -> jax.Array:
        flat = data.reshape(*data.shape[:2], -1)
        back = jnp.einsum("vrx,kvr->kx", self.matrix, flat, precision="highest")
        return back.reshape(len(data), *self.image)


def matrix(views: int, columns: int, size: int, pixel: float = 1.0, column: float = 1.0) -> np.ndarray:
    """Lengths of fan rays in pixels, float64 [view, column, pixel]; Siddon 1985."""
    geometry = orbits.fan(60.0, 100.0, views, columns, column, 0.25)
    ends = geometry.cells()[:, 0]
    found = np.zeros((views, columns, size * size))
    planes = (np.arange(size + 1) - size / 2) * pixel
    for view, cell in np.ndindex(views, columns):
        start, ray = geometry.source_mm[view, :2], ends[view, cell, :2] - geometry.source_mm[view, :2]
        with np.errstate(divide="ignore", invalid="ignore"):
            cuts = np.concatenate([((planes - start[i]) / ray[i]) for i in (0, 1)])
        at = np.unique(np.clip(cuts[np.isfinite(cuts)], 0, 1))
        middle = (start + 0.5 * (at[1:] + at[:-1])[:, None] * ray) / pixel + size / 2
        x, y = np.floor(middle).astype(int).T
        inside = (x >= 0) & (x < size) & (y >= 0) & (y < size)
        length = np.diff(at) * np.linalg.norm(ray)
        np.add.at(found[view, cell], (y * size + x)[inside], length[inside])
    return found


@pytest.fixture(scope="module")
def lengths() -> np.ndarray:
    return matrix(VIEWS, COLUMNS, SIZE)


@pytest.fixture(scope="module")
def truth() -> np.ndarray:
    image = np.zeros((SIZE, SIZE))
    image[1:7, 1:7], image[2:4, 3:6] = 1.0, 1.4
    return image


def operators(lengths: np.ndarray, subsets: int = 1) -> System:
    size = int(np.sqrt(lengths.shape[-1]))

    def one(views: np.ndarray) -> Matrix:
        return Matrix(jnp.asarray(lengths[views], jnp.float32), (1, size, size), (1, lengths.shape[1]))

    return system(one, len(lengths), subsets)


def data_of(lengths: np.ndarray, image: np.ndarray) -> jax.Array:
    return jnp.asarray(lengths @ image.ravel(), jnp.float32)[None, :, None]


def noisy(lengths: np.ndarray, image: np.ndarray) -> tuple[jax.Array, jax.Array]:
    """Data and weights."""
    random = np.random.default_rng(1)
    exact = lengths @ image.ravel()
    sigma = 0.05 * np.exp(0.15 * exact)
    as_data = lambda a: jnp.asarray(a, jnp.float32)[None, :, None]  # noqa: E731
    return as_data(exact + sigma * random.normal(size=exact.shape)), as_data(sigma**-2)


def test_every_view_is_in_one_subset_and_neighbours_are_far_apart():
    chosen, share = split(13, 4)
    assert sorted(chosen[share > 0]) == list(range(13))
    assert share.sum() == 13
    assert spread(8).tolist() == [0, 4, 2, 6, 1, 5, 3, 7]
    with pytest.raises(ScannerError, match="subsets"):
        split(4, 5)


@pytest.mark.parametrize("subsets", [1, 3, 5])
def test_system_is_the_matrix_and_its_transpose(lengths, truth, subsets):
    scan = operators(lengths, subsets)
    image = jnp.asarray(truth, jnp.float32).reshape(SHAPE)
    made = scan.forward(image)
    expected = scan.arrange(data_of(lengths, truth))
    np.testing.assert_allclose(made, expected, rtol=1e-5, atol=1e-4)
    weighted = scan.arrange_weights(None)
    back = np.asarray(scan.adjoint(weighted * made)).ravel()
    flat = lengths.reshape(-1, SIZE * SIZE)
    np.testing.assert_allclose(back, flat.T @ (flat @ truth.ravel()), rtol=1e-4)


@pytest.mark.parametrize("steps", [3, 8])
def test_cgls_takes_the_steps_of_lsqr(lengths, truth, steps):
    data, weights = noisy(lengths, truth)
    image = cgls(data, weights, operators(lengths), jnp.zeros(SHAPE), steps)
    root = np.sqrt(np.asarray(weights, float)).ravel()
    flat = lengths.reshape(-1, SIZE * SIZE) * root[:, None]
    rival = scipy.sparse.linalg.lsqr(flat, np.asarray(data, float).ravel() * root, iter_lim=steps, atol=0, btol=0)[0]
    np.testing.assert_allclose(np.asarray(image).ravel(), rival, atol=1e-3)


def test_cgls_of_two_images_is_each_alone(lengths, truth):
    first, _ = noisy(lengths, truth)
    second = data_of(lengths, truth[::-1])
    scan = operators(lengths, 3)
    both = cgls(jnp.concatenate([first, second]), None, scan, jnp.zeros((2, *SHAPE[1:])), 6)
    for i, alone in enumerate((first, second)):
        np.testing.assert_allclose(both[i], cgls(alone, None, scan, jnp.zeros(SHAPE), 6)[0], atol=2e-5)


@pytest.mark.parametrize(("method", "subsets", "steps"), [(os_sirt, 1, 3000), (os_sirt, 4, 800), (sart, VIEWS, 800)])
def test_simultaneous_methods_reach_the_least_squares_of_consistent_data(lengths, truth, method, subsets, steps):
    scan = operators(lengths, subsets)
    image = method(data_of(lengths, truth), None, scan, jnp.zeros(SHAPE), steps, 1.0)
    exact = np.linalg.lstsq(lengths.reshape(-1, SIZE * SIZE), np.asarray(data_of(lengths, truth)).ravel(), rcond=None)[
        0
    ]
    np.testing.assert_allclose(np.asarray(image).ravel(), exact, atol=0.02)


def test_sirt_reaches_the_least_squares_that_its_row_sums_weigh(lengths, truth):
    data, _ = noisy(lengths, truth)
    image = os_sirt(data, None, operators(lengths), jnp.zeros(SHAPE), 6000, 1.9)
    flat = lengths.reshape(-1, SIZE * SIZE)
    sums = flat.sum(1)
    root = np.where(sums > 0, 1 / np.sqrt(np.maximum(sums, 1e-9)), 0)
    exact = np.linalg.lstsq(flat * root[:, None], np.asarray(data, float).ravel() * root, rcond=None)[0]
    np.testing.assert_allclose(np.asarray(image).ravel(), exact, atol=0.02)


def test_a_view_of_no_weight_counts_for_nothing(lengths, truth):
    data = data_of(lengths, truth)
    weights = jnp.ones_like(data).at[:, 5].set(0)
    spoiled = data.at[:, 5].set(7.0)
    scan = operators(lengths, 4)
    zero = jnp.zeros(SHAPE)
    penalty = Penalty(penalties.pair_weights((1.0, 1.0, 1.0)), jnp.ones((1, 1, 1, 1)), 0.1)
    for run in (
        lambda d: os_sirt(d, weights, scan, zero, 3),
        lambda d: cgls(d, weights, scan, zero, 3),
        lambda d: tv(d, weights, scan, zero, 0.1, 5),
        lambda d: pwls(d, weights, scan, zero, 0.1, penalty, 3),
    ):
        np.testing.assert_allclose(run(spoiled), run(data), atol=1e-6)


def test_differences_and_their_transpose_are_adjoint():
    image = jax.random.normal(jax.random.key(0), (2, 3, 5, 4))
    field = jax.random.normal(jax.random.key(1), (3, 2, 3, 5, 4))
    scale = (0.3, 1.0, 1.1)
    one = jnp.vdot(differences.gradient(image, scale), field)
    other = jnp.vdot(image, differences.transpose(field, scale))
    assert float(one) == pytest.approx(float(other), rel=1e-5)


@pytest.mark.parametrize("name", ["quadratic", "huber", "fair", "qggmrf"])
def test_slope_of_a_potential_is_its_derivative_and_curvature_bounds_it(name):
    t = np.linspace(-3, 3, 61) + 0.013
    step, edge = 1e-3, 0.7
    rise = lambda t: np.asarray(penalties.potential(name, jnp.asarray(t), edge), float)  # noqa: E731
    with jax.enable_x64(True):
        expected = (rise(t + step) - rise(t - step)) / (2 * step)
        measured = np.asarray(penalties.slope(name, jnp.asarray(t), edge))
        np.testing.assert_allclose(measured, expected, atol=1e-3)
        bend = (rise(t + step) + rise(t - step) - 2 * rise(t)) / step**2
        assert bend.max() <= 1 + 1e-3


@pytest.mark.parametrize(
    "name", ["quadratic", *(pytest.param(n, marks=pytest.mark.slow) for n in ("huber", "fair", "qggmrf"))]
)
def test_gradient_of_the_penalty_is_its_derivative(name):
    image = jax.random.normal(jax.random.key(0), (2, 3, 5, 4))
    local = jax.random.uniform(jax.random.key(1), image.shape, minval=0.5)
    penalty = Penalty(penalties.pair_weights((2.0, 1.0, 1.0)), local, 0.7)
    expected = jax.grad(lambda x: penalties.value(name, x, penalty).sum())(image)
    np.testing.assert_allclose(penalties.gradient(name, image, penalty), expected, atol=1e-5)


def test_pairs_sum_to_the_squared_slope_of_a_ramp():
    for spacing in ((1.0, 1.0, 1.0), (5.0, 0.5, 0.5)):
        ramp = np.broadcast_to(np.arange(40.0), (1, 30, 40, 40)).astype(np.float32)
        penalty = Penalty(penalties.pair_weights(spacing), jnp.ones((1, 1, 1, 1)), 1.0)
        total = float(penalties.value("quadratic", jnp.asarray(ramp), penalty)[0]) / ramp.size
        assert total == pytest.approx(0.5, rel=0.05)


@pytest.mark.parametrize(
    "name", ["quadratic", "qggmrf", *(pytest.param(n, marks=pytest.mark.slow) for n in ("huber", "fair"))]
)
def test_pwls_reaches_the_minimum_that_scipy_finds(lengths, truth, name):
    data, weights = noisy(lengths, truth)
    scan, beta = operators(lengths), 150.0
    penalty = Penalty(penalties.pair_weights((1.0, 1.0, 1.0)), jnp.ones((1, 1, 1, 1)), 0.1)
    image = pwls(data, weights, scan, jnp.zeros(SHAPE), beta, penalty, 1500, name)
    flat, target, w = lengths.reshape(-1, SIZE * SIZE), np.asarray(data, float).ravel(), np.asarray(weights).ravel()

    def cost(x: np.ndarray) -> float:
        total = 0.5 * np.sum(w * (flat @ x - target) ** 2)
        grid = x.reshape(SIZE, SIZE)
        for (dy, dx), b in zip(((0, 1), (1, 0), (1, 1), (1, -1)), (0.5, 0.5, 0.25, 0.25)):
            low, high = max(0, -dx), SIZE - max(0, dx)
            t = grid[dy:, low + dx : high + dx] - grid[: SIZE - dy, low:high]
            total += beta * b * rival_potential(name, t, 0.1).sum()
        return float(total)

    found = scipy.optimize.minimize(cost, truth.ravel(), method="BFGS", options={"gtol": 1e-4, "maxiter": 500})
    assert cost(np.asarray(image, float).ravel()) <= found.fun * (1 + 1e-4)
    np.testing.assert_allclose(np.asarray(image).ravel(), found.x, atol=5e-3)
    measured = float(pwls_module.objective(image, data, weights, scan, beta, penalty, name)[0])
    assert measured == pytest.approx(found.fun, rel=1e-3)


def rival_potential(name: str, t: np.ndarray, d: float) -> np.ndarray:
    """As the papers write them, scaled to a curvature of 1 at zero."""
    a = np.abs(t)
    return {
        "quadratic": t**2 / 2,
        "huber": np.where(a < d, t**2 / 2, d * a - d**2 / 2),
        "fair": d**2 * (a / d - np.log(1 + a / d)),
        "qggmrf": a**2 / (1 + (a / d) ** 0.8) / 2,
    }[name]


def test_ordered_subsets_come_near_the_minimum_in_few_passes(lengths, truth):
    data, weights = noisy(lengths, truth)
    penalty = Penalty(penalties.pair_weights((1.0, 1.0, 1.0)), jnp.ones((1, 1, 1, 1)), 0.1)
    exact = pwls(data, weights, operators(lengths), jnp.zeros(SHAPE), 150.0, penalty, 1500)
    apart = []
    for subsets in (1, 3):
        image = pwls(data, weights, operators(lengths, subsets), jnp.zeros(SHAPE), 150.0, penalty, 12)
        apart.append(float(jnp.sqrt(jnp.mean((image - exact) ** 2))))
    assert apart[1] < 0.02
    assert apart[1] < apart[0]


def test_total_variation_reaches_the_objective_of_a_rival_solver(lengths, truth):
    data, weights = noisy(lengths, truth)
    relative, strength = weights / weights.mean(), 0.3
    scan = operators(lengths)
    image = tv(data, relative, scan, jnp.zeros(SHAPE), strength, 3000)
    flat, target, w = lengths.reshape(-1, SIZE * SIZE), np.asarray(data, float).ravel(), np.asarray(relative).ravel()

    def cost(x: np.ndarray, smooth: float = 0.0) -> float:
        grid = x.reshape(SIZE, SIZE)
        dx, dy = np.diff(grid, axis=1, append=grid[:, -1:]), np.diff(grid, axis=0, append=grid[-1:])
        return float(0.5 * np.sum(w * (flat @ x - target) ** 2) + strength * np.sqrt(dx**2 + dy**2 + smooth).sum())

    best = truth.ravel()
    for smooth in (1e-2, 1e-4, 1e-6, 1e-8):
        best = scipy.optimize.minimize(cost, best, (smooth,), method="BFGS", options={"maxiter": 400}).x
    assert cost(np.asarray(image, float).ravel()) == pytest.approx(cost(best), rel=2e-3)
    measured = float(tv_module.objective(image, data, relative, scan, strength)[0])
    assert measured == pytest.approx(cost(np.asarray(image, float).ravel()), rel=1e-4)


def test_nonnegative_images_are(lengths, truth):
    data, weights = noisy(lengths, truth)
    scan, zero = operators(lengths, 3), jnp.zeros(SHAPE)
    penalty = Penalty(penalties.pair_weights((1.0, 1.0, 1.0)), jnp.ones((1, 1, 1, 1)), 0.1)
    for run in (
        lambda n: os_sirt(data, weights, scan, zero, 8, 1.0, n),
        lambda n: tv(data, weights / weights.mean(), scan, zero, 0.01, 50, nonnegative=n),
        lambda n: pwls(data, weights, scan, zero, 1.0, penalty, 8, nonnegative=n),
    ):
        assert float(run(False).min()) < 0 <= float(run(True).min())


METHODS = {
    "sart": lambda d, w, scan, zero: sart(d, None, scan, zero, 2),
    "os-sirt": lambda d, w, scan, zero: os_sirt(d, w, scan, zero, 2),
    "cgls": lambda d, w, scan, zero: cgls(d, w, scan, zero, 2),
    "tv": lambda d, w, scan, zero: tv(d, w / w.mean(), scan, zero, 0.05, 3),
    "pwls": lambda d, w, scan, zero: pwls(d, w, scan, zero, 50.0, FAIR, 2, "fair"),
}
FAIR = Penalty(penalties.pair_weights((1.0, 1.0, 1.0)), jnp.ones((1, 1, 1, 1)), 0.1)


@pytest.mark.parametrize("name", METHODS)
def test_images_are_differentiable_by_the_data(name, lengths, truth):
    data, weights = noisy(lengths, truth)
    scan, zero = operators(lengths, 3), jnp.zeros(SHAPE)
    direction = jax.random.normal(jax.random.key(0), data.shape)
    probe = jax.random.normal(jax.random.key(1), SHAPE)
    slope = jax.jit(jax.value_and_grad(lambda d: jnp.vdot(probe, METHODS[name](d, weights, scan, zero))))
    measured = float(jnp.vdot(slope(data)[1], direction))
    expected = float(slope(data + 0.01 * direction)[0] - slope(data - 0.01 * direction)[0]) / 0.02
    assert measured == pytest.approx(expected, rel=0.01, abs=2e-3)


def test_weights_are_inverse_variances_of_drawn_paths():
    random = np.random.default_rng(0)
    photons, keV, electronic, slope = 2000.0, 60.0, 900.0, 0.021
    readings = keV * random.poisson(photons, 200_000) + electronic * random.normal(size=200_000)
    paths = -np.log(readings / (keV * 1e5)) / slope
    weight = float(inverse_variance(jnp.asarray(photons * keV), keV, electronic, slope))
    assert weight == pytest.approx(1 / paths.var(), rel=0.02)
    assert float(inverse_variance(jnp.asarray(-3.0), keV, electronic, slope)) == 0.0
