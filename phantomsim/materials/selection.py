"""Few columns of a matrix whose non-negative combination comes close to one in every row.

Several matrices may share the choice, each with weights of its own.
"""

from __future__ import annotations

import numpy as np

Problem = list[tuple[np.ndarray, np.ndarray]]  # of each matrix: columns, and what they must sum to
PASSES = 20  # over all chosen columns
LESS = 0.999  # a move must leave less than this share of the squares
NEGLIGIBLE = 1e-12  # columns that are that much smaller than the largest count for nothing


def compressed(columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The same least squares problem "columns w = 1" in as many rows as there are columns, and one."""
    triangle = np.asarray(np.linalg.qr(np.column_stack([columns, np.ones(len(columns))]), mode="r"))
    return triangle[:, :-1], triangle[:, -1]


def fit(problem: Problem, chosen: list[int]) -> tuple[np.ndarray, float]:
    """Non-negative weights of the chosen columns [R, n], and the sum of squares that they leave."""
    from scipy.optimize import nnls

    found = [nnls(columns[:, chosen], target, maxiter=100 * len(chosen)) for columns, target in problem]
    return np.stack([weight for weight, _ in found]), sum(left**2 for _, left in found)


def selected(problem: Problem, count: int) -> list[int]:
    """At most `count` columns, rising: taken one by one, then moved and swapped as long as that leaves less."""
    chosen = _moved(problem, _greedy(problem, count))
    for _ in range(PASSES):
        tried = _swapped(problem, chosen)
        if tried == chosen:
            break
        chosen = _moved(problem, tried)
    return sorted(chosen)


def _gain(problem: Problem, chosen: list[int], weight: np.ndarray) -> np.ndarray:
    """How well each column explains what the chosen ones leave [column]."""
    gain = np.zeros(problem[0][0].shape[1])
    for (columns, target), one in zip(problem, weight):
        norm = np.linalg.norm(columns, axis=0)
        left = target - columns[:, chosen] @ one
        share = columns.T @ left / np.maximum(norm, NEGLIGIBLE * norm.max())
        gain += np.square(np.maximum(share, 0) / np.linalg.norm(left))
    gain[chosen] = 0
    return gain


def _greedy(problem: Problem, count: int) -> list[int]:
    """Columns taken one by one where they explain most of what is left."""
    chosen: list[int] = []
    useless: list[int] = []
    weight = np.zeros((len(problem), 0))
    while len(chosen) < min(count, problem[0][0].shape[1]):
        gain = _gain(problem, chosen, weight)
        gain[useless] = 0
        if not gain.max() > 0:
            break
        tried = [*chosen, int(np.argmax(gain))]
        fitted = fit(problem, tried)[0]
        used = fitted.max(0) > 0
        if used[-1]:
            chosen, weight, useless = [k for k, keep in zip(tried, used) if keep], fitted[:, used], []
        else:
            useless.append(tried[-1])
    return chosen


def _moved(problem: Problem, chosen: list[int]) -> list[int]:
    """Columns moved to neighbours one by one."""
    best = fit(problem, chosen)[1]
    for _ in range(PASSES):
        before = best
        for place in range(len(chosen)):
            near = [chosen[place] + step for step in (-1, 1, -2, 2)]
            near = [k for k in near if 0 <= k < problem[0][0].shape[1] and k not in chosen]
            chosen, best = _replaced(problem, chosen, place, near, best)
        if best == before:
            break
    return chosen


def _swapped(problem: Problem, chosen: list[int]) -> list[int]:
    """Columns swapped one by one for the one or two that explain best what is left without them."""
    best = fit(problem, chosen)[1]
    for place in range(len(chosen)):
        rest = [*chosen[:place], *chosen[place + 1 :]]
        if rest:
            gain = _gain(problem, rest, fit(problem, rest)[0])
            gain[chosen[place]] = 0
            far = [int(k) for k in np.argsort(-gain)[:2] if gain[k] > 0]
            chosen, best = _replaced(problem, chosen, place, far, best)
    return chosen


def _replaced(
    problem: Problem, chosen: list[int], place: int, others: list[int], best: float
) -> tuple[list[int], float]:
    """The first of other columns in a place that leaves less, or the choice as it is."""
    for other in others:
        tried = [*chosen[:place], other, *chosen[place + 1 :]]
        left = fit(problem, tried)[1]
        if left < best * LESS:
            return tried, left
    return chosen, best
