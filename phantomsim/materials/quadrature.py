"""Few weighted energies instead of a whole spectrum."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from phantomsim.errors import ScannerError
from phantomsim.materials.attenuation import attenuation_matrix
from phantomsim.materials.spectra import Spectrum

# Thicknesses of each material [mm] whose every combination the nodes must transmit as the whole spectrum does.
PATHS_MM: dict[str, tuple[float, ...]] = {
    "water": (0, 5, 10, 20, 40, 70, 100, 140, 180, 220, 260, 300, 350, 400),
    "bone-cortical": (0, 5, 12, 25, 45, 70),
    "iodine-blood-20": (0, 10, 30),
}


def nodes(
    beam: Spectrum,
    count: int = 16,
    response: np.ndarray | None = None,
    paths_mm: Mapping[str, tuple[float, ...]] | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Energies and weights that transmit through a patient as the whole spectrum does.

    Greedy non-negative least squares on relative transmission: energies are taken one by one where they explain
    most of what is left, and all weights fitted anew (the active set method of Lawson and Hanson 1974, stopped early).

    Args:
        beam: the spectrum, with N bins.
        count: at most so many energies; 12 give 3e-4, 16 give 6e-5 at 120 kVp (largest relative error of the signal).
        response: signal per photon at each of the beam's energies [N]; by default its energy (energy-integrating).
        paths_mm: thicknesses of each material that are combined; by default water, bone and iodinated blood.
    Returns:
        (energy_keV [n], weight [n]), n <= count; the weights sum to the whole signal, sum of photons x response.
    Raises:
        ScannerError: count below 1.
    """
    if count < 1:
        raise ScannerError(f"{count} energy nodes; must be at least 1")
    signal = beam.photons_per_mAs_per_mm2_at_1m * (beam.energy_keV if response is None else response)
    passed = transmission(beam.energy_keV, paths_mm or PATHS_MM)
    relative = passed / (passed @ signal)[:, None]
    chosen, weight = _greedy(relative, count)
    weight *= signal.sum() / weight.sum()
    order = np.argsort(chosen)
    return beam.energy_keV[chosen[order]], weight[order]


def transmission(energy_keV: np.ndarray, paths_mm: Mapping[str, tuple[float, ...]]) -> np.ndarray:
    """exp(-sum mu t) for every combination of thicknesses [path, energy]."""
    paths = np.stack(np.meshgrid(*paths_mm.values(), indexing="ij"), -1).reshape(-1, len(paths_mm))
    return np.exp(-paths @ attenuation_matrix(tuple(paths_mm), energy_keV))


def _greedy(columns: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Columns and non-negative weights whose sum is close to one in every row."""
    from scipy.optimize import nnls

    target = np.ones(len(columns))
    norms = np.linalg.norm(columns, axis=0)
    chosen: list[int] = []
    weight = np.zeros(0)
    while len(chosen) < min(count, columns.shape[1]):
        gain = columns.T @ (target - columns[:, chosen] @ weight) / norms
        gain[chosen] = -np.inf
        chosen.append(int(np.argmax(gain)))
        weight, _ = nnls(columns[:, chosen], target, maxiter=100 * count)
    keep = weight > 0
    return np.array(chosen)[keep], weight[keep]
