"""The CT dose index of a scanner, by simulating its measurement.

IEC 60601-2-44: one axial turn around a PMMA cylinder of 16 cm ("head") or 32 cm ("body"), 15 cm long; CTDI100 is the
air kerma in a chamber 100 mm long, times its length, over the nominal collimation; the chamber lies in the middle or
with its axis 10 mm below the surface; weighted CTDI = middle / 3 + 2 edge / 3. For collimations above 40 mm, which the
chamber does not hold, it is that of a 20 mm beam times the ratio of the two beams' CTDI free in air (Amendment 1,
2012), which is 1 here, where the kerma of a beam does not depend on its height.

Photons are transported through the phantom (`phantomsim.scanners.ct.scatter`), and what is scored is the air kerma
that a cavity too small to disturb them would show. Because the source goes round, the edge is scored in the whole ring
at the chamber's depth, and the middle in a disc of 10 mm radius. Left out: the couch, scatter from the gantry, the
chamber's wall, and the penumbra beyond the nominal collimation, which a real beam has (a few % of it at 40 mm).
"""

from __future__ import annotations

import math
from functools import cache
from typing import NamedTuple

import jax
import numpy as np

from phantomsim import materials
from phantomsim.errors import ScannerError
from phantomsim.scanners.ct import bowtie as bowties
from phantomsim.scanners.ct import heel
from phantomsim.scanners.ct.geometry import Geometry
from phantomsim.scanners.ct.orbits import flat_panel, third_generation
from phantomsim.scanners.ct.rays import rays
from phantomsim.scanners.ct.scatter.medium import Medium, medium
from phantomsim.scanners.ct.scatter.montecarlo import deposit
from phantomsim.scanners.ct.scatter.source import source
from phantomsim.scanners.ct.spec import CTProtocol, CTScanner

DIAMETER_MM = {"head": 160.0, "body": 320.0}
LENGTH_MM, CHAMBER_MM, DEPTH_MM = 150.0, 100.0, 10.0
WIDEST_MM, REFERENCE_MM = 40.5, 20.0  # IEC 60601-2-44; the first with room for rounding
CHAMBER_RADIUS_MM = {"middle": 10.0, "edge": 5.0}
PIXEL_MM, SLAB_MM, FINE = 2.5, 5.0, 5
VIEWS, COLUMNS, ROWS = 360, 64, 4  # of the turn, and steps of the bowtie across the fan and of the heel effect
KEV_PER_G_TO_MGY = 1.602176634e-16 * 1e3 * 1e3  # keV -> J, 1/g -> 1/kg, Gy -> mGy
HISTORIES = 500_000  # 1 % of the weighted CTDI or better
SEED = 0  # a figure of the scanner, not of a patient: always the same


class CTDI100(NamedTuple):
    """CTDI100 in the middle and at the edge [mGy per 100 mAs]."""

    middle: float
    edge: float

    @property
    def weighted(self) -> float:
        """Weighted CTDI [mGy per 100 mAs]."""
        return self.middle / 3 + 2 * self.edge / 3


class Output(NamedTuple):
    """Weighted CTDI of a protocol's beam [mGy per 100 mAs], and where it comes from."""

    mGy_per_100mAs: float
    source: str


def output(scanner: CTScanner, protocol: CTProtocol) -> Output:
    """Weighted CTDI by the scanner's table, or by simulation where it has no row.

    Between tabulated voltages it follows a power law. Two beams share the mAs evenly.

    Raises:
        ScannerError: a voltage outside the bank of spectra.
    """
    first = _beam_output(scanner, protocol, protocol.kVp)
    if protocol.second_kVp is None:
        return first
    second = _beam_output(scanner, protocol, protocol.second_kVp, tuple(protocol.second_filtration.items()))
    source = first.source if first.source == second.source else f"{first.source}; {second.source}"
    return Output((first.mGy_per_100mAs + second.mGy_per_100mAs) / 2, source)


def _beam_output(
    scanner: CTScanner, protocol: CTProtocol, kVp: float, more: tuple[tuple[str, float], ...] = ()
) -> Output:
    fitting = [r for r in scanner.ctdi if r.phantom == protocol.ctdi_phantom and r.bowtie in (None, protocol.bowtie)]
    rows = sorted((r.kVp, r.mGy_per_100mAs) for r in fitting)
    if rows and rows[0][0] <= kVp <= rows[-1][0] and not more:
        voltage, value = np.log(np.array(rows)).T
        return Output(float(np.exp(np.interp(np.log(kVp), voltage, value))), "tabulated: " + scanner.ctdi_source)
    bare = {"name": "", "description": "", "ctdi": (), "ctdi_source": "", "protocols": {}, "reconstructions": {}}
    text = scanner.model_copy(update=bare).model_dump_json()
    found = _simulated(text, protocol.bowtie, kVp, more, protocol.ctdi_phantom, HISTORIES)
    return Output(found.weighted, "simulated by Monte Carlo, full collimation")


