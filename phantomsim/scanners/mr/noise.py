"""Thermal noise of a receive array, from the patient's conductivity and the coils' own loss.

The eddy current that a unit current in coil i would drive in the patient is sigma E_i, with
E_i = -i w (A_i + grad phi_i) and no current through the skin. Noise covariance is then w^2 sigma times the overlap of
the E_i (Roemer et al. 1990, doi:10.1002/mrm.1910160203). It is quasi-static: good where the patient is small
against the wavelength (27 cm in tissue at 3 T), optimistic above.
"""

from __future__ import annotations

from functools import lru_cache, partial

import numpy as np

from phantomsim.scanners.mr.coils import Coil, coils, length_mm, vector_potential
from phantomsim.scanners.mr.eddy import SUB, CELL_mm, conductor, overlap
from phantomsim.scanners.mr.spec.array import Coils, Load

__all__ = [
    "BODY_K",
    "SUB",
    "BOLTZMANN_J_per_K",
    "CELL_mm",
    "COPPER_ohm_m",
    "GYROMAGNETIC_rad_per_s_T",
    "conductor",
    "covariance_uV2",
    "emf_uV",
    "larmor_rad_per_s",
    "overlap",
    "own_ohm",
    "resistance_ohm",
    "shared_loss",
    "skin_depth_mm",
    "water_magnetisation_A_per_m",
    "wire_ohm",
]

GYROMAGNETIC_rad_per_s_T = 2.6752218708e8  # shielded proton in water, CODATA 2022
BOLTZMANN_J_per_K = 1.380649e-23  # SI, exact
PLANCK_REDUCED_J_s = 1.054571817e-34  # SI, exact to the digits
AVOGADRO_per_mol = 6.02214076e23  # SI, exact
COPPER_ohm_m = 1.7241e-8  # annealed copper at 20 Celsius, IEC 60028 (International Annealed Copper Standard)
MU0_H_per_m = 1.25663706127e-6  # CODATA 2022
BODY_K = 310.15  # 37 Celsius; the loops are taken to be as warm
WATER_g_per_cm3 = 0.99333  # at 37 Celsius (IAPWS-95)
WATER_g_per_mol = 18.01528  # CIAAW standard atomic weights


def larmor_rad_per_s(field_T: float) -> float:
    """Angular Larmor frequency of protons."""
    return GYROMAGNETIC_rad_per_s_T * field_T


def water_magnetisation_A_per_m(field_T: float) -> float:
    """Equilibrium magnetisation of water at body temperature (Curie's law for spin 1/2)."""
    protons_per_m3 = 2 * WATER_g_per_cm3 * 1e6 / WATER_g_per_mol * AVOGADRO_per_mol
    moment = GYROMAGNETIC_rad_per_s_T * PLANCK_REDUCED_J_s
    return protons_per_m3 * moment**2 * field_T / (4 * BOLTZMANN_J_per_K * BODY_K)


def emf_uV(field_T: float) -> float:
    """Voltage that 1 mm^3 of water's whole magnetisation induces at a sensitivity of 1 uT/A [uV]."""
    return larmor_rad_per_s(field_T) * water_magnetisation_A_per_m(field_T) * 1e-9


@lru_cache(maxsize=8)
def shared_loss(array: Coils, load: Load) -> np.ndarray:
    """Overlap of the coils' electric fields in the patient, [coil, coil] (T m/A)^2 m^3; see `overlap`.

    Times w^2 sigma it is the resistance that the patient adds.
    """
    potentials = [partial(vector_potential, coil) for coil in coils(array)]
    found = overlap(conductor(load), potentials) * 1e-27  # (uT mm/A)^2 mm^3
    found.setflags(write=False)
    return found


@lru_cache(maxsize=8)
def resistance_ohm(array: Coils, load: Load, field_T: float) -> np.ndarray:
    """Noise resistance matrix of the array, with the coils' own loss and the receiver's noise [ohm].

    The array's `noise_law` says what of it counts; the receiver adds to what does.
    """
    patient = larmor_rad_per_s(field_T) ** 2 * load.conductivity_S_per_m * shared_loss(array, load)
    own = own_ohm(array, load, field_T)
    if array.noise_law == "body":
        own = np.zeros_like(own)
    if array.noise_law == "coil":
        patient = np.zeros_like(patient)
    receiver = (array.noise_factor - 1) * (np.diag(patient) + own)
    found = patient + np.diag(own + receiver)
    found.setflags(write=False)
    return found


def own_ohm(array: Coils, load: Load, field_T: float) -> np.ndarray:
    """Resistance of the coils' own conductors [coil] [ohm]: from their Q, or else from the wire's skin effect.

    The load's conductivity is taken to be that at the Q's field, too.
    """
    if array.unloaded_to_loaded_Q is None:
        return np.array([wire_ohm(coil, array.wire_diameter_mm, field_T) for coil in coils(array)]) * array.loss_factor
    at_T = array.Q_field_T or field_T
    patient = larmor_rad_per_s(at_T) ** 2 * load.conductivity_S_per_m * np.diag(shared_loss(array, load))
    return patient / (array.unloaded_to_loaded_Q - 1) * np.sqrt(field_T / at_T)


def skin_depth_mm(field_T: float) -> float:
    """Depth at which a current at the Larmor frequency falls to 1/e in copper [mm]: sqrt(2 rho / (w mu0))."""
    return float(1e3 * np.sqrt(2 * COPPER_ohm_m / (larmor_rad_per_s(field_T) * MU0_H_per_m)))


def wire_ohm(coil: Coil, diameter_mm: float, field_T: float) -> float:
    """Resistance of a coil of round copper wire at the Larmor frequency [ohm].

    The current fills a layer of the skin depth (Hoult and Lauterbur 1979, doi:10.1016/0022-2364(79)90019-2), the whole
    wire where that is thinner. Turns near one another lose more; `loss_factor` says how much.
    """
    depth = min(skin_depth_mm(field_T), diameter_mm / 2)
    area_mm2 = np.pi * depth * (diameter_mm - depth)
    return float(COPPER_ohm_m * 1e3 * length_mm(coil) / area_mm2)


def covariance_uV2(resistance: np.ndarray, bandwidth_Hz: float, averages: int) -> np.ndarray:
    """Covariance E[n n^H] of the complex noise of one k-space sample [uV^2].

    Johnson and Nyquist: 4 k T R per hertz, in each of the two quadratures.
    """
    return 8 * BOLTZMANN_J_per_K * BODY_K * resistance * bandwidth_Hz / averages * 1e12
