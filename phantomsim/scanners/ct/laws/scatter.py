"""Laws of scatter: cross sections, transport against reference data, and against an integral of single scatter."""

from __future__ import annotations

import math

import jax
import numpy as np

from phantomsim import materials
from phantomsim.laws import Law
from phantomsim.materials import Spectrum
from phantomsim.materials.attenuation import ELECTRON_KEV
from phantomsim.materials.tissues import Tissue
from phantomsim.scanners.ct.geometry import Geometry
from phantomsim.scanners.ct.orbits import flat_panel
from phantomsim.scanners.ct.scatter import cross_sections
from phantomsim.scanners.ct.scatter.detected import scatter
from phantomsim.scanners.ct.scatter.medium import Medium, medium
from phantomsim.scanners.ct.scatter.montecarlo import deposit
from phantomsim.scanners.ct.scatter.source import source

ELAM = "Elam, Ravel and Sieber, Radiat. Phys. Chem. 63 (2002) 121, as of xraydb 4.5.8"
#: Coherent and incoherent mass coefficients of water at 30, 60 and 100 keV [cm^2/g].
WATER_CM2_PER_G = {"coherent": (0.04694, 0.01392, 0.005349), "incoherent": (0.1829, 0.1770, 0.1626)}
TG195 = "AAPM Report 195 (2015), case 2, 56.4 keV, 0 degrees: mean of four codes (as quoted by DXMClib's validation)"
TG195_TOTAL_EV, TG195_MIDDLE_EV = 33171.4, 36.67
CUBE_MM, KEV, RADIUS_MM, DISTANCE_MM = 40.0, 60.0, 500.0, 800.0


def laws() -> list[Law]:
    """Measure every law of scatter."""
    return [_klein_nishina(), *_totals(), *_reference(300_000), *_single(200_000)]


def _klein_nishina() -> Law:
    """Integral of the differential section against the closed form."""
    cosine, weight = np.polynomial.legendre.leggauss(64)
    measured = 2 * math.pi * float(weight @ cross_sections.klein_nishina(np.array(100.0), cosine))
    k = 100.0 / ELECTRON_KEV
    log = math.log(1 + 2 * k)
    bracket = (1 + k) / k**2 * (2 * (1 + k) / (1 + 2 * k) - log / k) + log / (2 * k) - (1 + 3 * k) / (1 + 2 * k) ** 2
    exact = 2 * math.pi * cross_sections.ELECTRON_RADIUS_CM**2 * bracket
    source = "Klein and Nishina 1929: closed form of the total"
    return Law("section of a free electron at 100 keV [barn]", source, exact * 1e24, measured * 1e24, 1e-6)


def _totals() -> list[Law]:
    """Integrals of the bound differential sections."""
    edges = np.linspace(0, 1, 4001) ** 2  # of sin^2 (angle / 2), fine ahead
    cosine, weight = 1 - (edges[1:] + edges[:-1]), 2 * np.diff(edges)
    water = materials.table()["water"].composition
    rows = []
    processes: tuple[cross_sections.Process, ...] = ("coherent", "incoherent")
    for process in processes:
        for keV, exact in zip((30.0, 60.0, 100.0), WATER_CM2_PER_G[process]):
            section = cross_sections.differential(water, np.array(keV), cosine, process)
            measured = 2 * math.pi * float(weight @ section)
            rows.append(Law(f"{process} scatter of water at {keV:g} keV [cm^2/g]", ELAM, exact, measured, 0.02 * exact))
    return rows


def mono(keV: float) -> Spectrum:
    """One energy."""
    return Spectrum(np.array([keV]), np.array([1.0]))


def counted(keV: float) -> tuple[Spectrum, np.ndarray]:
    """One energy, and energies as signal down to where scattered photons lie."""
    energies = np.array([1.0, keV])
    return Spectrum(energies, np.array([0.0, 1.0])), energies


def reference_medium() -> Medium:
    """Report 195's box of soft tissue, 390 x 390 x 200 mm, 1550 mm from the source, in air."""
    tissue = Tissue(
        name="report-195-soft",
        density_g_per_cm3=1.03,
        composition={
            "H": 0.105, "C": 0.256, "N": 0.027, "O": 0.602, "Na": 0.001, "P": 0.002, "S": 0.003, "Cl": 0.002, "K": 0.002
        },
        density_source=TG195,
        composition_source=TG195,
    )  # fmt: skip
    label = np.zeros((21, 370, 21), np.uint8)  # z, y (from y = -100 to the source at 1750), x
    label[4:17, 20:60, 4:17] = 1
    return medium(label, 1.0, (30.0, 5.0, 30.0), (0.0, 825.0, 0.0), ["air", tissue])