@cache
def _simulated(
    scanner: str, bowtie: str, kVp: float, more: tuple[tuple[str, float], ...], phantom: str, histories: int
) -> CTDI100:
    return simulate(CTScanner.model_validate_json(scanner), kVp, phantom, bowtie, dict(more), histories=histories)


def simulate(
    scanner: CTScanner,
    kVp: float,
    phantom: str,
    bowtie: str = "none",
    more_filtration: dict[str, float] | None = None,
    collimation_mm: float | None = None,
    histories: int = HISTORIES,
    seed: int = SEED,
) -> CTDI100:
    """CTDI100 of one turn.

    Args:
        phantom: "head" or "body".
        bowtie: one of the scanner's, by name.
        more_filtration: besides the scanner's, as {sn_mm = 0.4} [mm].
        collimation_mm: height of the beam at the isocentre; None: all rows.
        histories: photons.
    Raises:
        ScannerError: an unknown phantom or bowtie, or a beam outside the bank of spectra.
    """
    if phantom not in DIAMETER_MM:
        raise ScannerError(f'no CTDI phantom "{phantom}"; there are {", ".join(DIAMETER_MM)}')
    full = scanner.rows * scanner.row_mm * scanner.source_to_isocentre_mm / scanner.source_to_detector_mm
    wide = collimation_mm or full
    turn = _turn(scanner, wide if wide <= WIDEST_MM else REFERENCE_MM)
    passed = {**scanner.filtration}
    for name, thickness in (more_filtration or {}).items():
        passed[name] = passed.get(name, 0.0) + thickness
    spectrum = materials.spectrum(kVp, passed, scanner.anode_deg)
    beam = source(turn, spectrum, *_filters(scanner, bowtie, turn, kVp, passed))
    found = deposit(jax.random.key(seed), cylinder(DIAMETER_MM[phantom]), beam, histories, "air-kerma")
    kerma = found.volume * KEV_PER_G_TO_MGY * beam.photons_per_mAs * 100
    return chambers(kerma, DIAMETER_MM[phantom], turn.collimation_mm)


def _filters(
    scanner: CTScanner, bowtie: str, turn: Geometry, kVp: float, filtration: dict[str, float]
) -> tuple[tuple[str, ...], np.ndarray]:
    """Bowtie and heel effect: materials and their paths [F, row, column] [mm]."""
    seen, shape, found = rays(turn), scanner.bowtie(bowtie), {}
    if shape is not None:
        found[shape.material] = bowties.path_mm(shape, seen, scanner.source_to_isocentre_mm)
    if scanner.heel:
        found[heel.MATERIAL] = heel.path_mm(seen, scanner.anode_deg, kVp, filtration)
    return tuple(found), np.array(list(found.values())).reshape(-1, turn.rows, turn.columns)


def _turn(scanner: CTScanner, collimation_mm: float) -> Geometry:
    """A turn of few cells, over the whole fan and the collimation."""
    magnification = scanner.source_to_detector_mm / scanner.source_to_isocentre_mm
    make = flat_panel if scanner.shape == "flat" else third_generation
    return make(
        scanner.source_to_isocentre_mm,
        scanner.source_to_detector_mm,
        VIEWS,
        COLUMNS,
        ROWS,
        scanner.columns * scanner.column_mm / COLUMNS,
        collimation_mm * magnification / ROWS,
    )


def chambers(kerma: np.ndarray, diameter_mm: float, collimation_mm: float) -> CTDI100:
    """What the chambers show of the air kerma in every voxel of `cylinder` [z, y, x]."""
    first = round((LENGTH_MM - CHAMBER_MM) / SLAB_MM / 2)
    profile = kerma[first : len(kerma) - first].sum(0) * SLAB_MM / collimation_mm
    axis, half = diameter_mm / 2 - DEPTH_MM, CHAMBER_RADIUS_MM["edge"]
    ring = _annulus(diameter_mm, axis - half, axis + half)
    disc = _annulus(diameter_mm, 0, CHAMBER_RADIUS_MM["middle"])
    return CTDI100(*(float((profile * part).sum() / part.sum()) for part in (disc, ring)))


def cylinder(diameter_mm: float) -> Medium:
    """A PMMA cylinder along z, its edge by density."""
    share = _annulus(diameter_mm, 0, diameter_mm / 2)
    density = np.broadcast_to(share, (round(LENGTH_MM / SLAB_MM), *share.shape))
    return medium(np.zeros(density.shape, np.uint8), density, (SLAB_MM, PIXEL_MM, PIXEL_MM), (0, 0, 0), ["pmma"])


def _annulus(diameter_mm: float, inner_mm: float, outer_mm: float) -> np.ndarray:
    """Share of each pixel between two radii [y, x]."""
    count = math.ceil(diameter_mm / PIXEL_MM) * FINE
    at = (np.arange(count) - (count - 1) / 2) * PIXEL_MM / FINE
    radius = np.hypot(at, at[:, None])
    fine = (radius >= inner_mm) & (radius < outer_mm)
    return fine.reshape(count // FINE, FINE, count // FINE, FINE).mean((1, 3))
