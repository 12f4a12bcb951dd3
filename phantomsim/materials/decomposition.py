"""Attenuation of many tissues as sums of few basis materials.

After Alvarez and Macovski 1976, doi:10.1088/0031-9155/21/5/002.
Line integrals of the basis volumes are then enough for every energy.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from phantomsim.errors import TissueError
from phantomsim.materials.attenuation import attenuation_matrix
from phantomsim.materials.tissues import Tissue

MAX_BASES = 4


class Decomposition(NamedTuple):
    """Attributes:
    coefficients: float64 [T, K]; mu_tissue(E) = sum over k of coefficients[:, k] mu_k(E).
    residual_per_mm: weighted root mean square of what is left over [T] [1/mm].
    """

    coefficients: np.ndarray
    residual_per_mm: np.ndarray


def decompose(
    names: Sequence[str | Tissue],
    energy_keV: np.typing.ArrayLike,
    weights: np.typing.ArrayLike | None = None,
    basis: Sequence[str | Tissue] = ("water", "bone-cortical"),
) -> Decomposition:
    """Least squares of tissues' attenuation on 1 to 4 basis materials.

    Args:
        names: T tissues.
        energy_keV: photon energies [E].
        weights: how much each energy counts [E], e.g. the signal behind a patient; all alike by default.
        basis: K materials; a basis material itself comes out exactly. Iodine needs a basis of its own.
    Raises:
        TissueError: an unknown name, or not 1 to 4 bases.
    """
    if not 1 <= len(basis) <= MAX_BASES:
        raise TissueError(f"{len(basis)} basis materials; must be 1 to {MAX_BASES}")
    energy = np.asarray(energy_keV, float)
    weight = np.ones_like(energy) if weights is None else np.asarray(weights, float)
    root = np.sqrt(weight / weight.sum())
    target = attenuation_matrix(names, energy) * root
    bases = attenuation_matrix(basis, energy) * root
    scale = np.linalg.norm(bases, axis=1, keepdims=True)
    solution = np.linalg.lstsq((bases / scale).T, target.T, rcond=None)[0].T / scale[:, 0]
    return Decomposition(solution, np.linalg.norm(target - solution @ bases, axis=1))
