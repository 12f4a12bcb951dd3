"""What pulses do to magnetisation that relaxes meanwhile.

A pulse that acts at once turns by its flip about x. One that takes time holds magnetisation away from z and from the
transverse plane for part of it, so that neither T1 nor T2 alone tells what is left. With u(t) the axis of what is along
z at a time t, the rate of decay is R2 - (R2 - R1) u u^T in the frame that turns with the pulse, and to first order its
integral stands in the exponent (Magnus's series; Blanes 2009, doi:10.1016/j.physrep.2008.11.001): half the flip, then
m -> exp(-K) m + exp(-K/2) R1 q, then the other half, with K = R2 T - (R2 - R1) Q, and q and Q the integrals of u and
u u^T over the pulse's length T (`pulses.rotation`). What is left out is of the order of (T / T2)^2 / 12.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from phantomsim.scanners.mr.bloch.turns import once

Array = jax.Array
Row = tuple[Array, Array, Array]
Rows = tuple[
    Row, Row, Row
]  # of a matrix; an array for each element, which compiles to much faster code than one for all
FEW = 16  # kinds
PLACES = ((3, 6, 7), (6, 4, 8), (7, 8, 5))  # of the elements of a symmetric matrix in a course


class Actions(NamedTuple):
    """Of K kinds of pulses; float32.

    Attributes:
        matrix: on magnetisation (x, y, z) seen from the pulse's axis, elements [K, voxel].
        regrown: what regrows during the pulse (x, y, z) [K, voxel].
    """

    matrix: Rows
    regrown: Row


class Kinds(NamedTuple):
    """Pulses that differ in their phases alone are of one kind; numbers of each [K], as `Train` has them."""

    flip_rad: Any
    linear: Any
    length_ms: Any
    course_ms: Any
    one: Any  # 1; see `turns.once`


def sudden(flip_rad: Any) -> Kinds:
    """Pulses of some flips that act at once [K]."""
    none = 0 * flip_rad
    return Kinds(flip_rad, none + 1, none, jnp.zeros((len(flip_rad), 9), jnp.float32), np.ones((), np.float32))


def actions_of(kinds: Kinds, T1_ms: Array, T2_ms: Array, transmit: Array) -> Actions:
    """What every kind does to every voxel; arrays of voxels are [voxel].

    The course is that of the nominal flip: where the transmit field differs, relaxation is right but for that share.
    """
    flip, linear, length = (jnp.asarray(a)[:, None] for a in kinds[:3])
    course = [a[:, None] for a in jnp.asarray(kinds.course_ms).T]
    half, whole = _decays(course, length, 1 / T1_ms, 1 / T2_ms, kinds.one)
    angle = flip * (1 + linear * (transmit - 1)) / 2
    c, s = jnp.cos(angle), jnp.sin(angle)
    grown = _dot(half, (course[0] / T1_ms, course[1] / T1_ms, course[2] / T1_ms))
    halfway = tuple((x, c * y + s * z, c * z - s * y) for x, y, z in whole)
    matrix = tuple(zip(*(turned(column, c, s) for column in zip(*halfway))))
    return once(Actions(matrix, turned(grown, c, s)), kinds.one)  # type: ignore[arg-type]


def taken(actions: Actions, kind: Array) -> Actions:
    """Those of some pulses, by kind [n]: arrays [n, voxel]. Of few kinds a product of matrices is faster."""
    leaves, tree = jax.tree.flatten(actions)
    kinds, voxels = leaves[0].shape
    if kinds > FEW:
        return jax.tree.map(lambda a: a[kind], actions)
    chosen = jnp.asarray(kind[:, None] == jnp.arange(kinds), jnp.float32)
    found = jnp.matmul(chosen, jnp.concatenate(leaves, 1), precision="highest")
    return jax.tree.unflatten(tree, [found[:, i * voxels : (i + 1) * voxels] for i in range(len(leaves))])


def turned(m: Row, c: Array, s: Array) -> Row:
    """Turned about x."""
    return m[0], c * m[1] - s * m[2], c * m[2] + s * m[1]


def _decays(course: list[Array], length: Array, R1: Array, R2: Array, one: Array) -> tuple[Rows, Rows]:
    """exp(-K/2) and exp(-K): Taylor's series about the mean of both rates, then squared."""
    rate = (R2 - R1) / 2
    y = _each(lambda i, j: rate * (course[PLACES[i][j]] - length / 2 * (i == j)))
    square = once(_product(y, y), one)
    third, fourth = _product(square, y), _product(square, square)
    mean = jnp.exp(-length / 4 * (R1 + R2))
    half = _each(lambda i, j: mean * ((i == j) + y[i][j] + square[i][j] / 2 + third[i][j] / 6 + fourth[i][j] / 24))
    half = once(half, one)
    return half, once(_product(half, half), one)


def _each(element: Callable[[int, int], Array]) -> Rows:
    return tuple(tuple(element(i, j) for j in range(3)) for i in range(3))  # type: ignore[return-value]


def _dot(a: Rows, v: Row) -> Row:
    return tuple(x * v[0] + y * v[1] + z * v[2] for x, y, z in a)  # type: ignore[return-value]


def _product(a: Rows, b: Rows) -> Rows:
    return tuple(zip(*(_dot(a, column) for column in zip(*b))))  # type: ignore[arg-type, return-value]