def _reference(histories: int) -> list[Law]:
    """Energy left in the box and in a cube of 30 mm in its middle."""
    beam = source(flat_panel(1750.0, 1800.0, 1, 13, 13, 30.0, 30.0), mono(56.4))
    volume = deposit(jax.random.key(1), reference_medium(), beam, histories).volume * 1000
    total, middle = volume[4:17, 20:60, 4:17].sum(), volume[10, 37:43, 10].sum()
    apart = 4 / math.sqrt(histories * TG195_MIDDLE_EV / 30_000)  # some 30 keV a score
    return [
        Law("energy left in a box of tissue per photon [eV]", TG195, TG195_TOTAL_EV, total, 0.01 * TG195_TOTAL_EV),
        Law("of it in a cube in the middle [eV]", TG195, TG195_MIDDLE_EV, middle, apart * TG195_MIDDLE_EV),
    ]


def small_setup() -> tuple[Medium, Geometry]:
    """A cube of water before a small panel, where nearly all scatter is single."""
    cube = medium(np.zeros((10, 10, 10), np.uint8), 1.0, (CUBE_MM / 10,) * 3, (0.0, 0.0, 0.0), ["water"])
    return cube, flat_panel(RADIUS_MM, DISTANCE_MM, 1, 5, 1, 40.0, 80.0)  # whose beam holds the whole cube


def single_scatter(process: cross_sections.Process, points: int = 24) -> np.ndarray:
    """Single scatter of the cube over air by quadrature over its volume and the cells, energies as signal [5]."""
    node, weight = np.polynomial.legendre.leggauss(points)
    x, y, z = (0.5 * CUBE_MM * a[..., None] for a in np.meshgrid(node, node, node, indexing="ij"))
    volume = (0.5 * CUBE_MM) ** 3 * weight[:, None, None] * weight[:, None] * weight
    water = materials.table()["water"]
    source_mm = np.array([0.0, RADIUS_MM, 0.0])
    found = []
    for cell in 40.0 * (np.arange(5) - 2.0):
        fine = (np.arange(4) - 1.5) * 10.0
        u, v = (a.ravel() for a in np.meshgrid(cell + fine, 2 * fine))
        target = np.stack([u, np.full_like(u, RADIUS_MM - DISTANCE_MM), v], -1)
        ahead = np.stack([x, y - RADIUS_MM, z])[:, ..., :]
        on = np.stack([target[:, 0] - x, target[:, 1] - y, target[:, 2] - z])
        near, far = np.linalg.norm(ahead, axis=0), np.linalg.norm(on, axis=0)
        cosine = (ahead * on).sum(0) / (near * far)
        here = np.stack([x, y, z])
        inside = _to_edge(here, -ahead / near)
        leave = _to_edge(here, on / far)
        after = KEV * (cross_sections.kept_share(np.array(KEV), cosine) if process == "incoherent" else 1.0)
        mu = water.attenuation_per_mm(np.array([KEV]))[0]
        mu_after = np.interp(after, grid := np.linspace(40, 61, 50), water.attenuation_per_mm(grid))
        section = cross_sections.differential(water.composition, np.array(KEV), cosine, process) / 10
        density = section * after / KEV * np.exp(-mu * inside - mu_after * leave) / near**2
        slant = (RADIUS_MM - target[:, 1]) / np.linalg.norm(target - source_mm, axis=1)
        air = slant / ((target - source_mm) ** 2).sum(1)
        signal = (volume[..., None] * density * (y - target[:, 1]) / far**3).sum((0, 1, 2))
        found.append(signal.mean() / air.mean())
    return np.array(found)


def _to_edge(point: np.ndarray, direction: np.ndarray) -> np.ndarray:
    """Way from points inside the cube to its surface."""
    with np.errstate(divide="ignore", invalid="ignore"):
        ways = (np.sign(direction) * 0.5 * CUBE_MM - point) / direction
    return np.nanmin(np.where(direction == 0, np.inf, ways), axis=0)


def _single(histories: int) -> list[Law]:
    """Single scatter of the cube by Monte Carlo."""
    cube, panel = small_setup()
    found = scatter(jax.random.key(2), cube, panel, *counted(KEV), histories)
    source = "integral over the volume of first-order scatter, by quadrature"
    rows = []
    for name, measured in (("coherent", found.coherent), ("incoherent", found.incoherent)):
        exact = float(single_scatter(name)[[0, 4]].mean())  # type: ignore[arg-type]
        value = float(measured[0, 0, 0, [0, 4]].mean())
        rows.append(Law(f"single {name} scatter of a cube of water over air [1]", source, exact, value, 0.03 * exact))
    return rows
