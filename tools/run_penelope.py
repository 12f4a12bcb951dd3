"""Print what PENELOPE finds behind water cylinders, for phantomsim/scanners/ct/laws/cylinders.py.

Scatter over primary energy in the middle 80 mm of the detector, by penRed (Gimenez-Alventosa et al., Comput. Phys.
Commun. 267 (2021) 108065, doi:10.1016/j.cpc.2021.108065), whose photons are PENELOPE 2018's: one of the four codes of
AAPM Report 195. A development tool: `pip install pyPenred==1.15.2.0`, which phantomsim itself never needs.

    python tools/run_penelope.py DIAMETER_MM COLLIMATION_MM HISTORIES SEED

in an empty folder. Hundreds of thousands of histories a second: a few minutes for 1e8, which gives 1 % and better.
Primary and scattered photons are told apart by the collisions behind them (tally PSS), not by their energy. With
histories 8e7 and 3e7 (200 mm), 1.6e8 and 5e7 (320 mm) at collimations of 40 and 160 mm came the figures of the laws.
"""

from __future__ import annotations

import math
import sys
from pathlib import Path

import numpy as np

from phantomsim.materials import table
from phantomsim.materials.attenuation import SYMBOLS
from phantomsim.scanners.ct.laws import cylinders

RULE = "0" * 64
FAN_DEG = 20.0  # to either side: wider than either cylinder
REACH_CM, BINS = 36.0, 9  # of the detector, across: the middle bin is the cell
SOURCE = "sources/generic/tube"
ABSORB = "1.0e35"  # at once, wherever


def surface(number: int, indices: str, lines: list[tuple[str, float]]) -> str:
    """A quadric of PENGEOM in centimetres."""
    terms = [f"{name}=({value:+.15E},   0)              (DEFAULT=0.0)" for name, value in lines]
    return "\n".join([RULE, f"SURFACE ({number:4d})   s", f"INDICES=({indices})", *terms, ""])


def mantle(number: int, radius_cm: float, x_cm: float) -> str:
    """A cylinder along z."""
    scale = [("X-SCALE", radius_cm), ("Y-SCALE", radius_cm), ("X-SHIFT", x_cm)]
    return surface(number, " 1, 1, 0, 0,-1", scale)


def plane(number: int, z_cm: float) -> str:
    """A plane across z."""
    return surface(number, " 0, 0, 0, 1, 0", [("Z-SHIFT", z_cm)])


def body(number: int, material: int, sides: dict[int, int]) -> str:
    """What is between surfaces."""
    lines = [f"SURFACE ({s:4d}), SIDE POINTER=({side:2d})" for s, side in sides.items()]
    return "\n".join([RULE, f"BODY    ({number:4d})   b", f"MATERIAL({material:4d})", *lines, ""])


def geometry(diameter_mm: float) -> str:
    """The cylinder, and a shell about the focal spot, at the origin, that takes up whatever comes."""
    far, ends = cylinders.DISTANCE_MM / 10, cylinders.LENGTH_MM / 20
    shapes = [mantle(1, diameter_mm / 20, cylinders.RADIUS_MM / 10), mantle(2, far, 0.0), mantle(3, far + 1, 0.0)]
    planes = [plane(4, -ends), plane(5, ends), plane(6, -60.0), plane(7, 60.0)]
    bodies = [body(1, 1, {1: -1, 4: 1, 5: -1}), body(2, 2, {3: -1, 2: 1, 6: 1, 7: -1})]
    return "".join([*shapes, *planes, *bodies, RULE + "\n", "END      " + "0" * 55 + "\n"])


def spectrum() -> str:
    """The beam, by the lower edges of its bins."""
    beam = cylinders.spectrum()
    keV, photons = (
        a[beam.photons_per_mAs_per_mm2_at_1m > 0] for a in (beam.energy_keV, beam.photons_per_mAs_per_mm2_at_1m)
    )
    rows = [f"{(e - 0.5) * 1e3:.6E} {n:.8E}" for e, n in zip(keV, photons / photons.sum())]
    return "\n".join(["# eV share", *rows, f"{(keV[-1] + 0.5) * 1e3:.6E} -1.0", ""])


