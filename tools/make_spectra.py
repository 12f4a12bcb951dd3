"""Compute phantomsim/materials/tables/spectra.safetensors once from SpekPy (`pip install -e ".[tables]"`).

SpekPy 2 (G. Poludniowski et al., Med. Phys. 48 (2021) 3630, doi:10.1002/mp.14945; MIT), its default "casim" physics:
Monte Carlo electron transport in a tungsten target, bremsstrahlung and characteristic lines, self-filtration by the
anode at the central ray. Nothing else is in the beam; `phantomsim.materials.spectra` filters by Beer's law.
Bins are 1 keV wide, so a filter's edge inside a bin is smeared over that bin.
"""

from pathlib import Path

import numpy as np
import spekpy
from safetensors.numpy import save_file

OUT = Path(__file__).parents[1] / "phantomsim" / "materials" / "tables" / "spectra.safetensors"
KVP = np.arange(40, 151, 2)
ANODE_DEG = np.array([6.0, 7.0, 8.0, 10.0, 12.0, 16.0])
LOW_KEV, HIGH_KEV, FINE_KEV = 1, 150, 0.5
MM2_PER_CM2 = 100.0


def photons(kvp: float, anode_deg: float) -> np.ndarray:
    """Photons per mAs and mm^2 at 1 m in bins [1, 2], [2, 3] ... [149, 150] keV, unfiltered."""
    tube = spekpy.Spek(kvp=float(kvp), th=anode_deg, dk=FINE_KEV, z=100.0, mas=1.0, physics="casim")
    energy, fluence = tube.get_spectrum(diff=False)
    edges = np.arange(LOW_KEV, HIGH_KEV + 1)
    return np.histogram(energy, edges, weights=fluence)[0] / MM2_PER_CM2


def main() -> None:
    """Write the bank [anode, kVp, bin]."""
    bank = np.array([[photons(kvp, angle) for kvp in KVP] for angle in ANODE_DEG])
    arrays = {
        "photons_per_mAs_per_mm2_at_1m": bank.astype(np.float32),
        "kVp": KVP.astype(np.float32),
        "anode_deg": ANODE_DEG.astype(np.float32),
        "energy_keV": (np.arange(LOW_KEV, HIGH_KEV) + 0.5).astype(np.float32),
    }
    note = {"source": f"SpekPy {spekpy.__version__} casim, tungsten", "tool": "tools/make_spectra.py"}
    save_file(arrays, OUT, metadata=note)
    print(f"{OUT}: {OUT.stat().st_size / 1024:.0f} kB")


if __name__ == "__main__":
    main()
