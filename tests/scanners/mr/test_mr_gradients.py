"""Gradients with respect to tissues, flip angles and trajectories are those of finite differences."""

import importlib.util
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

PATH = Path(__file__).parents[3] / "examples" / "04_mr_gradients.py"
SPEC = importlib.util.spec_from_file_location("mr_gradients", PATH)
example = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(example)

ANGLES = jnp.linspace(70.0, 150.0, example.ECHOES)


def slope_along(f, at, way, step):
    """Central difference of f along a direction, and what its gradient says."""
    finite = float(f(at + step * way) - f(at - step * way)) / (2 * step)
    return finite, float(jnp.vdot(jax.grad(f)(at), way))


def test_image_loss_slopes_with_T1_and_T2_as_finite_differences_say():
    """The image of two tissues in the shares of a phantom, blurred by the lines of k-space that were measured."""
    shares = jnp.asarray(np.random.default_rng(0).uniform(size=(2, 16)), jnp.float32)
    target = shares[0] * 0.3

    @jax.jit
    def loss(log):
        T1, T2 = jnp.array([838.0, 1607.0]) * jnp.exp(log[:2]), jnp.array([71.0, 83.0]) * jnp.exp(log[2:])
        line = jnp.fft.fft(shares.astype(jnp.complex64), axis=1) * example.echoes(T1, T2, ANGLES)
        return 1e2 * jnp.sum(jnp.abs(jnp.fft.ifft(line.sum(0)) - target) ** 2)

    for way in np.eye(4, dtype=np.float32):
        finite, told = slope_along(loss, jnp.zeros(4), jnp.asarray(way), 0.02)
        assert told == pytest.approx(finite, rel=0.01, abs=1e-3)


def test_contrast_slopes_with_flip_angles_as_finite_differences_say():
    way = jnp.asarray(np.random.default_rng(1).normal(size=example.ECHOES), jnp.float32)
    finite, told = slope_along(jax.jit(lambda a: 1e3 * example.contrast(a)), ANGLES, way, 0.3)
    assert told == pytest.approx(finite, rel=0.01)


def test_pixel_slopes_with_the_trajectory_as_finite_differences_say():
    designed = jnp.asarray(example.spiral(8, 256))
    disc = jnp.zeros((16, 16)).at[4:11, 5:12].set(1.0)
    way = jnp.asarray(np.random.default_rng(2).normal(size=designed.shape), jnp.float32)
    finite, told = slope_along(lambda k: example.pixel(k, disc, designed, (8, 11)), designed, way, 2e-3)
    assert told == pytest.approx(finite, rel=0.02)


def test_the_best_train_keeps_its_energy():
    angles = example.within(jnp.linspace(10.0, 400.0, example.ECHOES), 0.3)
    assert float(example.energy(angles)) <= 0.3 + 1e-5
    assert float(angles.max()) <= 180
