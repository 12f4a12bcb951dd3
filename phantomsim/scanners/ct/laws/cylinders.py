"""Laws of scatter behind water cylinders: over the primary, against PENELOPE, and single scatter against an integral.

Cylinders 400 mm long at the isocentre, 541 mm from the focal spot; curved detector at 949 mm, no grid, every photon
taken up; 120 kVp behind 6.8 mm Al in all (HVL 7.0 mm Al), no bowtie. Over the middle 80 mm of the detector and all of
its height, scattered energy over primary energy.
"""

from __future__ import annotations

import jax
import numpy as np

from phantomsim import materials
from phantomsim.laws import Law
from phantomsim.materials import Spectrum
from phantomsim.scanners.ct.orbits import third_generation
from phantomsim.scanners.ct.scatter import cross_sections
from phantomsim.scanners.ct.scatter.detected import Scatter, scatter
from phantomsim.scanners.ct.scatter.medium import Medium, medium

RADIUS_MM, DISTANCE_MM, LENGTH_MM = 541.0, 949.0, 400.0
COLUMNS, COLUMN_MM = 7, 80.0  # but for the outermost 3 mm they take up the larger cylinder's shadow
GRID, VOXEL_MM, FINE = 64, 5.0, 20
LINE_KEV = 60.5
PENELOPE = "PENELOPE 2018 (penRed 1.15.2), run in this geometry by tools/run_penelope.py"
INTEGRAL = "integral over the irradiated volume of first-order scatter, by quadrature"
#: Scatter over primary by (diameter, collimation at the isocentre) [mm], and its standard error.
RATIOS = {
    (200.0, 40.0): (0.2807, 0.0011),
    (320.0, 40.0): (0.9946, 0.0079),
    (200.0, 160.0): (0.881, 0.004),
    (320.0, 160.0): (3.356, 0.040),
}
HISTORIES = 260_000
#: By diameter [mm]: two to three standard errors of that many photons and of the reference together.
TOLERANCE = {200.0: 0.04, 320.0: 0.06}


def laws() -> list[Law]:
    """Measure every law of scatter behind cylinders."""
    return [*(over_primary(*at, HISTORIES) for at in RATIOS), *(single(d, HISTORIES) for d in TOLERANCE)]


def spectrum(line: bool = False) -> Spectrum:
    """The beam; or one energy of it alone, among empty bins that scattered photons fall into."""
    beam = materials.spectrum(120.0, {"al_mm": 6.8})
    alone = (beam.energy_keV == LINE_KEV).astype(float)
    return Spectrum(beam.energy_keV, alone) if line else beam


def cylinder(diameter_mm: float) -> Medium:
    """Water; voxels on its surface have the density of the part that is inside."""
    at = (np.arange(GRID * FINE) + 0.5) / FINE * VOXEL_MM - 0.5 * GRID * VOXEL_MM
    inside = (at[:, None] ** 2 + at**2 <= 0.25 * diameter_mm**2).reshape(GRID, FINE, GRID, FINE)
    label = np.zeros((1, GRID, GRID), np.uint8)
    return medium(label, inside.mean((1, 3))[None], (LENGTH_MM, VOXEL_MM, VOXEL_MM), (0.0, 0.0, 0.0), ["water"])


def simulate(diameter_mm: float, collimation_mm: float, beam: Spectrum, histories: int) -> Scatter:
    """Scatter over air in every cell, energies as signal."""
    height = collimation_mm * DISTANCE_MM / RADIUS_MM
    panel = third_generation(RADIUS_MM, DISTANCE_MM, 1, COLUMNS, 1, COLUMN_MM, height)
    return scatter(jax.random.key(3), cylinder(diameter_mm), panel, beam, beam.energy_keV, histories)


def primary(diameter_mm: float, collimation_mm: float, beam: Spectrum) -> float:
    """Primary energy in the middle cell over that in air, in closed form along each of many rays."""
    node, weight = np.polynomial.legendre.leggauss(16)
    fan, slope = 0.5 * COLUMN_MM / DISTANCE_MM * node, 0.5 * collimation_mm / RADIUS_MM * node
    chord = 2 * np.sqrt(0.25 * diameter_mm**2 - (RADIUS_MM * np.sin(fan)) ** 2)
    path = chord[:, None] * np.sqrt(1 + slope**2)
    energy = beam.energy_keV * beam.photons_per_mAs_per_mm2_at_1m
    passed = np.exp(-materials.table()["water"].attenuation_per_mm(beam.energy_keV)[:, None, None] * path)
    return float(np.tensordot(energy / energy.sum(), passed, 1) @ weight @ weight / 4)


