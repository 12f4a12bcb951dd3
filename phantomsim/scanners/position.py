"""Where a patient is put in the scanner."""

from __future__ import annotations

import numpy as np

from phantomsim.errors import ScannerError
from phantomsim.phantom import Phantom


def isocentre(phantom: Phantom, centre_on: str) -> tuple[float, float, float]:
    """The world point (x, y, z) that is put at the isocentre [mm].

    The body's bounding box is centred in x and y, as a technologist would; along z the middle of the
    phantom, or of its first lesion (the same in the lesion-absent twin).

    Args:
        centre_on: "phantom" or "lesion".
    Raises:
        ScannerError: the phantom is all air.
    """
    body = np.asarray(phantom.label) != phantom.tissue_index("air") if "air" in phantom.tissues else np.ones(1, bool)
    if not body.any():
        raise ScannerError("the phantom is all air; there is no body to put at the isocentre")
    middle = (np.asarray(phantom.grid.shape) - 1) / 2
    if body.ndim == 3:
        for axis, others in ((1, (0, 2)), (2, (0, 1))):
            inside = np.flatnonzero(body.any(axis=others))
            middle[axis] = (inside[0] + inside[-1]) / 2
    if centre_on == "lesion" and phantom.lesions:
        middle[0] = phantom.grid.index([float(c) for c in phantom.lesions[0].centre_mm])[0]
    return tuple(phantom.grid.world(middle).tolist())  # type: ignore[return-value]
