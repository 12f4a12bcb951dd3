"""How photons scatter: Klein and Nishina's electron, bound in free atoms.

Incoherent: d sigma / d Omega = Klein-Nishina x S(x, Z). Coherent: Thomson x F(x, Z)^2. x = sin(angle / 2) / wavelength.
F and S are Hubbell's of free atoms (tools/make_scatter_tables.py) and compounds are sums of atoms, so the interference
between molecules is left out: it moves coherent scatter of water below x = 0.2 per angstrom (3 degrees at 60 keV)
outwards and does not change its total. Doppler broadening is left out too.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Literal

import numpy as np

from phantomsim.materials.attenuation import ELECTRON_KEV, SYMBOLS

FILE = Path(__file__).parents[3] / "materials" / "tables" / "scatter.safetensors"
ELECTRON_RADIUS_CM = 2.8179403262e-13  # classical, CODATA 2018
KEV_ANGSTROM = 12.398419843  # photon energy times wavelength, CODATA 2018
AVOGADRO = 6.02214076e23
Process = Literal["coherent", "incoherent"]


@cache
def tables() -> dict[str, np.ndarray]:
    """x [1/angstrom] [X], F and S [element, X], atomic masses [g/mol] [element]."""
    from safetensors.numpy import load_file

    return {name: array.astype(float) for name, array in load_file(FILE).items()}


def momentum(energy_keV: np.ndarray, cosine: np.ndarray) -> np.ndarray:
    """x = sin(angle / 2) / wavelength [1/angstrom]."""
    return np.asarray(energy_keV) / KEV_ANGSTROM * np.sqrt(np.maximum(0.5 - 0.5 * np.asarray(cosine), 0))


def kept_share(energy_keV: np.ndarray, cosine: np.ndarray) -> np.ndarray:
    """Energy of a photon after Compton scatter by a free electron at rest, over that before [1]."""
    return 1 / (1 + np.asarray(energy_keV) / ELECTRON_KEV * (1 - np.asarray(cosine)))


def klein_nishina(energy_keV: np.ndarray, cosine: np.ndarray) -> np.ndarray:
    """Differential cross section of a free electron [cm^2/sr] (Klein and Nishina 1929, doi:10.1007/BF01366453)."""
    kept = kept_share(energy_keV, cosine)
    return 0.5 * ELECTRON_RADIUS_CM**2 * kept**2 * (kept + 1 / kept - 1 + np.asarray(cosine) ** 2)


def thomson(cosine: np.ndarray) -> np.ndarray:
    """Differential cross section of a free electron at low energy [cm^2/sr]."""
    return 0.5 * ELECTRON_RADIUS_CM**2 * (1 + np.asarray(cosine) ** 2)


def electrons(composition: Mapping[str, float], process: Process) -> np.ndarray:
    """Sum over atoms of S (incoherent) or F^2 (coherent), per gram, at the tables' x [X] [1/g].

    Args:
        composition: mass fraction by element symbol.
    """
    values = tables()["scattering_function"] if process == "incoherent" else tables()["form_factor"] ** 2
    mass = tables()["atomic_mass_g_per_mol"]
    rows = [SYMBOLS.index(symbol) for symbol in composition]
    atoms = AVOGADRO * np.array(list(composition.values())) / mass[rows]
    return atoms @ values[rows]


def differential(
    composition: Mapping[str, float], energy_keV: np.ndarray, cosine: np.ndarray, process: Process
) -> np.ndarray:
    """Differential mass scatter coefficient of a compound [cm^2/g/sr]; energy and cosine broadcast.

    Args:
        composition: mass fraction by element symbol.
        energy_keV: up to 500.
        cosine: of the angle of scatter.
    """
    bound = np.interp(momentum(energy_keV, cosine), tables()["x_per_angstrom"], electrons(composition, process))
    return bound * (klein_nishina(energy_keV, cosine) if process == "incoherent" else thomson(cosine))


def quantiles(
    composition: Mapping[str, float], energy_keV: np.ndarray, share: np.ndarray, process: Process, fine: int = 2000
) -> np.ndarray:
    """Cosines of the angle of scatter below which `share` of the scatter lies, counted from straight ahead.

    Args:
        energy_keV: [E].
        share: rising from 0 to 1 [U].
        fine: steps of sin(angle / 2), on which coherent scatter is smooth, over which the sections are summed.
    Returns:
        float64 [E, U], falling from 1 to -1.
    """
    edge = np.linspace(0, 1, fine + 1) ** 2  # sin^2 (angle / 2), finer ahead
    middle = 0.5 * (edge[1:] + edge[:-1])
    section = differential(composition, np.asarray(energy_keV)[:, None], 1 - 2 * middle, process) * np.diff(edge)
    cumulated = np.concatenate([np.zeros((len(section), 1)), np.cumsum(section, 1)], 1)
    return np.stack([1 - 2 * np.interp(share, row / row[-1], edge) for row in cumulated])
