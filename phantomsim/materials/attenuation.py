"""Photon attenuation of elements, compounds and tissues from one small table.

The table is computed once by tools/make_attenuation.py from xraylib, which says why it is a table.
Log-log interpolation in energy; absorption edges have nodes on both sides and are never interpolated across.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Literal

import numpy as np

from phantomsim.errors import TissueError
from phantomsim.materials.tissues import Tissue, table

FILE = Path(__file__).parent / "tables" / "attenuation.safetensors"
LOW_KEV, HIGH_KEV = 1.0, 500.0
MM_PER_CM = 10.0
EDGE_WIDTH = 1e-5  # relative energy between the two nodes of an edge, at most
ELECTRON_KEV = 510.99895  # rest energy, CODATA 2018
_NAMES = (
    "H He Li Be B C N O F Ne Na Mg Al Si P S Cl Ar K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As Se Br Kr Rb Sr Y Zr Nb "
    "Mo Tc Ru Rh Pd Ag Cd In Sn Sb Te I Xe Cs Ba La Ce Pr Nd Pm Sm Eu Gd Tb Dy Ho Er Tm Yb Lu Hf Ta W Re Os Ir Pt Au "
    "Hg Tl Pb Bi Po At Rn Fr Ra Ac Th Pa U"
)
SYMBOLS = tuple(_NAMES.split())  # index + 1 is the atomic number
Process = Literal["total", "photoelectric", "coherent", "incoherent", "transfer"]
INTERACTIONS: tuple[Process, ...] = ("photoelectric", "coherent", "incoherent")


@cache
def _arrays() -> dict[str, np.ndarray]:
    from safetensors.numpy import load_file

    return load_file(FILE)


@cache
def _element(symbol: str, process: Process) -> tuple[np.ndarray, np.ndarray]:
    """Log energy [keV] and log coefficient [cm^2/g] of an element."""
    if symbol not in SYMBOLS:
        raise TissueError(f'no element "{symbol}"; allowed are the symbols H to U, e.g. "Ca"')
    arrays, z = _arrays(), SYMBOLS.index(symbol)
    ends = np.cumsum(arrays["nodes_of_element"])
    part = slice(int(ends[z - 1]) if z else 0, int(ends[z]))
    values = arrays[f"{process}_cm2_per_g"][part].astype(float)
    return np.log(arrays["energy_keV"][part]), np.log(values)


def edges_keV(symbol: str) -> np.ndarray:
    """Absorption edges of an element within the table, rising [keV]. Raises TissueError for no element."""
    log_energy = _element(symbol, "photoelectric")[0]
    return np.exp(log_energy[1:][np.diff(log_energy) < EDGE_WIDTH])


def element_density(symbol: str) -> float:
    """Density of an element as it occurs [g/cm^3] (xraylib's table). Raises TissueError for no element."""
    if symbol not in SYMBOLS:
        raise TissueError(f'no element "{symbol}"; allowed are the symbols H to U, e.g. "Al"')
    return float(_arrays()["density_g_per_cm3"][SYMBOLS.index(symbol)])


def mass_attenuation(
    composition: Mapping[str, float], energy_keV: np.typing.ArrayLike, process: Process = "total"
) -> np.ndarray:
    """Mass attenuation coefficient of a compound by the mixture rule.

    Args:
        composition: mass fraction by element symbol.
        energy_keV: photon energies from 1 to 500 [N].
        process: "total" (photoelectric + coherent + incoherent), one of these, or "transfer": the energy given to
            electrons, which turns fluence into kerma; fluorescence is left out, so for light elements only.
    Returns:
        float64 [N] [cm^2/g].
    Raises:
        TissueError: an unknown element, or an energy outside the table.
    """
    energy = np.asarray(energy_keV, float)
    if energy.size and not (energy.min() >= LOW_KEV and energy.max() <= HIGH_KEV):
        raise TissueError(f"energies must lie from {LOW_KEV:g} to {HIGH_KEV:g} keV; got {energy.min()}..{energy.max()}")
    if process == "transfer":
        # The binding of electrons takes away scatter by small angles, which gives them next to nothing: what they get
        # is that of free ones (Klein-Nishina), whose number shows at high energy.
        free = mass_attenuation(composition, [HIGH_KEV], "incoherent")[0] / klein_nishina(np.array([HIGH_KEV]))[0]
        gained = free * klein_nishina(energy) * recoil_fraction(energy)
        return mass_attenuation(composition, energy, "photoelectric") + gained
    total = np.zeros_like(energy)
    for symbol, fraction in composition.items():
        for part in INTERACTIONS if process == "total" else (process,):
            total += fraction * np.exp(np.interp(np.log(energy), *_element(symbol, part)))
    return total


def klein_nishina(energy_keV: np.ndarray) -> np.ndarray:
    """Cross section of scatter by a free electron, over pi times the square of its classical radius [N]."""
    return _klein_nishina(energy_keV)[1].sum(-1)


def recoil_fraction(energy_keV: np.ndarray) -> np.ndarray:
    """Mean share of a photon's energy that scatter by a free electron gives to it [N]."""
    kept, section = _klein_nishina(energy_keV)
    return ((1 - kept) * section).sum(-1) / section.sum(-1)


def _klein_nishina(energy_keV: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Share of energy that the photon keeps, and weight, for directions (Klein and Nishina 1929) [N, direction]."""
    cosine, weight = np.polynomial.legendre.leggauss(64)
    kept = 1 / (1 + np.asarray(energy_keV, float)[..., None] / ELECTRON_KEV * (1 - cosine))
    return kept, weight * kept**2 * (kept + 1 / kept - 1 + cosine**2)


def attenuation_matrix(names: Sequence[str | Tissue], energy_keV: np.typing.ArrayLike) -> np.ndarray:
    """Linear attenuation of tissues.

    Args:
        names: T tissues by name (or as `Tissue`).
        energy_keV: photon energies [E].
    Returns:
        float64 [T, E] [1/mm].
    Raises:
        TissueError: an unknown tissue; the message gives the nearest name.
    """
    tissues = [table()[name] if isinstance(name, str) else name for name in names]
    return np.stack([tissue.attenuation_per_mm(energy_keV) for tissue in tissues])
