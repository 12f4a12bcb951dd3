"""Counts of a photon-counting detector with their noise, correlated between bins and between cells.

Three independent parts make a cell's counts: what stays within the cell, what pairs of counts share with the
neighbour in the row, and with the one in the column. Many counts are normal, with exactly the covariances of
`counting`. Where a view has cells of few counts, photons are drawn by the kind of their events: single counts, pairs
within a cell, pairs across a border, each kind a Poisson number, so that counts are whole numbers. An event of three
or more counts is taken as its pairs; where these outnumber what the mean allows, they are scaled down and the mean is
kept. Pairs across a border between cells of different light are as many as the darker one has.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial, reduce
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from phantomsim.scanners.ct.detector import draw
from phantomsim.scanners.ct.detector.counting import pair_index
from phantomsim.scanners.ct.detector.pileup import Law, recorded
from phantomsim.scanners.ct.detector.response import Counter

MOST_NUMBERS = 2**26  # random numbers at a time: 256 MiB
FEW_STREAM = 1  # folded into a view's key
TINY = 1e-30


class _View(NamedTuple):
    """One view: means [C, r, c], pairs [C, C, r, c], variance over mean of all records [r, c]."""

    mean: jax.Array
    pairs: jax.Array
    relative: jax.Array


def measure(
    key: jax.Array, moments: jax.Array, counter: Counter, dead: jax.Array | float = 0.0, law: Law = "none"
) -> jax.Array:
    """Draw counts. Looks at the means to see which views have few, so it cannot be traced itself.

    Args:
        key: random key (threefry).
        moments: mean counts of C bins and of P pairs, without pile-up [C + P, view, row, column].
        counter: what correlates them.
        dead: `pileup.dead_per_count`.
        law: of pile-up.
    Returns:
        float32 counts [C, view, row, column].
    """
    bins, (views, rows, columns) = len(counter.own), moments.shape[1:]
    step = max(1, min(views, MOST_NUMBERS // (3 * bins * rows * columns)))
    parts = []
    for first in range(0, views, step):
        here = slice(first, min(first + step, views))
        normal = draw.normals(jax.random.fold_in(key, first), (here.stop - first, 3, bins, rows, columns))
        counts, few = _measure(normal, moments[:, here], counter, dead, law)
        for view in np.flatnonzero(np.asarray(few)) + first:
            counts = _replace(counts, _few_view(key, moments[:, view], int(view), counter, dead, law), view - first)
        parts.append(counts)
    return parts[0] if len(parts) == 1 else jnp.concatenate(parts, 1)


@partial(jax.jit, donate_argnums=0)
def _replace(counts: jax.Array, one: jax.Array, view: jax.Array | int) -> jax.Array:
    return jax.lax.dynamic_update_index_in_dim(counts, one, view, 1)


def _few_view(
    key: jax.Array, moments: jax.Array, view: int, counter: Counter, dead: jax.Array | float, law: Law
) -> jax.Array:
    """One view whose counts are drawn by kinds of events [C, row, column]."""
    bins = len(counter.own)
    kinds = bins + len(pair_index(bins)[0]) + 2 * bins**2
    uniform = draw.uniform(jax.random.fold_in(jax.random.fold_in(key, view), FEW_STREAM), (kinds, *moments.shape[1:]))
    return _few(uniform, moments, counter, dead, law)


@partial(jax.jit, static_argnames="law")
def expected(moments: jax.Array, counter: Counter, dead: jax.Array | float = 0.0, law: Law = "none") -> jax.Array:
    """The mean of `measure` [C, view, row, column]."""
    return recorded(moments[: len(counter.own)], counter.heaped, dead, law).mean


@partial(jax.jit, static_argnames="law")
def _measure(
    normal: jax.Array, moments: jax.Array, counter: Counter, dead: jax.Array | float, law: Law
) -> tuple[jax.Array, jax.Array]:
    """Normal counts [C, view, row, column], and whether a view has cells of few [view]."""

    def view(data: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        state = _state(data[1], counter, dead, law)
        return _many(data[0], state, counter), jnp.any(state.mean < draw.FEW)

    counts, few = jax.lax.map(view, (normal, moments.swapaxes(0, 1)))
    return counts.swapaxes(0, 1), few


def _state(moments: jax.Array, counter: Counter, dead: jax.Array | float, law: Law) -> _View:
    bins = len(counter.own)
    found = recorded(moments[:bins], counter.heaped, dead, law)
    place = np.zeros((bins, bins), int)
    place[pair_index(bins)] = place.T[pair_index(bins)] = bins + np.arange(len(moments) - bins)
    pairs = jnp.stack([jnp.stack([moments[k] for k in row]) for row in place])
    return _View(found.mean, pairs * found.kept**2, found.relative_variance)


def _shift(values: jax.Array, axis: int) -> jax.Array:
    """Hand on to the next cell; the first gets nothing."""
    first = jnp.zeros_like(jax.lax.slice_in_dim(values, 0, 1, axis=axis))
    return jnp.concatenate([first, jax.lax.slice_in_dim(values, 0, values.shape[axis] - 1, axis=axis)], axis)


def _borders(pairs: jax.Array, share: jax.Array, axis: int) -> jax.Array:
    """Pairs across the border to the next cell, the first count on this side [C, C, r, c]; none behind the last."""
    size = pairs.shape[axis]
    here, there = (jax.lax.slice_in_dim(pairs, a, size - 1 + a, axis=axis) for a in (0, 1))
    last = jnp.zeros_like(jax.lax.slice_in_dim(pairs, 0, 1, axis=axis))
    return share[:, :, None, None] * jnp.concatenate([jnp.minimum(here, there), last], axis)


def _many(normal: jax.Array, state: _View, counter: Counter) -> jax.Array:
    """Normal counts. A border with pairs e gives sqrt(d) z here and e^T z / sqrt(d) to the next cell; d = sum_j e_ij.

    Bins are unrolled: sums over them as matrix products would be of the smallest, one for each cell.
    """
    mean, pairs, relative = state
    bins = range(len(mean))
    fewer = (relative - 1) / jnp.maximum(mean.sum(0), TINY)
    covariance = [[counter.own[i, j] * pairs[i, j] + fewer * mean[i] * mean[j] for j in range(i + 1)] for i in bins]
    counts = list(mean)
    for part, share, axis in ((1, counter.across, -1), (2, counter.up, -2)):
        crossing = _borders(pairs, jnp.asarray(share), axis)
        root = jnp.sqrt(jnp.maximum(crossing.sum(1), TINY))
        other = crossing / root[:, None]
        for i in bins:
            counts[i] += root[i] * normal[part, i] + _shift(_total(other[k, i] * normal[part, k] for k in bins), axis)
            covariance[i][i] -= root[i] ** 2
            for j in range(i + 1):
                covariance[i][j] -= _shift(_total(other[k, i] * other[k, j] for k in bins), axis)
    for i in bins:
        covariance[i][i] += mean[i]
    return jnp.stack([count + noise for count, noise in zip(counts, _correlate(covariance, normal[0]))])


def _total(parts: Iterable[jax.Array]) -> jax.Array:
    return reduce(jnp.add, parts)


def _correlate(covariance: list[list[jax.Array]], normal: jax.Array) -> list[jax.Array]:
    """Cholesky's factor of each cell's covariance (its lower half) times its normal numbers, C of [r, c]."""
    rows: list[list[jax.Array]] = []
    for i, wanted in enumerate(covariance):
        row: list[jax.Array] = []
        for j in range(i):
            left = wanted[j] - sum(row[k] * rows[j][k] for k in range(j))
            row.append(jnp.where(rows[j][j] > TINY, left / jnp.maximum(rows[j][j], TINY), 0.0))
        rows.append([*row, jnp.sqrt(jnp.maximum(wanted[i] - sum(r * r for r in row), 0.0))])
    return [sum((entry * normal[k] for k, entry in enumerate(row)), jnp.zeros_like(normal[0])) for row in rows]


@partial(jax.jit, static_argnames="law")
def _few(uniform: jax.Array, moments: jax.Array, counter: Counter, dead: jax.Array | float, law: Law) -> jax.Array:
    """Whole counts, from Poisson numbers of every kind of event."""
    state = _state(moments, counter, dead, law)
    mean, bins = state.mean, len(state.mean)
    i, j = pair_index(bins)
    pairs = state.pairs * jnp.min(jnp.minimum(1.0, mean / jnp.maximum(state.pairs.sum(1), TINY)), 0)
    within = jnp.asarray(counter.own)[:, :, None, None] * pairs
    borders = [_borders(pairs, jnp.asarray(s), a) for s, a in ((counter.across, -1), (counter.up, -2))]
    crossed = sum(border.sum(1) + _shift(border.sum(0), axis) for border, axis in zip(borders, (-1, -2)))
    single = jnp.maximum(mean - within.sum(1) - crossed, 0.0)
    halves = jnp.where(i == j, 0.5, 1.0)[:, None, None]  # a pair in one bin has two orders
    rates = [single, within[i, j] * halves, *(border.reshape(-1, *mean.shape[1:]) for border in borders)]
    kinds = jnp.concatenate(rates)
    drawn = jax.lax.map(lambda one: draw.counts(*one), (uniform, kinds))  # each kind stops when its own are drawn
    counts, own, *crossing = jnp.split(drawn, [bins, bins + len(i), bins + len(i) + bins**2])
    counts += jnp.stack(
        [_total(own[k] * (int(i[k] == bin) + int(j[k] == bin)) for k in range(len(i))) for bin in range(bins)]
    )
    for part, axis in zip(crossing, (-1, -2)):
        both = part.reshape(bins, bins, *mean.shape[1:])
        counts += both.sum(1) + _shift(both.sum(0), axis)
    return counts
