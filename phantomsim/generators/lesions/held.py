"""How much of a lesion lies below a size, where each sample of it fades over a width."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Held:
    """Sizes of samples in order, so that what lies below any size is told without looking at each of them.

    Attributes:
        sizes: float32 [N], ascending [mm].
        passed: sums of the first 0, 1, ... N of them, float64 [N + 1].
        width: over which a sample fades [mm].
    """

    sizes: np.ndarray
    passed: np.ndarray
    width: float

    @classmethod
    def of(cls, sizes: np.ndarray, width: float) -> Held:
        ordered = np.sort(sizes, axis=None)
        return cls(ordered, np.concatenate([[0.0], np.cumsum(ordered, dtype=float)]), width)

    def below(self, size: float) -> float:
        """The sum over samples of min(max((size - sample) / width + 1/2, 0), 1)."""
        half = 0.5 * self.width
        first, last = (int(i) for i in np.searchsorted(self.sizes, np.array([size - half, size + half], np.float32)))
        fading = (size / self.width + 0.5) * (last - first) - (self.passed[last] - self.passed[first]) / self.width
        return first + float(fading)


def holding(held: Callable[[float], float], wanted: float, low: float, high: float) -> float:
    """The size between two others [mm] that holds what is wanted, by bisection."""
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if held(middle) < wanted else (low, middle)
    return (low + high) / 2
