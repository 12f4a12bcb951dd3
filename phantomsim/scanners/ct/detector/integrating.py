"""Energy-integrating detectors: what a photon deposits, and readings with their noise.

A reading is the sum of the energies that photons leave in the scintillator. Photons of each energy are Poisson, so the
mean is sum N <e> and the variance is sum N <e^2> (compound Poisson; Whiting et al., Med. Phys. 33 (2006) 3290,
doi:10.1118/1.2230762). e differs between photons of one energy where a characteristic x-ray escapes: <e>^2 / <e^2> is
the x-ray Swank factor (Swank, J. Appl. Phys. 44 (1973) 4199, doi:10.1063/1.1662918), and DQE(0) is <e>^2 / <e^2> times
the chance to interact. The spread of the light itself is left out: at some thousand quanta a photon it adds below 1 %.
A photon scattered incoherently is taken to be absorbed in the same cell; what leaves the cell sideways is
`crosstalk`'s.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from phantomsim.scanners.ct.detector import draw
from phantomsim.scanners.ct.detector.crosstalk import spread
from phantomsim.scanners.ct.detector.fluorescence import escape, interaction, lines
from phantomsim.scanners.ct.spec import EnergyIntegrating

LEAST_GAIN = 0.1


class Deposit(NamedTuple):
    """Energy that photons of N energies leave in the scintillator.

    Attributes:
        interacts: probability that a photon does [1] [N].
        mean_keV: of the energy that an interacting photon leaves [keV] [N].
        square_keV2: of its square [keV^2] [N].
    """

    interacts: np.ndarray
    mean_keV: np.ndarray
    square_keV2: np.ndarray

    @property
    def swank(self) -> np.ndarray:
        """X-ray Swank factor, <e>^2 / <e^2> [1] [N]."""
        return self.mean_keV**2 / self.square_keV2


def deposit(detector: EnergyIntegrating, energy_keV: np.ndarray) -> Deposit:
    """Interaction and escape through front and back of the scintillator, at N energies."""
    energy = np.asarray(energy_keV, float)
    first = interaction(detector.material, energy)
    mean, square = energy.copy(), energy**2
    for line in lines(detector.material, energy):
        own = interaction(detector.material, np.array([line.photon_keV])).per_mm[0]
        lost = first.photoelectric * line.share * escape(first.per_mm, own, detector.thickness_mm)
        mean -= lost * line.photon_keV
        square += lost * ((energy - line.photon_keV) ** 2 - energy**2)
    return Deposit(-np.expm1(-first.per_mm * detector.thickness_mm), mean, square)


def moments(detector: EnergyIntegrating, energy_keV: np.ndarray) -> np.ndarray:
    """Mean [keV] and variance [keV^2] of the reading per photon on the sensitive area, float64 [2, N]."""
    found = deposit(detector, energy_keV)
    return found.interacts * np.stack([found.mean_keV, found.square_keV2])


def gains(key: jax.Array, shape: tuple[int, int], gain_spread: jax.Array | float) -> jax.Array:
    """Gains of a detector's cells, which multiply readings and air scan alike, before the electronic noise.

    Args:
        key: of the scanner, not of the scan: the pattern stays.
        shape: (row, column).
        gain_spread: SD [1]; gains below a tenth are raised to it.
    """
    return jnp.maximum(1 + gain_spread * jax.random.normal(key, shape), LEAST_GAIN)


def measure(
    key: jax.Array,
    mean_keV: jax.Array,
    variance_keV2: jax.Array,
    electronic_keV: jax.Array | float = 0.0,
    optical: jax.Array | float = 0.0,
    gain: jax.Array | float = 1.0,
) -> jax.Array:
    """Draw readings: compound Poisson and electronic noise, exact in mean and variance.

    The sum of the energies of a Poisson number of photons is taken as (variance / mean) times a Poisson
    number of mean^2 / variance: its first two moments are the right ones at any number of photons.

    Args:
        key: random key (threefry).
        mean_keV, variance_keV2: of the absorbed energy, after x-ray crosstalk [view, row, column].
        electronic_keV: SD of the electronic noise.
        optical: share of a cell's light that each of its four neighbours gets; blurs quantum noise, not electronic.
        gain: of each cell [row, column].
    Returns:
        float32 readings [keV]; electronic noise may make them negative.
    """
    uniform = draw.uniform(key, (2, *mean_keV.shape))
    return _measure(uniform, mean_keV, variance_keV2, electronic_keV, optical, gain)


@jax.jit
def expected(mean_keV: jax.Array, optical: jax.Array | float = 0.0, gain: jax.Array | float = 1.0) -> jax.Array:
    """The mean of `measure` [view, row, column] [keV]."""
    return spread(mean_keV, optical, optical) * gain


@jax.jit
def _measure(
    uniform: jax.Array,
    mean_keV: jax.Array,
    variance_keV2: jax.Array,
    electronic_keV: jax.Array | float,
    optical: jax.Array | float,
    gain: jax.Array | float,
) -> jax.Array:
    def view(data: tuple[jax.Array, ...]) -> jax.Array:
        uniform, electronic, mean, variance = data
        quantum = variance / jnp.maximum(mean, jnp.finfo(jnp.float32).tiny)
        photons = mean / jnp.maximum(quantum, jnp.finfo(jnp.float32).tiny)
        many = photons + jnp.sqrt(photons) * draw.normal(uniform)
        few = photons < draw.FEW
        drawn = jax.lax.cond(
            jnp.any(few), lambda: jnp.where(few, draw.poisson(uniform, jnp.where(few, photons, 0)), many), lambda: many
        )
        return spread(drawn * quantum, optical, optical) * gain + electronic_keV * draw.normal(electronic)

    # View by view, so that only views with few photons pay for drawing them one by one.
    return jax.lax.map(view, (uniform[0], uniform[1], mean_keV, variance_keV2))
