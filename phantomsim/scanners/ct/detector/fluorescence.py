"""Characteristic x-rays that the absorption of a photon sets free, and how they leave a layer.

Only K lines matter: L lines of these elements are below 9 keV and are absorbed within 30 um.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from phantomsim.materials.attenuation import MM_PER_CM, mass_attenuation
from phantomsim.materials.tissues import table

# K edge [keV], jump ratio, fluorescence yield, then (mean energy [keV], share of the K lines) of K-alpha and K-beta.
# From xraylib 4 (Schoonjans et al., Spectrochim. Acta B 66 (2011) 776, doi:10.1016/j.sab.2011.09.011). Yields as given
# by Krause, J. Phys. Chem. Ref. Data 8 (1979) 307 differ by less than 0.005 (unverified).
K_SHELL: dict[str, tuple[float, float, float, tuple[tuple[float, float], ...]]] = {
    "Cd": (26.7112, 6.275, 0.8415, ((23.108, 0.8251), (26.168, 0.1749))),
    "Te": (31.8138, 6.085, 0.8750, ((27.378, 0.8158), (30.691, 0.1842))),
    "I": (33.1694, 6.039, 0.8819, ((28.509, 0.8136), (31.842, 0.1864))),
    "Cs": (35.9846, 5.949, 0.8942, ((30.851, 0.8096), (34.255, 0.1904))),
    "Gd": (50.2391, 5.537, 0.9320, ((42.751, 0.7993), (47.591, 0.2007))),
}
MATERIAL = {
    "gos": "gadolinium-oxysulfide",
    "csi": "caesium-iodide",
    "cdte": "cadmium-telluride",
    "si": "silicon",
}


class Interaction(NamedTuple):
    """How photons interact in a detector material, for N energies; coherent scatter is no interaction.

    Attributes:
        per_mm: linear coefficient of photoelectric absorption and incoherent scatter [1/mm] [N].
        photoelectric: share of photoelectric absorption in it [1] [N].
    """

    per_mm: np.ndarray
    photoelectric: np.ndarray


class Line(NamedTuple):
    """A characteristic line.

    Attributes:
        photon_keV: its energy [keV].
        share: photons of the line per photoelectric absorption [1] [N].
    """

    photon_keV: float
    share: np.ndarray


def interaction(material: str, energy_keV: np.ndarray) -> Interaction:
    """Interaction in "gos", "csi", "cdte" or "si" at N energies."""
    tissue = table()[MATERIAL[material]]
    electric, incoherent = (
        mass_attenuation(tissue.composition, energy_keV, process) for process in ("photoelectric", "incoherent")
    )
    total = electric + incoherent
    return Interaction(total * tissue.density_g_per_cm3 / MM_PER_CM, electric / total)


def lines(material: str, energy_keV: np.ndarray) -> list[Line]:
    """K lines of a material, with their yields at N energies; zero below the edge."""
    composition = table()[MATERIAL[material]].composition
    total = mass_attenuation(composition, energy_keV, "photoelectric")
    found = []
    for symbol, fraction in composition.items():
        if symbol in K_SHELL:
            edge, jump, fluorescence, spectrum = K_SHELL[symbol]
            part = fraction * mass_attenuation({symbol: 1.0}, energy_keV, "photoelectric") / total
            emitted = np.where(energy_keV > edge, part * (1 - 1 / jump) * fluorescence, 0.0)
            found += [Line(photon_keV, emitted * share) for photon_keV, share in spectrum]
    return found


def escape(per_mm: np.ndarray, fluorescence_per_mm: float, thickness_mm: float) -> np.ndarray:
    """Probability that a characteristic photon leaves a layer by its front or its back [N].

    Closed form over depth (the first photon comes from the front), Gauss-Legendre over direction.

    Args:
        per_mm: attenuation of the first photon [1/mm] [N].
        fluorescence_per_mm: of the characteristic photon [1/mm].
        thickness_mm: of the layer, which is wide [mm].
    """
    cosine, weight = np.polynomial.legendre.leggauss(32)
    mu, k = per_mm[:, None], fluorescence_per_mm / (0.5 + 0.5 * cosine)
    absorbed = -np.expm1(-mu * thickness_mm)
    front = mu / (mu + k) * -np.expm1(-(mu + k) * thickness_mm)
    apart = np.where(np.abs(k - mu) < 1e-9, 1e-9, k - mu)
    back = mu * (np.exp(-mu * thickness_mm) - np.exp(-k * thickness_mm)) / apart
    return ((front + back) / absorbed) @ weight / 4


def inside(per_mm: float, down_mm: np.ndarray, thickness_mm: float) -> np.ndarray:
    """Probability that a point `down_mm` deeper than an interaction still lies in the layer, over its depth.

    Args:
        per_mm: attenuation of the photon that interacts [1/mm].
        down_mm: way along the beam, negative towards the front [mm] [S].
        thickness_mm: of the layer [mm].
    """
    absorbed = -np.expm1(-per_mm * thickness_mm)
    step = np.minimum(np.abs(down_mm), thickness_mm)
    deeper = -np.expm1(-per_mm * (thickness_mm - step))
    shallower = np.exp(-per_mm * step) - np.exp(-per_mm * thickness_mm)
    return np.where(down_mm > 0, deeper, shallower) / absorbed
