"""Thermal noise of a receive array, from the patient's conductivity and the coils' own loss.

The eddy current that a unit current in coil i would drive in the patient is sigma E_i, with
E_i = -i w (A_i + grad phi_i) and no current through the skin. Noise covariance is then w^2 sigma times the overlap of
the E_i (Roemer et al. 1990, doi:10.1002/mrm.1910160203). It is quasi-static: good where the patient is small
against the wavelength (27 cm in tissue at 3 T), optimistic above.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache, partial

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import splu

from phantomsim.scanners.mr.coils import Coil, coils, length_mm, vector_potential
from phantomsim.scanners.mr.spec.array import Coils, Load

GYROMAGNETIC_rad_per_s_T = 2.6752218708e8  # shielded proton in water, CODATA 2022
BOLTZMANN_J_per_K = 1.380649e-23  # SI, exact
PLANCK_REDUCED_J_s = 1.054571817e-34  # SI, exact to the digits
AVOGADRO_per_mol = 6.02214076e23  # SI, exact
COPPER_ohm_m = 1.7241e-8  # annealed copper at 20 Celsius, IEC 60028 (International Annealed Copper Standard)
MU0_H_per_m = 1.25663706127e-6  # CODATA 2022
BODY_K = 310.15  # 37 Celsius; the loops are taken to be as warm
WATER_g_per_cm3 = 0.99333  # at 37 Celsius (IAPWS-95)
WATER_g_per_mol = 18.01528  # CIAAW standard atomic weights
CELL_mm = 10.0  # of the conductor's mesh
DIRECT = 12_000  # cells up to which potentials are solved for directly
SUB = 4  # points along a cell's edge that say how much of it conducts


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


def conductor(load: Load) -> np.ndarray:
    """Which points of the fine mesh lie in the cylinder, bool [z, y, x]; the mesh is centred at the isocentre."""
    step = CELL_mm / SUB
    across, along = (SUB * (2 * int(np.ceil(r / CELL_mm)) + 2) for r in (load.radius_mm, load.length_mm / 2))
    axis = (np.arange(across) - (across - 1) / 2) * step
    z = (np.arange(along) - (along - 1) / 2) * step
    disc = axis[:, None] ** 2 + axis[None, :] ** 2 <= load.radius_mm**2
    return (np.abs(z) <= load.length_mm / 2)[:, None, None] & disc


def overlap(conductor: np.ndarray, potentials: Sequence[Callable[[np.ndarray], np.ndarray]]) -> np.ndarray:
    """Overlap integrals of the electric fields per unit (rate of change of current), [coil, coil].

    Finite volumes: the scalar potential at cells' centres, fields at their faces, each face weighted by how much of
    the volume about it conducts.

    Args:
        conductor: conducting points, SUB along each edge of a cell, bool [z, y, x], centred at the origin; the
            outermost cells do not conduct.
        potentials: functions that give the vector potential [N, 3] at points [N, 3] mm.
    Returns:
        sum over the conductor of (A_i + grad phi_i) . (A_j + grad phi_j) dV, in A's unit squared x mm^3.
    """
    faces = [_faces(conductor, axis) for axis in range(3)]
    low, high, at, weight = (np.concatenate(part) for part in zip(*faces))
    way = np.concatenate([np.full(len(f[0]), 2 - axis) for axis, f in enumerate(faces)])
    cells, ends = np.unique(np.concatenate([low, high]), return_inverse=True)
    face, root = np.arange(len(at)), np.sqrt(weight)
    signs = np.concatenate([-root, root]) / CELL_mm
    gradient = sparse.csr_matrix((signs, (np.tile(face, 2), ends)), shape=(len(at), len(cells)))
    driven = np.stack([potential(at)[face, way] * root for potential in potentials], 1)
    electric = driven + gradient @ _potential(gradient, driven)
    return electric.T @ electric * CELL_mm**3


def _potential(gradient: sparse.csr_matrix, driven: np.ndarray) -> np.ndarray:
    """Potentials whose gradients leave the least of the driving fields [cell, coil].

    Large meshes go by conjugate gradients, since factors fill up; the loss errs by the square of their error.
    """
    if gradient.shape[1] > DIRECT:
        return _conjugate_gradients((gradient.T @ gradient).tocsr(), gradient.T @ -driven)
    # One cell is held at zero, since the potential is fixed up to a constant only.
    held = gradient[:, 1:]
    matrix = (held.T @ held).tocsc()
    factors = splu(matrix, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options={"SymmetricMode": True})
    return np.concatenate([np.zeros((1, driven.shape[1])), factors.solve(held.T @ -driven)])


def _conjugate_gradients(matrix: sparse.csr_matrix, right: np.ndarray) -> np.ndarray:
    """Solutions for all columns at once, preconditioned by the diagonal, to 1e-6 of the right sides."""
    inverse = 1 / matrix.diagonal()[:, None]
    found, rest = np.zeros_like(right), right.copy()
    way = inverse * rest
    size, enough = np.einsum("ij,ij->j", rest, way), 1e-12 * np.einsum("ij,ij->j", rest, inverse * rest)
    for _ in range(matrix.shape[0]):
        spread = matrix @ way
        step = size / np.maximum(np.einsum("ij,ij->j", way, spread), 1e-300)
        found += step * way
        rest -= step * spread
        scaled = inverse * rest
        before, size = size, np.einsum("ij,ij->j", rest, scaled)
        if np.all(size <= enough):
            break
        way = scaled + size / np.maximum(before, 1e-300) * way
    return found


def _faces(conductor: np.ndarray, axis: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Faces across one axis (of z, y, x): cells below and above, points (x, y, z) mm, conducting fraction."""
    shape = np.array(conductor.shape) // SUB
    shifted = np.roll(conductor, -SUB // 2, axis)  # half a cell; what wraps does not conduct
    weight = shifted.reshape(shape[0], SUB, shape[1], SUB, shape[2], SUB).mean((1, 3, 5))
    found = np.argwhere(weight > 0)
    step = (np.arange(3) == axis).astype(int)
    low, high = (np.ravel_multi_index(tuple((found + s).T), tuple(shape)) for s in (0 * step, step))
    centre = (found + 0.5 * step - (shape - 1) / 2) * CELL_mm
    return low, high, centre[:, ::-1], weight[tuple(found.T)]


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
