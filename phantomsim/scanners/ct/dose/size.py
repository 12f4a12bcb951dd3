"""How large a patient is to x-rays, and the size-specific dose estimate (SSDE).

- Water-equivalent diameter: AAPM Report 220 (2014), eq. 3: the circle of water that attenuates as the slice does.
- Effective diameter and SSDE: AAPM Report 204 (2011): SSDE = f x CTDIvol, with f = a exp(-b diameter). Report 220
  puts the water-equivalent diameter in the place of the effective diameter.

The coefficients a and b are those of Report 204, section "Results"; with them f is within .005 of the report's Tables
1D and 2D (effective diameter; 32 cm and 16 cm phantom), to whose two decimals that is the rounding.
"""

from __future__ import annotations

import math

import jax.numpy as jnp
import numpy as np

from phantomsim import materials
from phantomsim.errors import ScannerError
from phantomsim.materials import Spectrum
from phantomsim.phantom import Phantom

#: a [1] and b [1/mm] of f = a exp(-b diameter), by the CTDI phantom; Report 204 gives b in 1/cm.
FACTOR = {"body": (3.704369, 0.003671937), "head": (1.874799, 0.003871313)}
#: Diameters that the report's tables cover [mm].
COVERED_MM = {"body": (80.0, 450.0), "head": (60.0, 550.0)}


def ssde_factor(diameter_mm: np.typing.ArrayLike, ctdi_phantom: str) -> np.ndarray:
    """SSDE over CTDIvol.

    Args:
        diameter_mm: effective or water-equivalent diameter [mm], any shape.
        ctdi_phantom: which phantom CTDIvol is stated for: "head" (16 cm) or "body" (32 cm).
    Returns:
        float64 of the same shape [1]; diameters beyond the report's tables are taken at their ends.
    Raises:
        ScannerError: no such phantom, or a diameter that is not a positive number.
    """
    if ctdi_phantom not in FACTOR:
        raise ScannerError(f'no CTDI phantom "{ctdi_phantom}"; there are {", ".join(FACTOR)}')
    diameter = np.asarray(diameter_mm, float)
    if not np.all(diameter > 0):
        raise ScannerError(f"a patient diameter is {diameter.min()} mm; must be above 0")
    scale, fall = FACTOR[ctdi_phantom]
    return scale * np.exp(-fall * np.clip(diameter, *COVERED_MM[ctdi_phantom]))


def effective_diameter(ap_mm: np.typing.ArrayLike, lateral_mm: np.typing.ArrayLike) -> np.ndarray:
    """Diameter of the circle with the area of an ellipse of these axes [mm] (Report 204, eq. 1)."""
    return np.sqrt(np.asarray(ap_mm, float) * np.asarray(lateral_mm, float))


def water_diameter(values_HU: np.typing.ArrayLike, pixel_mm: tuple[float, float]) -> np.ndarray:
    """Water-equivalent diameter of slices, by their CT numbers (Report 220, eq. 3).

    Args:
        values_HU: slices [..., y, x] that hold the whole patient; what is not patient must be air.
        pixel_mm: pitch along y and x [mm].
    Returns:
        float64 [...] [mm].
    """
    attenuation = np.asarray(values_HU, float) / 1000 + 1
    return _diameter(attenuation.sum((-2, -1)) * pixel_mm[0] * pixel_mm[1])


def phantom_water_diameter(phantom: Phantom, beam: Spectrum | float) -> np.ndarray:
    """Water-equivalent diameter of every slice of a phantom, as a perfect scanner would find it.

    Args:
        phantom: labels, partial volumes and densities are all counted.
        beam: a spectrum, or one energy [keV].
    Returns:
        float64 [z] [mm].
    """
    *tissues, water, air = materials.effective_attenuation([*phantom.tissues, "water", "air"], beam)
    relative = phantom.mix(np.asarray(tissues)) * jnp.asarray(phantom.density, jnp.float32) - air
    pixel = phantom.grid.spacing_mm[1] * phantom.grid.spacing_mm[2]
    return _diameter(np.asarray(relative.sum((1, 2)), float) * pixel / (water - air))


def phantom_effective_diameter(phantom: Phantom) -> np.ndarray:
    """Effective diameter of every slice of a phantom, by its extent along y and x [z] [mm]; 0 in slices of air."""
    body = np.asarray(phantom.label) != (phantom.tissues.index("air") if "air" in phantom.tissues else -1)
    extent = [np.ptp(_ends(body.any(axis)), axis=0) * phantom.grid.spacing_mm[3 - axis] for axis in (2, 1)]
    return effective_diameter(*extent)


def _ends(occupied: np.ndarray) -> np.ndarray:
    """First index and one past the last that are set along the last axis [2, z]; both 0 where none is."""
    some = occupied.any(-1)
    first, last = occupied.argmax(-1), occupied.shape[-1] - occupied[..., ::-1].argmax(-1)
    return np.stack([first * some, last * some])


def _diameter(area_mm2: np.ndarray) -> np.ndarray:
    return 2 * np.sqrt(np.maximum(area_mm2, 0) / math.pi)
