"""What the detector makes of a polyenergetic beam: mean and variance of a reading behind any stack of materials.

A reading of an energy-integrating detector is the sum of the energies of the photons that it absorbs. Photons of
each energy are Poisson, so its mean is sum N A E and its variance is sum N A E^2 (compound Poisson; Whiting et
al., Med. Phys. 33 (2006) 3290, doi:10.1118/1.2230762). An absorbed photon gives all its energy: the escape of
characteristic radiation and the Swank factor of the light are left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from phantomsim import materials
from phantomsim.scanners.ct.spec import CTScanner, EnergyIntegrating

WATER, AIR = "water", "air"
ABSORBER = {"gos": "gadolinium-oxysulfide", "csi": "caesium-iodide"}
PAD = (
    16  # at most so many energies stand for a spectrum; always that many, so that another tube voltage compiles nothing
)
BASES = (WATER, "bone-cortical", "iodine-water-20", "titanium")  # the first two, more where they leave too much
TOLERANCE_HU = 1.0  # largest misfit of a tissue by its bases that is taken without adding one
PATH_MM = 200.0  # of water in front of the detector: weights energies as a patient would


class Beam(NamedTuple):
    """A tube, its filters and its detector, per mAs.

    Attributes:
        energy_keV: few energies that stand for the spectrum [E].
        keV: absorbed energy per mAs and mm^2 of a perfect cell 1 m from the focus, air in the beam [E].
    """

    energy_keV: np.ndarray
    keV: np.ndarray

    @property
    def photon_keV(self) -> float:
        """Mean energy of an absorbed photon in the open beam [keV]."""
        return float(self.keV.sum() / (self.keV / self.energy_keV).sum())

    def behind_water(self) -> np.ndarray:
        """Share of each energy in the signal behind 200 mm of water [E]."""
        passed = self.keV * np.exp(-materials.attenuation_matrix([WATER], self.energy_keV)[0] * PATH_MM)
        return passed / passed.sum()


def absorption(detector: EnergyIntegrating, energy_keV: np.ndarray) -> np.ndarray:
    """Probability that the scintillator absorbs a photon [E]."""
    return -np.expm1(
        -materials.attenuation_matrix([ABSORBER[detector.material]], energy_keV)[0] * detector.thickness_mm
    )


def beam(scanner: CTScanner, kVp: float) -> Beam:
    """The beam of a scanner at a tube voltage. Raises ScannerError outside the range of the spectra."""
    spectrum = materials.spectrum(kVp, scanner.filtration, scanner.anode_deg)
    response = absorption(scanner.detector, spectrum.energy_keV) * spectrum.energy_keV
    return Beam(*materials.nodes(spectrum, PAD, response))


class Bases:
    """Basis materials for a set of tissues in one beam.

    The air scan holds the air of the room, so what counts is the excess over air.

    Attributes:
        names: K basis materials, water first.
        coefficients: float32 [T, K]: path of each basis in 1 mm of tissue [mm].
        air: float32 [K]: the same in air.
        water: float64 [K]: in water, in excess of air.
        misfit_HU: largest misfit of any tissue, weighted by the signal behind 200 mm of water.
    """

    def __init__(self, beam: Beam, tissues: Sequence[str]) -> None:
        self.beam, self.tissues = beam, tuple(tissues)
        for names in (BASES[:count] for count in (2, 3, 4)):
            fit = materials.decompose([*tissues, WATER, AIR], beam.energy_keV, beam.behind_water(), names)
            water = float(materials.attenuation_matrix([WATER], beam.energy_keV)[0] @ beam.behind_water())
            self.names, self.misfit_HU = names, float(1000 * fit.residual_per_mm.max() / water)
            if self.misfit_HU <= TOLERANCE_HU:
                break
        self.coefficients = fit.coefficients[:-2].astype(np.float32)
        self.air = fit.coefficients[-1].astype(np.float32)
        self.water = fit.coefficients[-2] - fit.coefficients[-1]

    @cached_property
    def table(self) -> dict[str, np.ndarray]:
        """What `transmission` needs: attenuation [K, E] and the weights of mean and variance [E, 2], padded."""
        mu = materials.attenuation_matrix(self.names, self.beam.energy_keV)
        share = self.beam.keV / self.beam.keV.sum()
        square = share * self.beam.energy_keV
        pad = -len(share) % PAD
        weights = np.stack([share, square / square.sum()], -1)
        return {
            "mu_per_mm": np.pad(mu, ((0, 0), (0, pad))).astype(np.float32),
            "weights": np.pad(weights, ((0, pad), (0, 0))).astype(np.float32),
        }

    def water_curve(self, path_mm: np.ndarray) -> np.ndarray:
        """Logarithm of the reading behind water instead of air, float64 [N]."""
        mu = materials.attenuation_matrix(self.names, self.beam.energy_keV)
        share = self.beam.keV / self.beam.keV.sum()
        return -np.log(np.exp(-np.outer(path_mm, self.water @ mu)) @ share)


@jax.jit
def transmission(paths_mm: jax.Array, table: dict[str, jax.Array]) -> tuple[jax.Array, jax.Array]:
    """Mean and variance of readings relative to those in air.

    Args:
        paths_mm: line integrals of the K bases [K, view, row, column] [mm].
        table: `Bases.table`.
    Returns:
        (mean, variance), each float32 [view, row, column], 1 in air.
    """

    def one(view: jax.Array) -> jax.Array:
        optical = jnp.einsum("ke,kn->en", table["mu_per_mm"], view.reshape(len(view), -1), precision="highest")
        return jnp.einsum("en,es->sn", jnp.exp(-optical), table["weights"], precision="highest")

    parts = jax.lax.map(one, paths_mm.transpose(1, 0, 2, 3))
    return tuple(parts[:, i].reshape(paths_mm.shape[1:]) for i in (0, 1))  # type: ignore[return-value]
