"""Where a patient is put in the scanner."""

from __future__ import annotations

import numpy as np

from phantomsim.errors import ScannerError
from phantomsim.phantom import Phantom

BRAIN = ("brain", "grey-matter", "white-matter")  # tissues; not fluid, which goes on along the spinal cord


def isocentre(phantom: Phantom, centre_on: str) -> tuple[float, float, float]:
    """The world point (x, y, z) that is put at the isocentre [mm].

    The body's bounding box is centred in x and y, as a technologist would; along z the middle of the
    phantom, the centre of mass of its brain, or that of its first lesion (the same in the lesion-absent
    twin). A phantom without brain or lesion lies by its middle.

    Args:
        centre_on: "phantom", "brain" or "lesion".
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
    if centre_on == "brain" and (planes := brain_voxels(phantom)).any():
        middle[0] = planes @ np.arange(len(planes)) / planes.sum()
    return tuple(phantom.grid.world(middle).tolist())  # type: ignore[return-value]


def brain_voxels(phantom: Phantom) -> np.ndarray:
    """Voxels of the brain in every plane across z, int [z]; all zero where the phantom has none."""
    tissues = [n for n, name in enumerate(phantom.tissues) if name in BRAIN]
    return np.isin(np.asarray(phantom.label), tissues).sum(axis=(1, 2))
