"""Compute phantomsim/materials/tables/attenuation.safetensors once from xraylib (`pip install -e ".[tables]"`).

Why a table and not xraylib at run time: no native dependency, no 0.4 s of import, the same numbers everywhere.
xraylib (T. Schoonjans et al., Spectrochim. Acta B 66 (2011) 776, doi:10.1016/j.sab.2011.09.011; BSD) gives them.
`CS_Photo`, `CS_Rayl`, `CS_Compt` (whose sum is `CS_Total`) are used, not the Kissel variants, which differ by tens of
percent at 30 keV for some elements and raise errors for others.
Energies: a common logarithmic grid and, on both sides of every absorption edge, two more nodes, so that
interpolation never crosses an edge.
"""

from pathlib import Path

import numpy as np
import xraylib
from safetensors.numpy import save_file

OUT = Path(__file__).parents[1] / "phantomsim" / "materials" / "tables" / "attenuation.safetensors"
ELEMENTS = range(1, 93)
LOW_KEV, HIGH_KEV = 1.0, 500.0
COMMON = np.geomspace(LOW_KEV, HIGH_KEV, 96)
BESIDE = 2e-5
SHELLS = [xraylib.K_SHELL, *range(xraylib.L1_SHELL, xraylib.M5_SHELL + 1)]


def edges(z: int) -> list[float]:
    """Absorption edges of an element inside the table [keV]."""
    found = []
    for shell in SHELLS:
        try:
            found.append(float(xraylib.EdgeEnergy(z, shell)))
        except ValueError:
            continue  # the element has no such shell
    return sorted(e for e in found if LOW_KEV * (1 + 1e-3) < e < HIGH_KEV)


def jump(z: int, edge: float) -> tuple[float, float]:
    """Energies just below and just above where the cross section really jumps, near a nominal edge [keV]."""
    fine = edge * (1 + np.linspace(-5e-4, 5e-4, 2001))
    value = np.array([xraylib.CS_Photo(z, float(e)) for e in fine])
    at = int(np.argmax(np.diff(value)))
    return float(fine[at]), float(fine[at + 1])


def nodes(z: int) -> np.ndarray:
    """Energies at which the element is tabulated, increasing [keV]."""
    sides = [side for edge in edges(z) for side in jump(z, edge)]
    keep = [e for e in COMMON if all(abs(e / s - 1) > 1e-4 for s in sides)]
    return np.array(sorted({*keep, *sides}))


def main() -> None:
    """Write energies, partial mass attenuation coefficients [cm^2/g] and densities of all elements, end to end."""
    energy, photo, coherent, incoherent, count = [], [], [], [], []
    for z in ELEMENTS:
        grid = nodes(z)
        count.append(len(grid))
        energy.append(grid)
        photo.append([xraylib.CS_Photo(z, float(e)) for e in grid])
        coherent.append([xraylib.CS_Rayl(z, float(e)) for e in grid])
        incoherent.append([xraylib.CS_Compt(z, float(e)) for e in grid])
    arrays = {
        "energy_keV": np.concatenate(energy).astype(np.float64),
        "photoelectric_cm2_per_g": np.concatenate(photo).astype(np.float32),
        "coherent_cm2_per_g": np.concatenate(coherent).astype(np.float32),
        "incoherent_cm2_per_g": np.concatenate(incoherent).astype(np.float32),
        "nodes_of_element": np.array(count, np.int32),
        "density_g_per_cm3": np.array([xraylib.ElementDensity(z) for z in ELEMENTS], np.float64),
    }
    note = {
        "source": f"xraylib {xraylib.__version__}, CS_Photo, CS_Rayl, CS_Compt",
        "tool": "tools/make_attenuation.py",
    }
    save_file(arrays, OUT, metadata=note)
    print(f"{OUT}: {OUT.stat().st_size / 1024:.0f} kB, {sum(count)} nodes")


if __name__ == "__main__":
    main()
