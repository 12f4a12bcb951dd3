"""Velocity fields, their flows, and the latent that blends them, against closed forms."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.scipy.linalg import expm

from phantomsim.generators.deformable.latent import Decoder
from phantomsim.generators.deformable.lattice import Lattice, resample, sample, smooth
from phantomsim.generators.deformable.svf import derivative, determinant, exponential

LATTICE = Lattice((16, 16, 16), 8.0, (0.0, 0.0, 0.0))
CORE = (slice(4, -4),) * 3


@pytest.fixture
def velocity() -> jax.Array:
    return smooth(jax.random.normal(jax.random.key(0), (*LATTICE.shape, 3)) * 25, 2.0)


def test_flow_of_a_linear_field_is_the_matrix_exponential():
    m = jnp.array([[0.10, -0.30, 0.0], [0.30, 0.05, 0.1], [0.0, -0.1, -0.15]])
    p = jnp.asarray(LATTICE.points())
    u = exponential(p @ m.T, LATTICE)
    assert np.allclose((p + u)[CORE], (p @ expm(m).T)[CORE], atol=0.05)
    assert np.allclose(determinant(derivative(u, 8.0))[CORE], np.exp(np.trace(m)), rtol=2e-3)


def test_flow_backwards_undoes_the_flow(velocity):
    p = jnp.asarray(LATTICE.points())
    there = p + exponential(velocity, LATTICE)
    back = there + sample(exponential(-velocity, LATTICE), LATTICE.index(there))
    assert np.abs(velocity).max() > 8
    assert np.abs(back - p)[CORE].max() < 0.3


def test_adjoint_of_the_flow_agrees_with_finite_differences(velocity):
    weight = smooth(jax.random.normal(jax.random.key(1), velocity.shape), 2.0).at[:4].set(0).at[-4:].set(0)
    weight = weight.at[:, :4].set(0).at[:, -4:].set(0).at[:, :, :4].set(0).at[:, :, -4:].set(0)
    of = jax.jit(lambda v: (exponential(v, LATTICE) * weight).sum())
    slope = jax.jit(jax.grad(of))(velocity)
    for k in range(3):
        way = smooth(jax.random.normal(jax.random.key(2 + k), velocity.shape), 2.0)
        want = (of(velocity + 0.5 * way) - of(velocity - 0.5 * way)) / 1.0
        assert float((slope * way).sum()) == pytest.approx(
            float(want), abs=0.1 * float(jnp.linalg.norm(slope) * jnp.linalg.norm(way)) ** 0.5
        )


def test_linear_functions_survive_resampling():
    fine = LATTICE.refined(2)
    values = jnp.asarray(LATTICE.points()) @ jnp.array([[1.0], [2.0], [-3.0]])
    want = jnp.asarray(fine.points()) @ jnp.array([[1.0], [2.0], [-3.0]])
    assert np.allclose(resample(values, LATTICE, fine)[2:-2, 2:-2, 2:-2], want[2:-2, 2:-2, 2:-2], atol=1e-3)


def test_coefficients_have_unit_variance_everywhere():
    decoder = Decoder(jnp.zeros((2, 16, 16, 16, 3)), jnp.zeros((6, 3, 3)), LATTICE, 64.0, 0.6)
    draws = jax.vmap(lambda k: decoder.coefficients(decoder.draw(k))[..., 0])(jax.random.split(jax.random.key(0), 1500))
    assert np.allclose(draws.var(axis=0), 1.0, atol=0.2)
    assert np.corrcoef(draws[:, 0, 0, 0], draws[:, -1, -1, -1])[0, 1] == pytest.approx(
        0.6, abs=0.06
    )  # the global share
