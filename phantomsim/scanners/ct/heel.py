"""The heel effect: rays that leave the anode at a grazing angle have come through more of its tungsten.

X-rays arise at some depth d below the face of the anode and leave it at the take-off angle t: their path inside is
d / sin t. The bank's spectra hold that path for the central ray, whose take-off angle is the anode's. Another ray
has d (1 / sin t - 1 / sin anode) of tungsten more, or less. The depth is the one that makes the bank's spectra of two
anode angles differ as they do in energy fluence: about 1 um at 80 kVp, 2 um at 120. (Models of tubes have a
distribution of depths: Tucker et al., Med. Phys. 18 (1991) 211; Poludniowski, Med. Phys. 34 (2007) 2175.)
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from phantomsim import materials
from phantomsim.errors import ScannerError
from phantomsim.materials.spectra import filter_attenuation_per_mm
from phantomsim.scanners.ct.rays import Rays

MATERIAL = "tungsten"
BANK_DEG = (6.0, 16.0)  # anode angles of the bank
STEP_DEG = 1.0  # at least so far apart are the two spectra that tell the depth
GRAZING_DEG = 0.5  # take-off angles below are an error: the anode's rim and roughness decide there
DEEPEST_MM = 0.05


def take_off(rays: Rays, anode_deg: float) -> np.ndarray:
    """Angle between each ray and the face of the anode, which lies towards +z [row, column] [rad].

    Raises:
        ScannerError: a ray runs behind the face of the anode or grazes it.
    """
    angle = np.deg2rad(anode_deg)
    found = np.arcsin(rays.direction @ np.array([0.0, np.sin(angle), -np.cos(angle)]))
    if np.rad2deg(found.min()) < GRAZING_DEG:
        raise ScannerError(
            f"the beam reaches to {np.rad2deg(found.min()):.1f} deg from the face of the anode, which has"
            f" {anode_deg:g} deg; use fewer rows or a larger anode_deg"
        )
    return found


def depth_mm(kVp: float, filtration: Mapping[str, float], low_deg: float, high_deg: float) -> float:
    """Depth at which the x-rays arise, as two spectra of the bank tell it [mm].

    Args:
        kVp, filtration: of the beam.
        low_deg, high_deg: anode angles to compare; moved into the bank and STEP_DEG apart.
    """
    from scipy.optimize import brentq

    low = float(np.clip(low_deg, BANK_DEG[0], BANK_DEG[1] - STEP_DEG))
    high = float(np.clip(high_deg, low + STEP_DEG, BANK_DEG[1]))
    fluences = []
    for angle in (low, high):
        beam = materials.spectrum(kVp, filtration, angle)
        fluences.append(beam.photons_per_mAs_per_mm2_at_1m * beam.energy_keV)
    less = 1 / np.sin(np.deg2rad(low)) - 1 / np.sin(np.deg2rad(high))
    mu = filter_attenuation_per_mm(MATERIAL, beam.energy_keV)
    ratio = fluences[0].sum() / fluences[1].sum()
    return float(brentq(lambda d: fluences[1] @ np.exp(-mu * d * less) / fluences[1].sum() - ratio, 0, DEEPEST_MM))


def path_mm(rays: Rays, anode_deg: float, kVp: float, filtration: Mapping[str, float]) -> np.ndarray:
    """Tungsten that each ray has crossed beyond the central ray's; negative towards the cathode [row, column] [mm].

    Raises:
        ScannerError: a ray runs behind the face of the anode.
    """
    angle = take_off(rays, anode_deg)
    reach = np.rad2deg(np.array([angle.min(), angle.max()]))
    more = 1 / np.sin(angle) - 1 / np.sin(np.deg2rad(anode_deg))
    return depth_mm(kVp, filtration, *reach) * more
