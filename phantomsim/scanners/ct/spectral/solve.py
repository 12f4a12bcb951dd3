"""Small symmetric systems, one for each ray, as plain arithmetic on whole arrays.

Cholesky's factorisation written out over the few unknowns: batched library calls are slow for millions of systems.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp


def cholesky(matrix: jax.Array) -> list[list[jax.Array]]:
    """Lower factor of positive definite matrices [K, K, ...], as rows of arrays [...]."""
    size = len(matrix)
    low: list[list[jax.Array]] = [[] for _ in range(size)]
    for i in range(size):
        for j in range(i + 1):
            rest = matrix[i, j] - sum((low[i][m] * low[j][m] for m in range(j)), jnp.zeros_like(matrix[0, 0]))
            low[i].append(jnp.sqrt(jnp.maximum(rest, jnp.finfo(rest.dtype).tiny)) if i == j else rest / low[j][j])
    return low


def solve(matrix: jax.Array, right: jax.Array) -> jax.Array:
    """x of matrix x = right, for positive definite [K, K, ...] and [K, ...]."""
    low, size = cholesky(matrix), len(matrix)
    y: list[jax.Array] = []
    for i in range(size):
        y.append((right[i] - sum((low[i][m] * y[m] for m in range(i)), jnp.zeros_like(right[0]))) / low[i][i])
    x: list[jax.Array] = [jnp.zeros_like(right[0])] * size
    for i in reversed(range(size)):
        later = sum((low[m][i] * x[m] for m in range(i + 1, size)), jnp.zeros_like(right[0]))
        x[i] = (y[i] - later) / low[i][i]
    return jnp.stack(x)


def inverse(matrix: jax.Array) -> jax.Array:
    """Inverse of positive definite matrices [K, K, ...]."""
    unit = jnp.eye(len(matrix))
    shape = matrix.shape[2:]
    columns = [jnp.broadcast_to(e.reshape(-1, *[1] * len(shape)), (len(matrix), *shape)) for e in unit]
    return jnp.stack([solve(matrix, column) for column in columns], 1)
