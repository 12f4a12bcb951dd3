"""Few weighted energies instead of a whole spectrum."""

from __future__ import annotations

import numpy as np

from phantomsim.materials.attenuation import attenuation_matrix
from phantomsim.materials.spectra import Spectrum

PATHS_MM = {
    "water": np.array([0, 10, 30, 60, 100, 150, 200, 260, 330, 400, 500]),
    "bone-cortical": np.array([0, 5, 15, 30, 60]),
}


def nodes(beam: Spectrum, response: np.ndarray | None = None, tolerance: float = 1e-4) -> tuple[np.ndarray, np.ndarray]:
    """Energies and weights that reproduce the transmitted signal through water and bone.

    A quadrature of the spectrum: non-negative least squares on the transmission through many paths of water and
    bone, each relative to its true value, keeps as few energies as there are independent shapes (about 10).

    Args:
        beam: the spectrum.
        response: signal per photon at each of the beam's energies [N]; by default its energy (energy-integrating).
        tolerance: largest relative error of the signal over all paths that is allowed.
    Returns:
        (energy_keV [n], weight [n]); the weights sum to that of the whole spectrum:
        sum of photons x response.
    """
    from scipy.optimize import nnls

    signal = beam.photons_per_mAs_per_mm2_at_1m * (beam.energy_keV if response is None else response)
    attenuation = attenuation_matrix(tuple(PATHS_MM), beam.energy_keV)
    paths = np.stack(np.meshgrid(*PATHS_MM.values(), indexing="ij"), -1).reshape(-1, len(PATHS_MM))
    passed = np.exp(-paths @ attenuation)
    whole = passed @ signal
    weight, _ = nnls(passed / whole[:, None] * signal.sum(), np.ones(len(paths)))
    keep = weight > 0
    error = np.abs(passed[:, keep] @ weight[keep] * signal.sum() / whole - 1).max()
    if error > tolerance:
        return beam.energy_keV, signal
    return beam.energy_keV[keep], weight[keep] * signal.sum()
