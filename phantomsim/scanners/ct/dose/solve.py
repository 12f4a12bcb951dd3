"""The tube current that a wish for dose or noise asks for.

CTDIvol and SSDE are proportional to mAs. Noise is predicted by propagating the variance of every reading through the
reconstruction, linearised at the noise-free readings: for filtered backprojection that is the sum over views of the
variance of the rays through the pixel times the kernel's noise gain, with nothing left out (interpolation, fan weights,
redundancy of a helix, beam hardening). Quantum variance goes as 1 / mAs and electronic variance as 1 / mAs^2, so
one propagation gives the noise at every mAs. The logarithm is taken to be straight over a reading's noise: behind so
much tissue that this is above a third of the reading, real noise is more.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple, TypeVar

import jax
import jax.numpy as jnp
import numpy as np

from phantomsim.errors import ScannerError
from phantomsim.scanners.ct import fdk
from phantomsim.scanners.ct.dose.report import table_factor
from phantomsim.scanners.ct.dose.size import ssde_factor
from phantomsim.scanners.ct.geometry import Geometry
from phantomsim.scanners.ct.spec import CTProtocol

KERNEL, SLICE_MM = "standard", 5.0  # what `CTProtocol.noise_HU` is stated for
SIDE, STEP_MM = 8, 5.3  # a square of pixels about the middle, too far apart to be correlated much
PROBES = 2
Value = TypeVar("Value")


class NoiseLaw(NamedTuple):
    """SD^2 = quantum / mAs + electronic / mAs^2 [HU^2].

    Attributes:
        quantum: [HU^2 mAs]. electronic: [HU^2 mAs^2].
    """

    quantum: float
    electronic: float

    def sd_HU(self, mAs: float) -> float:
        """Noise at a tube current [HU]."""
        return math.sqrt(self.quantum / mAs + self.electronic / mAs**2)

    def mAs(self, sd_HU: float) -> float:
        """Tube current for a noise: the positive root of SD^2 mAs^2 = quantum mAs + electronic."""
        variance = sd_HU**2
        return (self.quantum + math.sqrt(self.quantum**2 + 4 * variance * self.electronic)) / (2 * variance)


def noise_law(
    pixels: Callable[[jax.Array], jax.Array],
    readings: jax.Array,
    quantum_variance: jax.Array,
    electronic_variance: jax.Array | float,
    mAs: float,
) -> NoiseLaw:
    """How the noise of an image depends on mAs, from one simulation without noise.

    Args:
        pixels: what makes pixels [HU] of readings, differentiable; see `middle_pixels`.
        readings: noise-free, at `mAs`.
        quantum_variance, electronic_variance: of each reading at `mAs`, which are independent, in its unit squared;
            the second may be a scalar.
        mAs: of the readings.
    Returns:
        The mean over the pixels.
    """
    image, back = jax.vjp(pixels, readings)
    signs = np.random.default_rng(0).choice([-1.0, 1.0], (PROBES, *image.shape)).astype(np.float32)
    # The sum of all pixels with random signs has, but for their correlation, the sum of their variances.
    weights = sum(back(jnp.asarray(sign))[0] ** 2 for sign in signs) / (PROBES * image.size)
    quantum = float(jnp.sum(weights * quantum_variance)) * mAs
    electronic = float(jnp.sum(weights * electronic_variance)) * mAs**2
    if not math.isfinite(quantum + electronic) or quantum <= 0:
        raise ScannerError("the noise of the scan cannot be predicted: no reading bears on the middle of the image")
    return NoiseLaw(quantum, electronic)


def middle_pixels(
    water_paths: Callable[[jax.Array], jax.Array],
    geometry: Geometry,
    centre_mm: tuple[float, float, float] = (0.0, 0.0, 0.0),
) -> Callable[[jax.Array], jax.Array]:
    """Readings -> a few pixels of a slice through the middle [HU], as `CTProtocol.noise_HU` is stated.

    Example: `noise_law(middle_pixels(paths, geometry), mean, variance, electronic**2, mAs).mAs(8.0)`, where
    `paths = lambda readings: water.water_paths(correct.line_integrals(readings, air, floor), correction)`.

    Args:
        water_paths: readings -> paths of water [view, row, column] [mm], differentiable.
        geometry: of the scan.
        centre_mm: (x, y, z) of the middle from the isocentre [mm].
    """

    def pixels(readings: jax.Array) -> jax.Array:
        shape, spacing = (1, SIDE, SIDE), (SLICE_MM, STEP_MM, STEP_MM)
        return 1000 * (fdk.reconstruct(water_paths(readings), geometry, KERNEL, shape, spacing, centre_mm) - 1)

    return pixels


def tube_mAs(
    protocol: CTProtocol, mGy_per_100mAs: float | None = None, water_mm: float | None = None,
    noise: NoiseLaw | None = None,
) -> float:  # fmt: skip
    """mAs of one turn, mean over the scan, that gives what a protocol asks for.

    Args:
        mGy_per_100mAs: weighted CTDI of the beam, see `ctdi.output`; needed for CTDIvol_mGy and SSDE_mGy.
        water_mm: water-equivalent diameter of the patient [mm]; needed for SSDE_mGy.
        noise: see `noise_law`; needed for noise_HU.
    Raises:
        ScannerError: what is needed is not given.
    """
    if protocol.fixed_mAs is not None:
        return protocol.fixed_mAs
    if protocol.noise_HU is not None:
        return _given(noise, "noise_HU", "a simulation of the patient").mAs(protocol.noise_HU)
    output = _given(mGy_per_100mAs, "CTDIvol_mGy or SSDE_mGy", "the scanner's CTDI") / table_factor(protocol) / 100
    if protocol.CTDIvol_mGy is not None:
        return protocol.CTDIvol_mGy / output
    factor = float(ssde_factor(_given(water_mm, "SSDE_mGy", "the patient's size"), protocol.ctdi_phantom))
    return (protocol.SSDE_mGy or 0.0) / factor / output


def _given(value: Value | None, wanted: str, needed: str) -> Value:
    if value is None:
        raise ScannerError(f"protocol.{wanted} needs {needed}")
    return value
