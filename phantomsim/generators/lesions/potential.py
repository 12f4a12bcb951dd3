"""The potential of a flow inside walls, and points that go with it, in compiled code.

Arrays are padded to few shapes, so that patients share what is compiled; the true size is a number.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

MULTIPLE = 16  # voxels to which grids are padded along each axis


def padded(values: np.ndarray) -> np.ndarray:
    """With zeros behind, at least one along each of the last three axes, float32."""
    more = [(0, 0)] * (values.ndim - 3) + [(0, MULTIPLE - n % MULTIPLE) for n in values.shape[-3:]]
    return np.pad(values.astype(np.float32, copy=False), more)


@jax.jit
def potential(
    region: jax.Array, source: jax.Array, guess: jax.Array, per_mm2: jax.Array, tolerance: float, most: int
) -> jax.Array:
    """Solve div grad p = -source in a region with walls at its border.

    By conjugate gradients (Hestenes and Stiefel 1952, doi:10.6028/jres.049.044) with the diagonal as preconditioner.

    Args:
        region: 1 inside, padded, float32 [z, y, x].
        source: of zero sum in the region.
        guess: to begin with.
        per_mm2: 1 / d^2 of voxels z, y, x.
        tolerance: of the norm of what is left over that of the source.
        most: iterations.
    """
    count, steps = region.size, (region.shape[1] * region.shape[2], region.shape[2], 1)

    def beside(flat: jax.Array, by: int) -> jax.Array:
        """Values of the voxels so many on; rows run on, which the padding makes harmless."""
        return jax.lax.dynamic_slice_in_dim(jnp.pad(flat, steps[0]), steps[0] + by, count)

    before = [
        jnp.pad(face, [(int(a == axis), 0) for a in range(3)]).ravel()  # the face before each voxel
        for axis, face in enumerate(_faces(region, per_mm2))
    ]
    after = [beside(w, step) for w, step in zip(before, steps)]
    diagonal = sum(before) + sum(after)
    scale = 1 / jnp.maximum(diagonal, 1e-9)
    source, guess, shape = source.ravel(), guess.ravel(), region.shape
    enough = tolerance * jnp.linalg.norm(source)

    def applied(p: jax.Array) -> jax.Array:
        return diagonal * p - sum(
            low * beside(p, -step) + high * beside(p, step) for low, high, step in zip(before, after, steps)
        )

    def step(state: Any) -> Any:
        i, found, left, way, size = state
        ahead = applied(way)
        far = size / jnp.vdot(way, ahead)
        found, left = found + far * way, left - far * ahead
        scaled = scale * left
        now = jnp.vdot(left, scaled)
        return i + 1, found, left, scaled + way * (now / size), now

    left = source - applied(guess)
    way = scale * left
    begin = (jnp.int32(0), guess, left, way, jnp.vdot(left, way))
    found = jax.lax.while_loop(lambda s: (s[0] < most) & (jnp.linalg.norm(s[2]) > enough), step, begin)[1]
    return jnp.reshape(found, shape)


@jax.jit
def velocity(region: jax.Array, p: jax.Array, per_mm2: jax.Array) -> jax.Array:
    """Through the faces before voxels along each axis [voxels a step], float32 [3, z, y, x]: down the potential."""
    falls = [-face * jnp.diff(p, axis=axis) for axis, face in enumerate(_faces(region, per_mm2))]
    return jnp.stack([jnp.pad(f, [(int(a == axis), 0) for a in range(3)]) for axis, f in enumerate(falls)])


@jax.jit
def carried(points: jax.Array, faces: jax.Array, last: jax.Array, time: float, steps: int) -> jax.Array:
    """Points (z, y, x) [N, 3], in voxels, after a time along a velocity, by so many steps of the midpoint rule.

    Args:
        faces: from `velocity`.
        last: index (z, y, x) of the last true voxel; what lies further out moves as this.
    """

    def at(where: jax.Array) -> jax.Array:
        shifts = 0.5 * jnp.eye(3)
        found = [linear(where + shift, f, last + 2 * shift) for f, shift in zip(faces, shifts)]
        return jnp.stack(found, axis=-1)

    def step(_: int, points: jax.Array) -> jax.Array:
        middle = points + time / (2 * steps) * at(points)
        return points + time / steps * at(middle)

    return jax.lax.fori_loop(0, steps, step, points)


@jax.jit
def linear(points: jax.Array, values: jax.Array, last: jax.Array) -> jax.Array:
    """Linear interpolation at points (z, y, x) [N, 3], in voxels; beyond the last true voxel the edge repeats."""
    at = jnp.clip(points, 0, last)
    low = jnp.minimum(jnp.floor(at), jnp.maximum(last - 1, 0)).astype(jnp.int32)
    part = at - low
    steps = jnp.array([values.shape[1] * values.shape[2], values.shape[2], 1])
    flat, index = values.ravel(), low @ steps
    found = jnp.zeros(len(points))
    for corner in range(8):
        up = jnp.array([corner >> 2 & 1, corner >> 1 & 1, corner & 1])
        weight = jnp.where(up, part, 1 - part).prod(axis=1)
        found += weight * flat[index + up @ steps]
    return found


def _faces(region: jax.Array, per_mm2: jax.Array) -> list[jax.Array]:
    """1 / d^2 where both voxels beside a face along z, y, x lie in the region, else 0."""
    cut = [
        (jax.lax.slice_in_dim(region, 1, None, axis=a), jax.lax.slice_in_dim(region, 0, -1, axis=a)) for a in range(3)
    ]
    return [high * low * w for (high, low), w in zip(cut, per_mm2)]
