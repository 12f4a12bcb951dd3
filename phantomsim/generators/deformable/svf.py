"""Stationary velocity fields: smooth maps with smooth inverses, by scaling and squaring.

Arsigny et al. 2006 (doi:10.1007/11866565_113); Ashburner 2007 (doi:10.1016/j.neuroimage.2007.07.007).
"""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp

from phantomsim.generators.deformable.lattice import Lattice, sample

SQUARINGS = 6
MIDPOINTS = 2  # of the adjoint's integral


@partial(jax.custom_vjp, nondiff_argnums=(1,))
def exponential(velocity: jax.Array, lattice: Lattice) -> jax.Array:
    """Displacement [mm] of the flow of a velocity field [mm] after unit time; that of `-velocity` is the inverse.

    Args:
        velocity: [z, y, x, 3] on the lattice; it repeats at the edge.
    Returns:
        u with phi(p) = p + u(p), on the same lattice. Its derivative is that of the continuous flow, taken by
        gathering along inverse flows (`_adjoint`): scattering is ten times slower on CPUs.
    """
    start = _start(lattice)

    def square(u: jax.Array, _: None) -> tuple[jax.Array, None]:
        return u + sample(u, start + u / lattice.spacing_mm), None

    u, _ = jax.lax.scan(square, velocity / 2**SQUARINGS, None, length=SQUARINGS)
    return u


def _adjoint(lattice: Lattice, velocity: jax.Array, slope: jax.Array) -> tuple[jax.Array]:
    """dL/dv(q) = int_0^1 |D phi_-s(q)| D phi_(1-s)(q)^T slope(phi_-s(q)) ds, by the midpoint rule.

    From d phi_1(p) = int_0^1 D phi_(1-s)(phi_s(p)) dv(phi_s(p)) ds and the change of variables q = phi_s(p).
    """
    start, h = _start(lattice), lattice.spacing_mm
    total = jnp.zeros_like(velocity)
    for k in range(MIDPOINTS):
        s = (k + 0.5) / MIDPOINTS
        back, on = exponential(-s * velocity, lattice), exponential((1 - s) * velocity, lattice)
        volume = determinant(derivative(back, h))
        pulled = sample(slope, start + back / h) * volume[..., None]
        total = total + jnp.einsum("...ij,...j->...i", derivative(on, h), pulled)
    return (total / MIDPOINTS,)


exponential.defvjp(lambda v, lattice: (exponential(v, lattice), v), _adjoint)


def _start(lattice: Lattice) -> jax.Array:
    return jnp.stack(jnp.meshgrid(*(jnp.arange(n, dtype=jnp.float32) for n in lattice.shape), indexing="ij"), axis=-1)


def derivative(u: jax.Array, spacing_mm: float) -> jax.Array:
    """d (p + u)_j / d p_i as [..., i, j] [1] of a displacement u [mm], by central differences; the edge repeats."""
    rows = []
    for axis in range(3):
        wide = jnp.pad(u, [(1, 1) if a == axis else (0, 0) for a in range(4)], mode="edge")
        n = u.shape[axis]
        after, before = (jax.lax.slice_in_dim(wide, k, k + n, axis=axis) for k in (2, 0))
        rows.append((after - before) / (2 * spacing_mm))
    return jnp.stack(rows, axis=-2) + jnp.eye(3)


def gradient_energy(velocity: jax.Array, lattice: Lattice) -> jax.Array:
    """Mean squared norm of the velocity's gradient [1]."""
    total = jnp.float32(0.0)
    for axis in range(3):
        d = jnp.diff(velocity, axis=axis) / lattice.spacing_mm
        total = total + (d**2).sum(axis=-1).mean()
    return total


def determinant(m: jax.Array) -> jax.Array:
    """Of 3 x 3 matrices [..., 3, 3]."""
    a, b, c = m[..., 0, :], m[..., 1, :], m[..., 2, :]
    return (a * jnp.cross(b, c)).sum(axis=-1)
