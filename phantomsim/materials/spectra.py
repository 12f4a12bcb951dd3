"""X-ray tube spectra: tungsten anodes from a bank, filtered by Beer's law.

The bank is computed once by tools/make_spectra.py with SpekPy 2 (Poludniowski 2021, doi:10.1002/mp.14945).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np

from phantomsim.errors import ScannerError
from phantomsim.materials.attenuation import MM_PER_CM, SYMBOLS, element_density, mass_attenuation
from phantomsim.materials.tissues import Tissue, table

FILE = Path(__file__).parent / "tables" / "spectra.safetensors"
DEFAULT_ANODE_DEG = 7.0  # a usual target angle of CT tubes
MAX_HVL_MM = 100.0
BIN_KEV = 1.0  # width of the bank's bins
KEV_CM2_PER_G_MM2_TO_MGY = 1.602176634e-16 * 1e3 * 1e2 * 1e3  # keV -> J, 1/g -> 1/kg, 1/mm^2 -> 1/cm^2, Gy -> mGy


@dataclass(frozen=True, eq=False)
class Spectrum:
    """A photon spectrum in bins of 1 keV.

    Attributes:
        energy_keV: middle of each bin [N].
        photons_per_mAs_per_mm2_at_1m: photons of the bin per mAs and mm^2, 1 m from the focus, in vacuum [N].
    """

    energy_keV: np.ndarray
    photons_per_mAs_per_mm2_at_1m: np.ndarray

    def filtered(self, material: str | Tissue, thickness_mm: float) -> Spectrum:
        """The spectrum behind a filter: a tissue or material, or an element by symbol ("Al" or "al").

        Raises:
            TissueError: no such material. ScannerError: a negative thickness.
        """
        if not thickness_mm >= 0:
            raise ScannerError(f"filter of {thickness_mm} mm {material}: must not be negative")
        passed = np.exp(-filter_attenuation_per_mm(material, self.energy_keV) * thickness_mm)
        return replace(self, photons_per_mAs_per_mm2_at_1m=self.photons_per_mAs_per_mm2_at_1m * passed)

    def split(self, edges_keV: Iterable[float]) -> Spectrum:
        """The same spectrum with every bin that holds one of these energies divided there, its photons by width."""
        edges = np.sort(np.asarray(tuple(edges_keV), float))
        low, photons = self.energy_keV - BIN_KEV / 2, self.photons_per_mAs_per_mm2_at_1m
        inside = [edges[(edges > a) & (edges < a + BIN_KEV)] for a in low]
        ends = [np.concatenate([[a], cut, [a + BIN_KEV]]) for a, cut in zip(low, inside)]
        middle = np.concatenate([(e[1:] + e[:-1]) / 2 for e in ends])
        share = np.concatenate([n * np.diff(e) / BIN_KEV for e, n in zip(ends, photons)])
        return Spectrum(middle, share)

    @property
    def total(self) -> float:
        """Photons per mAs and mm^2 at 1 m."""
        return float(self.photons_per_mAs_per_mm2_at_1m.sum())

    @property
    def mean_keV(self) -> float:
        """Mean photon energy [keV]."""
        return float(self.energy_keV @ self.photons_per_mAs_per_mm2_at_1m / self.total)

    @property
    def air_kerma_mGy_per_mAs(self) -> float:
        """Air kerma free in air, 1 m from the focus [mGy/mAs]."""
        return float(self._kerma().sum())

    def half_value_layer_mm(self, material: str = "Al") -> float:
        """First half-value layer of air kerma, narrow beam [mm]."""
        from scipy.optimize import brentq

        share, mu = self._kerma() / self._kerma().sum(), filter_attenuation_per_mm(material, self.energy_keV)
        return float(brentq(lambda d: share @ np.exp(-mu * d) - 0.5, 0.0, MAX_HVL_MM))

    def _kerma(self) -> np.ndarray:
        """Air kerma of each bin [mGy/mAs]."""
        transfer = mass_attenuation(table()["air"].composition, self.energy_keV, "transfer")
        return self.photons_per_mAs_per_mm2_at_1m * self.energy_keV * transfer * KEV_CM2_PER_G_MM2_TO_MGY


def filter_attenuation_per_mm(material: str | Tissue, energy_keV: np.ndarray) -> np.ndarray:
    """Linear attenuation of a tissue, a material or an element by symbol [1/mm] [N]."""
    if isinstance(material, str) and material.capitalize() in SYMBOLS:
        symbol = material.capitalize()
        return mass_attenuation({symbol: 1.0}, energy_keV) * element_density(symbol) / MM_PER_CM
    tissue = table()[material.replace("_", "-")] if isinstance(material, str) else material
    return tissue.attenuation_per_mm(energy_keV)


def spectrum(
    kVp: float, filtration: Mapping[str, float] | None = None, anode_deg: float = DEFAULT_ANODE_DEG
) -> Spectrum:
    """The beam of a tungsten tube.

    Args:
        kVp: peak tube voltage, 40 to 150; linear between the bank's steps of 2.
        filtration: everything in the beam, as `{"al_mm": 6.8, "cu_mm": 0.1, "water_mm": 5}`.
        anode_deg: effective target angle, 6 to 16.
    Raises:
        ScannerError: a value outside the bank, or a filter's key that does not end in `_mm`.
    """
    beam = _unfiltered(float(kVp), float(anode_deg))
    for key, thickness in (filtration or {}).items():
        if not key.endswith("_mm"):
            raise ScannerError(f'filter "{key}" must end in its unit, e.g. "al_mm"')
        beam = beam.filtered(key.removesuffix("_mm"), thickness)
    return beam


@cache
def _bank() -> dict[str, np.ndarray]:
    from safetensors.numpy import load_file

    return {name: array.astype(float) for name, array in load_file(FILE).items()}


def _unfiltered(kVp: float, anode_deg: float) -> Spectrum:
    bank = _bank()
    low, low_share = _between(bank["anode_deg"], anode_deg, "anode_deg")
    row, row_share = _between(bank["kVp"], kVp, "kVp")
    corners = bank["photons_per_mAs_per_mm2_at_1m"][low : low + 2, row : row + 2]
    photons = np.array([1 - low_share, low_share]) @ np.tensordot(corners, [1 - row_share, row_share], axes=(1, 0))
    here = bank["energy_keV"] < kVp
    return Spectrum(bank["energy_keV"][here], photons[here])


def _between(steps: np.ndarray, value: float, name: str) -> tuple[int, float]:
    """Index of the step below a value and how far it lies towards the next."""
    if not steps[0] <= value <= steps[-1]:
        raise ScannerError(f"{name} is {value:g}; must be from {steps[0]:g} to {steps[-1]:g}")
    low = min(int(np.searchsorted(steps, value, side="right")) - 1, len(steps) - 2)
    return low, float((value - steps[low]) / (steps[low + 1] - steps[low]))
