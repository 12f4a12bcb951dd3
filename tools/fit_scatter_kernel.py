"""Fit the numbers of phantomsim/scanners/ct/scatter/kernel.py to Monte Carlo of water cylinders, and print them.

Long water cylinders of 100 to 400 mm at the isocentre, 80, 120 and 140 kVp, 541 / 949 mm, collimations of 20, 40 and
160 mm, and a cone-beam geometry (1000 / 1500 mm, flat, 200 mm), energies as signal. About ten minutes on two cores.
"""

from __future__ import annotations

import itertools
import sys

import jax
import jax.numpy as jnp
import numpy as np
from scipy.optimize import least_squares

from phantomsim import materials
from phantomsim.scanners.ct.geometry import Geometry
from phantomsim.scanners.ct.orbits import flat_panel, third_generation
from phantomsim.scanners.ct.scatter import coarse, kernel
from phantomsim.scanners.ct.scatter.detected import scatter
from phantomsim.scanners.ct.scatter.medium import Medium, medium

DIAMETERS_MM = (100.0, 160.0, 200.0, 250.0, 320.0, 400.0)
HISTORIES = 400_000
VOXEL_MM = 5.0


def cylinder(diameter_mm: float) -> Medium:
    """A water cylinder of 350 mm height."""
    y, x = VOXEL_MM * (np.mgrid[:84, :84] - 41.5)
    label = np.broadcast_to((np.hypot(x, y) < diameter_mm / 2).astype(np.uint8), (70, 84, 84))
    return medium(label, 1.0, (VOXEL_MM,) * 3, (0.0, 0.0, 0.0), ["air", "water"])


def fine(geometry: Geometry) -> Geometry:
    """The same detector in small cells."""
    rows = max(1, round(geometry.row_mm / 12))
    along, up = geometry.along_mm / 3, geometry.up_mm / rows
    cells = (geometry.columns * 3, rows, geometry.detector)
    return Geometry(geometry.source_mm, geometry.centre_mm, along, up, *cells, orbit=geometry.orbit)


def log_primary(geometry: Geometry, diameter_mm: float, kVp: float) -> np.ndarray:
    """-ln(primary over air) [view, row, column], energies as signal."""
    way = geometry.cells()[0] - geometry.source_mm[0]
    level = np.linalg.norm(way[..., :2], axis=-1)
    apart = geometry.radius_mm * np.abs(way[..., 0]) / level
    chord = 2 * np.sqrt(np.maximum((diameter_mm / 2) ** 2 - apart**2, 0)) * np.linalg.norm(way, axis=-1) / level
    beam = materials.spectrum(kVp, {"al_mm": 6.8})
    weight = beam.photons_per_mAs_per_mm2_at_1m * beam.energy_keV
    mu = materials.attenuation_matrix(["water"], beam.energy_keV)[0]
    return -np.log(np.exp(-mu * chord[..., None]) @ (weight / weight.sum()))[None]


def cases() -> list[tuple[str, Geometry, float, float]]:
    """Name, geometry, diameter and voltage of every case."""
    ct = {z: third_generation(541.0, 949.0, 1, 32, 1, 28.0, z * 949.0 / 541.0) for z in (20.0, 40.0, 160.0)}
    panel = flat_panel(1000.0, 1500.0, 1, 32, 1, 22.0, 300.0)
    found = [(f"{z:g} mm", ct[z], d, 120.0) for z, d in itertools.product(ct, DIAMETERS_MM)]
    found += [("40 mm", ct[40.0], d, kVp) for d in (160.0, 320.0) for kVp in (80.0, 140.0)]
    return found + [("panel", panel, d, 120.0) for d in (160.0, 250.0, 320.0)]


def simulate() -> list[np.ndarray]:
    """Scatter over air of every case [column], made symmetric."""
    found = []
    for i, (name, geometry, diameter, kVp) in enumerate(cases()):
        beam = materials.spectrum(kVp, {"al_mm": 6.8})
        key = jax.random.key(i)
        row = scatter(key, cylinder(diameter), geometry, beam, beam.energy_keV, HISTORIES).total[0, 0, 0]
        found.append(0.5 * (row + row[::-1]))
        print(name, diameter, kVp, "done", flush=True, file=sys.stderr)
    return found


def fit(truth: list[np.ndarray]) -> None:
    """Least squares of the logarithm; prints the numbers and what is left."""
    made = [fine(geometry) for _, geometry, _, _ in cases()]
    spreads = [kernel.spread(g) for g in made]
    logs = [jnp.asarray(log_primary(g, c[2], c[3]), jnp.float32) for g, c in zip(made, cases())]

    def model(numbers: np.ndarray) -> kernel.Kernel:
        first, second = numbers.reshape(2, 6)
        return kernel.Part(*np.exp(first[:4]), *first[4:]), kernel.Part(*np.exp(second[:4]), *second[4:])

    def misfit(numbers: np.ndarray) -> np.ndarray:
        found = [np.asarray(kernel.estimate(p, s, None, model(numbers)))[0] for p, s in zip(logs, spreads)]
        return np.concatenate([np.log(coarse.average(f, 1, 32)[0] / t) for f, t in zip(found, truth)])

    start = np.concatenate([np.append(np.log(part[:4]), part[4:]) for part in kernel.WATER])
    primary = [coarse.average(np.exp(-np.asarray(p)), 1, 32)[0, 0] for p in logs]
    weight = 0.2 + np.concatenate([t / (t + p) for t, p in zip(truth, primary)])  # errors count where scatter does
    low = np.tile([-np.inf, 0.0, -np.inf, -np.inf, -np.inf, 0.0], 2)  # b at least 1: scatter starts in proportion
    solution = least_squares(
        lambda n: weight * misfit(n), start, bounds=(low, np.inf), diff_step=3e-3, x_scale=0.1, max_nfev=30
    )
    for part in model(solution.x):
        print("Part(" + ", ".join(f"{v:.4g}" for v in part) + ")")
    left = misfit(solution.x).reshape(len(truth), -1)
    print(f"relative misfit: rms {left.std():.3f}, in the middle {left[:, 15:17].std():.3f}")
    for (name, _, diameter, kVp), row in zip(cases(), left):
        print(name, diameter, kVp, np.round(row[[0, 4, 8, 12, 16]], 2))


if __name__ == "__main__":
    fit(simulate())
