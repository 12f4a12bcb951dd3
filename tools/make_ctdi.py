"""Print the `ctdi` table of a scanner, by simulating its measurement: `python tools/make_ctdi.py scanners/ct-64.toml`.

A row for every CTDI phantom and bowtie that the scanner's protocols use together, at 80, 100, 120 and 140 kVp, each of
a million photons (0.5 %, about 10 s). Where `heel` or filtration change, the table must be made again.
"""

import sys

from phantomsim.scanners.ct.dose import ctdi
from phantomsim.scanners.ct.spec import CTScanner
from phantomsim.specfile.load import load

KVP = (80.0, 100.0, 120.0, 140.0)
HISTORIES = 1_000_000


def main() -> None:
    """Write TOML to the standard output."""
    scanner = load(sys.argv[1], CTScanner)
    used = sorted({(p.ctdi_phantom, p.bowtie) for p in scanner.protocols.values() if p.path != "radiograph"})
    print('ctdi_source = "tools/make_ctdi.py: Monte Carlo of the PMMA phantoms, a million photons"')
    print("ctdi = [")
    for phantom, bowtie in used:
        for kVp in KVP:
            value = ctdi.simulate(scanner, kVp, phantom, bowtie, histories=HISTORIES).weighted
            row = f'phantom = "{phantom}", bowtie = "{bowtie}", kVp = {kVp}, mGy_per_100mAs = {float(f"{value:.3g}")}'
            print(f"    {{ {row} }},", flush=True)
    print("]")


if __name__ == "__main__":
    main()
