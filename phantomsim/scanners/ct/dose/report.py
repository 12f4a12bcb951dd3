"""What a scan costs in dose: CTDIvol, dose-length product, SSDE.

IEC 60601-2-44: CTDIvol is the weighted CTDI over the pitch for a helix, and times collimation over table step for
axial turns; the dose-length product is CTDIvol times the way of the table (helix) or turns times step. Axial turns
lie side by side: their step is the collimation.
"""

from __future__ import annotations

from phantomsim.scanners.ct.dose import ctdi
from phantomsim.scanners.ct.dose.size import ssde_factor
from phantomsim.scanners.ct.spec import CTProtocol, CTScanner


def report(
    scanner: CTScanner,
    protocol: CTProtocol,
    collimation_mm: float,
    mAs: float | None = None,
    water_mm: float | None = None,
) -> dict[str, float | str]:
    """mAs, CTDIvol, dose-length product and, where the patient's size is known, SSDE.

    Args:
        collimation_mm: height of the beam at the isocentre [mm].
        mAs: of one turn, mean over the scan where the current is modulated; None: what the protocol fixes.
        water_mm: water-equivalent diameter of the patient [mm], mean over the scanned slices; None: not known.
    Returns:
        Numbers by name with their unit; a radiograph has no CTDI.
    """
    used = (protocol.fixed_mAs or 0.0) if mAs is None else mAs
    found: dict[str, float | str] = {"kVp": protocol.kVp, "mAs": used}
    if protocol.path == "radiograph":
        return found
    output = ctdi.output(scanner, protocol)
    volume = output.mGy_per_100mAs * used / 100 / table_factor(protocol)
    found |= {"CTDIvol_mGy": volume, "DLP_mGy_cm": volume * length_mm(protocol, collimation_mm) / 10}
    if water_mm is not None:
        found |= {
            "SSDE_mGy": volume * float(ssde_factor(water_mm, protocol.ctdi_phantom)),
            "water_diameter_mm": water_mm,
        }
    return found | {"CTDI_phantom": protocol.ctdi_phantom, "CTDI_source": output.source}


def table_factor(protocol: CTProtocol) -> float:
    """Weighted CTDI over CTDIvol: the pitch, 1 for axial turns side by side."""
    return protocol.pitch if protocol.path == "helical" else 1.0


def length_mm(protocol: CTProtocol, collimation_mm: float) -> float:
    """Length that the dose-length product counts [mm]."""
    return collimation_mm * protocol.turns * table_factor(protocol)
