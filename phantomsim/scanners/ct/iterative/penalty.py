"""Edge-preserving penalties on differences of neighbouring voxels.

R(x) = sum over pairs (j, k) of b_jk q_j q_k psi(x_j - x_k). The factors q make resolution uniform although rays
differ in trust: Fessler and Rogers, IEEE Trans. Image Process. 5 (1996) 1346, doi:10.1109/83.535846. Potentials psi(t),
all with psi''(0) = 1 so that they smooth alike where differences are small; d is where they begin to spare an edge:

| name | psi'(t) | source |
| --- | --- | --- |
| quadratic | t | |
| huber | t held to -d .. d | Huber, Ann. Math. Stat. 35 (1964) 73, doi:10.1214/aoms/1177703732 |
| fair | t / (1 + abs(t) / d) | Lange, IEEE Trans. Med. Imaging 9 (1990) 439, doi:10.1109/42.61759 |
| qggmrf | of t^2 / 2 / (1 + abs(t / d)^.8) | Thibault et al., Med. Phys. 34 (2007) 4526, doi:10.1118/1.2789499 |
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

Potential = Literal["quadratic", "huber", "fair", "qggmrf"]
OFFSETS = ((0, 0, 1), (0, 1, 0), (0, 1, 1), (0, 1, -1), (1, 0, 0))  # (z, y, x) to half of the ten neighbours
POWER = 2 - 1.2  # p - q of the q-generalised Gaussian field
EPSILON = 1e-12  # keeps the derivative of a power finite at zero


class Penalty(NamedTuple):
    """Numbers of a penalty.

    Attributes:
        pair: b of each of `OFFSETS` [5].
        local: q [K or 1, z, y, x], or of fewer voxels that broadcast.
        edge: d, the difference that begins to count as an edge [1].
    """

    pair: np.ndarray | jax.Array
    local: jax.Array
    edge: jax.Array | float


def pair_weights(spacing_mm: tuple[float, float, float]) -> np.ndarray:
    """b of each of `OFFSETS`: falls with distance squared, normalised to sum (x_j - x_k)^2 along x for slow waves."""
    steps = np.array(OFFSETS) * np.asarray(spacing_mm)
    weight = (spacing_mm[2] / np.linalg.norm(steps, axis=1)) ** 2
    return weight / (weight @ np.array(OFFSETS)[:, 2] ** 2)


def slope(name: Potential, t: jax.Array, edge: jax.Array | float) -> jax.Array:
    """psi'(t)."""
    if name == "quadratic":
        return t
    if name == "huber":
        return jnp.clip(t, -edge, edge)
    if name == "fair":
        return t / (1 + jnp.abs(t) / edge)
    power = ((t / edge) ** 2 + EPSILON) ** (POWER / 2)
    return t * (1 + (1 - POWER / 2) * power) / (1 + power) ** 2


def potential(name: Potential, t: jax.Array, edge: jax.Array | float) -> jax.Array:
    """psi(t)."""
    size = jnp.abs(t)
    if name == "quadratic":
        return t**2 / 2
    if name == "huber":
        return jnp.where(size <= edge, t**2 / 2, edge * size - edge**2 / 2)
    if name == "fair":
        return edge**2 * (size / edge - jnp.log1p(size / edge))
    return t**2 / 2 / (1 + ((t / edge) ** 2 + EPSILON) ** (POWER / 2))


def value(name: Potential, image: jax.Array, penalty: Penalty) -> jax.Array:
    """R of each of K images [K, z, y, x] -> [K]."""
    local = jnp.broadcast_to(penalty.local, image.shape)
    parts = []
    for offset, weight in zip(OFFSETS, penalty.pair):
        here, there = _ends(image.shape, offset)
        psi = potential(name, image[there] - image[here], penalty.edge)
        parts.append(weight * (local[here] * local[there] * psi).sum((1, 2, 3)))
    return sum(parts[1:], parts[0])


def gradient(name: Potential, image: jax.Array, penalty: Penalty) -> jax.Array:
    """dR / dx [K, z, y, x]."""
    return _spread(lambda t: slope(name, t, penalty.edge), -1.0, image, penalty)


def curvature(shape: tuple[int, ...], penalty: Penalty) -> jax.Array:
    """Diagonal of a separable surrogate's second derivative, at least that of R anywhere [K, z, y, x].

    Erdogan and Fessler, Phys. Med. Biol. 44 (1999) 2835, doi:10.1088/0031-9155/44/11/311: twice the sum of the pairs'.
    """
    return _spread(lambda t: jnp.full_like(t, 2.0), 1.0, jnp.zeros(shape, jnp.float32), penalty)


def _spread(of_pair: object, sign: float, image: jax.Array, penalty: Penalty) -> jax.Array:
    """Sum over pairs of a function of their difference: to the far end as it is, to the near one times `sign`."""
    local = jnp.broadcast_to(penalty.local, image.shape)
    total = jnp.zeros_like(image)
    for offset, weight in zip(OFFSETS, penalty.pair):
        here, there = _ends(image.shape, offset)
        if min(image[here].shape) == 0:
            continue
        part = weight * local[here] * local[there] * of_pair(image[there] - image[here])  # type: ignore[operator]
        total = total.at[there].add(part).at[here].add(sign * part)
    return total


def _ends(shape: tuple[int, ...], offset: tuple[int, int, int]) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """Slices of the near and far voxels of all pairs that lie `offset` apart."""
    size = shape[-3:]
    near = [slice(max(0, -o), n - max(0, o)) for o, n in zip(offset, size)]
    far = [slice(max(0, o), n + min(0, o)) for o, n in zip(offset, size)]
    return (slice(None), *near), (slice(None), *far)
