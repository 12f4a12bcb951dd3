"""What a calibrated CT scanner reads in a tissue."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from phantomsim.materials.attenuation import attenuation_matrix
from phantomsim.materials.spectra import Spectrum
from phantomsim.materials.tissues import Tissue

PATH_MM = 200.0  # water that the beam has crossed on its way: about a head, or a small abdomen


def effective_attenuation(
    names: Sequence[str | Tissue], beam: Spectrum | float, water_mm: float = PATH_MM
) -> np.ndarray:
    """Attenuation that a thin sample shows to an energy-integrating detector behind water.

    Args:
        names: T tissues.
        beam: a spectrum, or one energy [keV].
        water_mm: water in the beam.
    Returns:
        float64 [T] [1/mm].
    """
    if isinstance(beam, Spectrum):
        behind = beam.filtered("water", water_mm)
        signal = behind.photons_per_mAs_per_mm2_at_1m * behind.energy_keV
        return attenuation_matrix(names, beam.energy_keV) @ (signal / signal.sum())
    return attenuation_matrix(names, [beam])[:, 0]


def hu(names: Sequence[str | Tissue], beam: Spectrum | float, water_mm: float = PATH_MM) -> np.ndarray:
    """CT numbers of tissues: 1000 (mu - mu_water) / (mu_water - mu_air) [HU], float64 [T].

    A thin sample in the middle of `water_mm` of water, perfect detector, beam hardening by the sample itself
    left out: an estimate for tables, which a simulated scan should meet within a few HU in soft tissue.
    """
    *sample, water, air = effective_attenuation([*names, "water", "air"], beam, water_mm)
    return 1000 * (np.array(sample) - water) / (water - air)
