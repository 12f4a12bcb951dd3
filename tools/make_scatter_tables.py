"""Compute phantomsim/materials/tables/scatter.safetensors once from xraylib (`pip install -e ".[tables]"`).

xraylib (T. Schoonjans et al., Spectrochim. Acta B 66 (2011) 776, doi:10.1016/j.sab.2011.09.011; BSD) gives the
atomic form factor F(x, Z) and the incoherent scattering function S(x, Z) of free atoms, after Hubbell et al., J. Phys.
Chem. Ref. Data 4 (1975) 471, doi:10.1063/1.555523, with x = sin(angle / 2) / wavelength.
"""

from pathlib import Path

import numpy as np
import xraylib
from safetensors.numpy import save_file

OUT = Path(__file__).parents[1] / "phantomsim" / "materials" / "tables" / "scatter.safetensors"
ELEMENTS = range(1, 93)
LOW, HIGH = 0.005, 41.0  # of x [1/angstrom]; 500 keV photons scattered straight back have 40.3
POINTS = 256


def main() -> None:
    """Write x [1/angstrom], F [element, x], S [element, x] and atomic masses [g/mol] [element]."""
    x = np.concatenate([[0.0], np.geomspace(LOW, HIGH, POINTS)])
    form = [[z, *(xraylib.FF_Rayl(z, float(v)) for v in x[1:])] for z in ELEMENTS]  # forward, all electrons add up
    incoherent = [[0.0, *(xraylib.SF_Compt(z, float(v)) for v in x[1:])] for z in ELEMENTS]  # and none recoils
    arrays = {
        "x_per_angstrom": x,
        "form_factor": np.array(form, np.float32),
        "scattering_function": np.array(incoherent, np.float32),
        "atomic_mass_g_per_mol": np.array([xraylib.AtomicWeight(z) for z in ELEMENTS]),
    }
    note = {"source": f"xraylib {xraylib.__version__}, FF_Rayl, SF_Compt", "tool": "tools/make_scatter_tables.py"}
    save_file(arrays, OUT, metadata=note)
    print(f"{OUT}: {OUT.stat().st_size / 1024:.0f} kB")


if __name__ == "__main__":
    main()
