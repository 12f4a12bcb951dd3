"""Dose of a protocol from the scanner's table."""

from __future__ import annotations

import numpy as np

from phantomsim.scanners.ct.spec import CTProtocol, CTScanner


def report(scanner: CTScanner, protocol: CTProtocol, collimation_mm: float) -> dict[str, float | str]:
    """mAs, CTDIvol and dose-length product of one axial turn.

    CTDIvol is tabulated output (full beam), not simulated; between tabulated voltages it follows a power law.
    It is left out where the scanner's file has no value for the phantom.
    """
    found: dict[str, float | str] = {"kVp": protocol.kVp, "mAs": protocol.fixed_mAs or 0.0}
    rows = sorted((r.kVp, r.mGy_per_100mAs) for r in scanner.ctdi if r.phantom == protocol.ctdi_phantom)
    if not rows or not rows[0][0] <= protocol.kVp <= rows[-1][0]:
        return found
    kVp, output = np.log(np.array(rows)).T
    ctdi = float(np.exp(np.interp(np.log(protocol.kVp), kVp, output))) * (protocol.fixed_mAs or 0.0) / 100
    found |= {"CTDIvol_mGy": ctdi, "DLP_mGy_cm": ctdi * collimation_mm / 10}
    return found | {"CTDI_phantom": protocol.ctdi_phantom, "CTDI_source": "tabulated: " + scanner.ctdi_source}