def over_primary(diameter_mm: float, collimation_mm: float, histories: int) -> Law:
    """Scatter over primary in the middle cell."""
    beam, (expected, _) = spectrum(), RATIOS[diameter_mm, collimation_mm]
    found = simulate(diameter_mm, collimation_mm, beam, histories).total[0, 0, 0, COLUMNS // 2]
    measured = float(found) / primary(diameter_mm, collimation_mm, beam)
    what = f"scatter over primary, {diameter_mm / 10:g} cm of water, {collimation_mm:g} mm collimation, 120 kVp [1]"
    return Law(what, PENELOPE, expected, measured, TOLERANCE[diameter_mm] * expected)


def single(diameter_mm: float, histories: int) -> Law:
    """Single scatter of one energy in the middle cell, at 40 mm of collimation."""
    found = simulate(diameter_mm, 40.0, spectrum(line=True), histories)
    measured = float((found.coherent + found.incoherent)[0, 0, 0, COLUMNS // 2])
    exact = single_scatter(diameter_mm, 40.0, "coherent") + single_scatter(diameter_mm, 40.0, "incoherent")
    what = f"single scatter over air behind {diameter_mm / 10:g} cm of water, {LINE_KEV:g} keV [1]"
    return Law(what, INTEGRAL, exact, measured, TOLERANCE[diameter_mm] * exact)


def single_scatter(
    diameter_mm: float, collimation_mm: float, process: cross_sections.Process, points: int = 48
) -> float:
    """Single scatter in the middle cell over air by quadrature over beam and cell; the focal spot is at the origin."""
    node, weight = np.polynomial.legendre.leggauss(points)
    few, few_weight = np.polynomial.legendre.leggauss(5)
    half_fan = np.arcsin(0.5 * diameter_mm / RADIUS_MM)
    fan, deep, slope = np.meshgrid(half_fan * node, node, 0.5 * collimation_mm / RADIUS_MM * few, indexing="ij")
    half_chord = np.sqrt(0.25 * diameter_mm**2 - (RADIUS_MM * np.sin(fan)) ** 2)
    level = RADIUS_MM * np.cos(fan) + half_chord * deep  # from the focal spot, in the plane
    here = np.stack([level * np.sin(fan), level * np.cos(fan), level * slope])
    # volume: level d(fan) d(level) d(z), with d(z) = level d(slope)
    volume = half_fan * half_chord * 0.5 * collimation_mm / RADIUS_MM * level**2
    volume = volume * weight[:, None, None] * weight[:, None] * few_weight
    inside = half_chord * (1 + deep) * np.sqrt(1 + slope**2)
    total = 0.0
    for u, u_weight in zip(few, few_weight):
        for v, v_weight in zip(few, few_weight):
            turn, z = 0.5 * COLUMN_MM / DISTANCE_MM * u, 0.5 * collimation_mm * DISTANCE_MM / RADIUS_MM * v
            normal = np.array([np.sin(turn), np.cos(turn), 0.0])
            target = DISTANCE_MM * normal + np.array([0.0, 0.0, z])
            signal = volume * _density(here, inside, target, normal, diameter_mm, process)
            air = DISTANCE_MM / np.linalg.norm(target) ** 3
            total += 0.25 * u_weight * v_weight * float(signal.sum()) / air
    return total


def _density(
    here: np.ndarray,
    inside: np.ndarray,
    target: np.ndarray,
    normal: np.ndarray,
    diameter_mm: float,
    process: cross_sections.Process,
) -> np.ndarray:
    """Energy that points send through an area at the target, over that of the photons sent there [1/mm^5]."""
    water, keV = materials.table()["water"], np.array(LINE_KEV)
    on = target[:, None, None, None] - here
    near, far = np.linalg.norm(here, axis=0), np.linalg.norm(on, axis=0)
    cosine = (here * on).sum(0) / (near * far)
    kept = cross_sections.kept_share(keV, cosine) if process == "incoherent" else np.ones_like(cosine)
    grid = np.linspace(0.7, 1.01, 200) * LINE_KEV
    mu_after = np.interp(LINE_KEV * kept, grid, water.attenuation_per_mm(grid))
    mu = water.attenuation_per_mm(np.array([LINE_KEV]))[0]
    section = cross_sections.differential(water.composition, keV, cosine, process) * water.density_g_per_cm3 / 10
    passed = np.exp(-mu * inside - mu_after * _to_surface(here, on / far, diameter_mm))
    return section * kept * passed * np.tensordot(normal, on, 1) / (near**2 * far**3)


def _to_surface(here: np.ndarray, direction: np.ndarray, diameter_mm: float) -> np.ndarray:
    """Way from points inside the cylinder to its mantle."""
    x, y = here[0], here[1] - RADIUS_MM
    a, b = direction[0] ** 2 + direction[1] ** 2, x * direction[0] + y * direction[1]
    return (-b + np.sqrt(b**2 - a * (x**2 + y**2 - 0.25 * diameter_mm**2))) / a
