"""Covariance matrices from few samples."""

from __future__ import annotations

from typing import Literal

import numpy as np

from phantomsim.trials.readers.roi import Floats


def shrink(deviations: Floats, amount: float | Literal["auto"]) -> Floats:
    """Covariance of centred samples [n, C], its correlations drawn towards 0.

    "auto" takes the optimal weight of Schaefer and Strimmer 2005 (doi:10.2202/1544-6115.1175), target "diagonal,
    unequal variance": sum of Var(r_ij) / sum of r_ij^2.
    """
    n = len(deviations)
    sd = np.sqrt((deviations**2).sum(axis=0) / (n - 1))
    sd = np.where(sd > 0, sd, max(float(sd.max()), 1e-30))
    z = deviations / sd
    mean_product = z.T @ z / n
    correlation = mean_product * n / (n - 1)
    if amount == "auto":
        spread = (z**2).T @ (z**2) - n * mean_product**2
        variance = spread * n / (n - 1) ** 3
        off = ~np.eye(len(sd), dtype=bool)
        amount = float(np.clip(variance[off].sum() / max((correlation[off] ** 2).sum(), 1e-300), 0, 1))
    shrunk = (1 - amount) * correlation
    np.fill_diagonal(shrunk, 1.0)
    return shrunk * np.outer(sd, sd)
