"""The beam: spectrum of the tube, filters with a path per cell, and the detector's response, in few energies."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np

from phantomsim import materials
from phantomsim.errors import ScannerError
from phantomsim.materials.attenuation import edges_keV
from phantomsim.materials.quadrature import PATHS_MM as PATIENT_MM
from phantomsim.materials.spectra import Spectrum, filter_attenuation_per_mm
from phantomsim.scanners.ct import bowtie, heel
from phantomsim.scanners.ct.bases import WATER, Bases
from phantomsim.scanners.ct.detector import counting, integrating
from phantomsim.scanners.ct.geometry import Geometry
from phantomsim.scanners.ct.rays import Rays, rays
from phantomsim.scanners.ct.spec import CTProtocol, CTScanner, Detector, EnergyIntegrating
from phantomsim.scanners.ct.transmission import transmission

__all__ = ["PAD", "PATH_MM", "WHOLE", "Bases", "Beam", "Response", "beam", "open_field", "transmission"]

PAD = 16  # at most so many energies stand for a spectrum; always that many, so that another voltage compiles nothing
PAD_COUNTING = 24  # with the several energy bins of a photon counter
WHOLE = 0  # as `count`: all energies of the spectrum
PATH_MM = 200.0  # of water in front of the detector: weights energies as a patient would
# Elements in patients, filters and detectors whose K edge lies in the beam: bins of the spectrum are divided there.
EDGES_OF = ("Cd", "Sn", "Te", "I", "Cs", "Ba", "Gd", "Yb", "Ta", "W", "Au", "Pb", "Bi")
K_KEV = 20.0  # edges above are K edges, for these elements
Response = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True, eq=False)
class Beam:
    """A tube, its filters and its detector, per mAs.

    Attributes:
        spectrum: behind the flat filters, before bowtie and patient.
        energy_keV: few energies that stand for it [E].
        photons: their photons per mAs and mm^2 that faces the focus 1 m away [E].
        weights: the same times the detector's R responses, fitted for each [R, E]; for energy-integrating detectors
            mean [keV] and variance [keV^2] of the reading.
        count: number of energies that arrays are padded to.
        filters: F materials beside the flat filters.
        filter_paths_mm: path of each cell's ray in each of them [F, row, column] [mm].
    """

    spectrum: Spectrum
    energy_keV: np.ndarray
    photons: np.ndarray
    weights: np.ndarray
    count: int
    filters: tuple[str, ...]
    filter_paths_mm: np.ndarray

    @property
    def keV(self) -> np.ndarray:
        """Absorbed energy per mAs and mm^2 of a perfect cell 1 m from the focus, flat filters in the beam [E]."""
        return self.weights[0]

    @property
    def photon_keV(self) -> float:
        """Mean energy of an absorbed photon in the open beam [keV]."""
        return float(self.keV.sum() / (self.keV / self.energy_keV).sum())

    @cached_property
    def filter_exponent(self) -> np.ndarray:
        """Sum over the filters of attenuation x path, float32 [E, row, column]; [E, 1, 1] without filters."""
        if not self.filters:
            return np.zeros((len(self.energy_keV), 1, 1), np.float32)
        mu = np.stack([filter_attenuation_per_mm(name, self.energy_keV) for name in self.filters])
        return np.tensordot(mu, self.filter_paths_mm, (0, 0)).astype(np.float32)

    def behind_water(self) -> np.ndarray:
        """Share of each energy in the signal behind 200 mm of water, mean of the responses [E]."""
        mu = materials.attenuation_matrix([WATER], self.energy_keV)[0]
        passed = self.weights * np.exp(-mu * PATH_MM)
        return (passed / passed.sum(-1, keepdims=True)).mean(0)


def beam(
    scanner: CTScanner,
    protocol: CTProtocol | float,
    geometry: Geometry | None = None,
    second: bool = False,
    response: Response | None = None,
    count: int | None = None,
) -> Beam:
    """The beam of a scanner in a protocol.

    Args:
        scanner: tube, filters, bowties, detector.
        protocol: voltage, bowtie and second beam; or a voltage alone [kV].
        geometry: the cells; without one, bowtie and heel are left out.
        second: the second beam of dual energy.
        response: signals per photon on the sensitive area at N energies -> [R, N], none negative; by default mean and
            variance of an energy-integrating detector, mean counts of a photon counter.
        count: most energies; by default 16, 24 for photon counters; WHOLE for all of the spectrum's.
    Raises:
        ScannerError: a voltage outside the range of the spectra, no second voltage, no such bowtie, a bowtie in a
            parallel beam, or rays behind the anode.
    """
    protocol = protocol if isinstance(protocol, CTProtocol) else CTProtocol(kVp=float(protocol))
    kVp, filtration = _tube(scanner, protocol, second)
    whole = materials.spectrum(kVp, filtration, scanner.anode_deg).split(_edges())
    filters = {} if geometry is None else _filters(scanner, protocol, rays(geometry), geometry, kVp, filtration)
    integrates = isinstance(scanner.detector, EnergyIntegrating)
    signals_of = response or _response(scanner.detector)
    signals = np.vstack([np.ones_like(whole.energy_keV), signals_of(whole.energy_keV)])
    count = (PAD if integrates else PAD_COUNTING) if count is None else count
    if count == WHOLE:
        energy, weights = whole.energy_keV, whole.photons_per_mAs_per_mm2_at_1m * signals
    else:
        reach = {name: (float(path.min()), float(path.mean()), float(path.max())) for name, path in filters.items()}
        energy, weights = materials.nodes(whole, count, signals, {**PATIENT_MM, **reach})
    paths = np.stack(list(filters.values())) if filters else np.zeros((0, 1, 1))
    return Beam(whole, energy, weights[0], weights[1:], count or len(energy), tuple(filters), paths)


def open_field(beam: Beam, geometry: Geometry) -> np.ndarray:
    """The air scan: responses with nothing but the filters in the beam.

    Returns:
        float64 [R, row, column] per mAs and mm^2 of sensitive area of a cell: distance and slant of the cell included.
    """
    passed = np.einsum("re,eyx->ryx", beam.weights, np.exp(-beam.filter_exponent))
    return passed * rays(geometry).strength


def _tube(scanner: CTScanner, protocol: CTProtocol, second: bool) -> tuple[float, dict[str, float]]:
    if not second:
        return protocol.kVp, scanner.filtration
    if protocol.second_kVp is None:
        raise ScannerError("protocol.second_kVp is not given: there is no second beam")
    more = protocol.second_filtration
    both = {key: scanner.filtration.get(key, 0.0) + more.get(key, 0.0) for key in {**scanner.filtration, **more}}
    return protocol.second_kVp, both


def _filters(
    scanner: CTScanner,
    protocol: CTProtocol,
    seen: Rays,
    geometry: Geometry,
    kVp: float,
    filtration: dict[str, float],
) -> dict[str, np.ndarray]:
    """Path of each cell's ray in bowtie and anode [row, column] [mm]."""
    found: dict[str, np.ndarray] = {}
    shape = scanner.bowtie(protocol.bowtie)
    if shape is not None:
        if geometry.beam == "parallel":
            raise ScannerError(f'a parallel beam has no fan for the bowtie "{protocol.bowtie}"; use bowtie = "none"')
        found[shape.material] = bowtie.path_mm(shape, seen, scanner.source_to_isocentre_mm)
    if scanner.heel and geometry.beam != "parallel":
        found[heel.MATERIAL] = heel.path_mm(seen, scanner.anode_deg, kVp, filtration)
    return found


def _response(detector: Detector) -> Response:
    if isinstance(detector, EnergyIntegrating):
        return partial(integrating.moments, detector)
    return partial(counting.responses, detector)


def _edges() -> list[float]:
    return [float(edge) for symbol in EDGES_OF for edge in edges_keV(symbol) if edge > K_KEV]
