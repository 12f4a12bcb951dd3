"""Few weighted energies instead of a whole spectrum."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from phantomsim.errors import ScannerError
from phantomsim.materials.selection import compressed, fit, selected
from phantomsim.materials.spectra import Spectrum, filter_attenuation_per_mm

# Thicknesses of each material [mm] whose every combination the nodes must transmit as the whole spectrum does.
PATHS_MM: dict[str, tuple[float, ...]] = {
    "water": (0, 3, 10, 30, 70, 120, 190, 280, 400, 500),
    "bone-cortical": (0, 6, 30, 80),
    "iodine-blood-20": (0, 10, 40),
    "titanium": (0, 10),
}
LEADING = 16  # responses that choose the energies


def nodes(
    beam: Spectrum,
    count: int = 16,
    response: np.ndarray | None = None,
    paths_mm: Mapping[str, tuple[float, ...]] | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Energies and weights that transmit through a patient as the whole spectrum does.

    Greedy non-negative least squares on relative transmission: energies are taken one by one where they explain
    most of what is left, and all weights fitted anew (the active set method of Lawson and Hanson 1974, stopped early);
    then energies are moved and swapped while that helps. Several responses share their energies and have weights of
    their own.

    Args:
        beam: the spectrum, with N bins.
        count: at most so many energies. At 80 to 140 kVp the largest relative error of a signal behind any patient
            is 2e-4 with 12 and 5e-5 with 16.
        response: signal per photon at each of the beam's energies [N], or of R responses [R, N], none negative;
            by default its energy (energy-integrating). The first sixteen choose the energies.
        paths_mm: thicknesses of each material, or element, that are combined; by default water, bone, iodinated
            blood and titanium.
    Returns:
        (energy_keV [n], weight [n] or [R, n]), n <= count; weights sum to the whole signal, sum of photons x response.
    Raises:
        ScannerError: count below 1, or responses that are negative, not finite, or all zero.
    """
    if count < 1:
        raise ScannerError(f"{count} energy nodes; must be at least 1")
    signal = beam.photons_per_mAs_per_mm2_at_1m * np.atleast_2d(beam.energy_keV if response is None else response)
    some = signal.sum(-1) > 0
    if not np.isfinite(signal).all() or signal.min() < 0 or not some.any():
        raise ScannerError("a detector's response to photons must be finite, not negative, and not zero throughout")
    passed = transmission(beam.energy_keV, paths_mm or PATHS_MM)
    problem = [compressed(passed * one / (passed @ one)[:, None]) for one in signal[some]]
    chosen = selected(problem[:LEADING], count)
    weight = np.zeros((len(signal), len(chosen)))
    weight[some] = fit(problem, chosen)[0] * signal[some][:, chosen]
    weight[some] *= (signal[some].sum(-1) / weight[some].sum(-1))[:, None]
    single = response is None or response.ndim == 1
    return beam.energy_keV[chosen], weight[0] if single else weight


def transmission(energy_keV: np.ndarray, paths_mm: Mapping[str, tuple[float, ...]]) -> np.ndarray:
    """exp(-sum mu t) for every combination of thicknesses [path, energy]."""
    paths = np.stack(np.meshgrid(*paths_mm.values(), indexing="ij"), -1).reshape(-1, len(paths_mm))
    return np.exp(-paths @ np.stack([filter_attenuation_per_mm(name, energy_keV) for name in paths_mm]))