def configuration(collimation_mm: float, histories: float, seed: int) -> str:
    """The run."""
    slope = 0.5 * collimation_mm / cylinders.RADIUS_MM
    half, height = math.degrees(math.atan(slope)), slope * cylinders.DISTANCE_MM / 10
    settings: dict[str, object] = {
        f"{SOURCE}/nhist": f"{histories:.6E}",
        f"{SOURCE}/kpar": '"gamma"',
        f"{SOURCE}/direction/type": '"SOLID_ANGLE"',
        **{f"{SOURCE}/direction/{axis}": value for axis, value in (("u", 0.0), ("v", 0.0), ("w", 1.0))},
        f"{SOURCE}/direction/theta0": f"{90 - half:.12f}",
        f"{SOURCE}/direction/theta1": f"{90 + half:.12f}",
        f"{SOURCE}/direction/phi0": 360 - FAN_DEG,
        f"{SOURCE}/direction/dphi": 2 * FAN_DEG,
        f"{SOURCE}/energy/type": '"FILE_SPECTRUM"',
        f"{SOURCE}/energy/filename": '"spectrum.spc"',
        f"{SOURCE}/spatial/type": '"POINT"',
        **{f"{SOURCE}/spatial/position/{axis}": 0.0 for axis in "xyz"},
        "tallies/pss/type": '"PSS"',
        "tallies/pss/PSS-particle": '"gamma"',
        "tallies/pss/PSS-tally": '"DETECTION_SPATIAL_DISTRIB"',
        **_axis("x", 1, 0.0, 200.0),
        **_axis("y", BINS, -REACH_CM, REACH_CM),
        **_axis("z", 1, -height, height),
        "tallies/pss/energy/nbins": 280,
        "tallies/pss/energy/emin": 0.0,
        "tallies/pss/energy/emax": 140.0e3,
        "tallies/pss/detector": 1,
        "tallies/pss/particle": '"gamma"',
        "geometry/type": '"PEN_QUADRIC"',
        "geometry/input-file": '"ct.geo"',
        "geometry/processed-geo-file": '"report.geo"',
        "geometry/kdet/2": 1,
        **_material("water", 1, "2.0e3"),
        **_material("taker", 2, ABSORB),
        "simulation/threads": 1,
        "simulation/max-time": 3600,
        "simulation/seed1": seed * 7919 + 1,
        "simulation/seed2": seed * 104729 + 1,
        "simulation/ascii-results": "true",
    }
    return "".join(f"{name} {value}\n" for name, value in settings.items())


def _axis(name: str, bins: int, low: float, high: float) -> dict[str, object]:
    return {
        f"tallies/pss/spatial/{key}": v for key, v in ((f"n{name}", bins), (f"{name}min", low), (f"{name}max", high))
    }


def _material(name: str, number: int, least_eV: str) -> dict[str, object]:
    """Water; electrons stay where they arise."""
    eabs = {f"eabs/{particle}": ABSORB for particle in ("electron", "positron")}
    steps = {"C1": 0.05, "C2": 0.05, "WCC": 2.0e3, "WCR": 2.0e3}
    whole = {"number": number, **eabs, "eabs/gamma": least_eV, **steps, "filename": '"water.mat"'}
    return {f"materials/{name}/{key}": value for key, value in whole.items()}


def energy(part: str) -> tuple[float, float]:
    """Energy in the middle bin per history, and its standard error [keV]."""
    (file,) = Path().glob(f"pss-{part}-*.dat")
    eV, _, share, two_sigma = (a.reshape(BINS, -1)[BINS // 2] for a in np.loadtxt(file).T)
    keV = (eV + 0.5 * (eV[1] - eV[0])) / 1e3
    return float(share @ keV), float(np.linalg.norm(0.5 * two_sigma * keV))


def main(diameter_mm: float, collimation_mm: float, histories: float, seed: int) -> None:
    """Run, and print the ratio and its standard error."""
    from pyPenred import simulation

    water = table()["water"]
    composition = [(SYMBOLS.index(symbol) + 1, share) for symbol, share in water.composition.items()]
    simulation.materials.create("water", water.density_g_per_cm3, composition, "water.mat")
    Path("ct.geo").write_text(geometry(diameter_mm))
    Path("spectrum.spc").write_text(spectrum())
    Path("config.in").write_text(configuration(collimation_mm, histories, seed))
    simulation.setConfigurationLog("config.log")
    simulation.setSimulationLog("simulation.log")
    run = simulation.create()
    run.configFromFile("config.in")
    run.simulate(False)
    (through, a), (once, b), (often, c) = (energy(part) for part in ("primary", "scatter", "multiScatter"))
    ratio = (once + often) / through
    error = ratio * math.hypot(a / through, math.hypot(b, c) / (once + often))
    print(f"scatter over primary {ratio:.4f} +- {error:.4f}, of it single {once / through:.4f}")


if __name__ == "__main__":
    main(*(float(a) for a in sys.argv[1:4]), int(sys.argv[4]))
