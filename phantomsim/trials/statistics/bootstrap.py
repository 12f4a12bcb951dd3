"""Cluster bootstrap of AUCs: slow, free of variance formulas; the check on `delong.aucs`."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from phantomsim.trials.statistics.auc import Bools, Floats
from phantomsim.trials.statistics.estimates import cluster_numbers


def won_between_clusters(scores: Floats, present: Bools, numbers: NDArray[np.int64], count: int) -> Floats:
    """Pairs that present cases of cluster k win against absent cases of cluster l, [k, l]; ties count half."""
    x, y = scores[present], scores[~present]
    wins = (x[:, None] > y) + 0.5 * (x[:, None] == y)
    rows, columns = np.eye(count)[numbers[present]], np.eye(count)[numbers[~present]]
    return rows.T @ wins @ columns


def bootstrap_aucs(
    scores: Floats, present: Bools, clusters: NDArray, replicates: int, random: np.random.Generator
) -> Floats:
    """AUCs of every arm over resampled clusters (Field and Welsh 2007, doi:10.1111/j.1467-9868.2007.00593.x).

    All cases of a drawn subject are taken, for all arms together. Draws without present or absent cases are redone.

    Args:
        scores: [R, N], finite.
    Returns:
        AUCs [replicates, R].
    """
    numbers = cluster_numbers(clusters)
    count = int(numbers.max()) + 1
    won = np.stack([won_between_clusters(row, present, numbers, count) for row in np.atleast_2d(scores)])
    held = np.stack([np.bincount(numbers[p], minlength=count) for p in (present, ~present)])
    weights = np.empty((0, count))
    while len(weights) < replicates:
        more = random.multinomial(count, np.full(count, 1 / count), size=replicates)
        weights = np.concatenate([weights, more[((more @ held.T) > 0).all(axis=1)]])[:replicates]
    pairs = (weights @ held[0]) * (weights @ held[1])
    return np.einsum("bk,rkl,bl->br", weights, won, weights, optimize=True) / pairs[:, None]
