"""One beam at the detector: from moments of readings, free of noise, to what is read, and the air scan."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import jax
import jax.numpy as jnp
import numpy as np

from phantomsim.keys import hash32
from phantomsim.scanners.ct.beam import Beam, beam, open_field
from phantomsim.scanners.ct.detector import antiscatter, correlated, counting, integrating, pileup
from phantomsim.scanners.ct.detector.crosstalk import spread
from phantomsim.scanners.ct.detector.response import Response, response
from phantomsim.scanners.ct.geometry import Geometry
from phantomsim.scanners.ct.spec import CTProtocol, CTScanner, EnergyIntegrating
from phantomsim.spec import canonical

DISC = 32  # rings of the disc that scatter is taken to come from
SCATTER_KEV = 60.0


@dataclass(frozen=True, eq=False)
class Readout:
    """A beam and the detector that reads it, for one geometry.

    Attributes:
        scanner, protocol, geometry: of the scan.
        second: whether this is the second beam of dual energy.
    """

    scanner: CTScanner
    protocol: CTProtocol
    geometry: Geometry
    second: bool = False

    @property
    def cell_mm(self) -> tuple[float, float]:
        """Height and width of a cell as it is read [mm]."""
        return self.geometry.row_mm, self.geometry.column_mm

    @property
    def kVp(self) -> float:
        """Voltage of this beam [kV]."""
        return self.protocol.second_kVp if self.second and self.protocol.second_kVp else self.protocol.kVp

    @cached_property
    def beam(self) -> Beam:
        """Spectrum, filters and, fitted for each, all moments of the response."""
        return beam(self.scanner, self.protocol, self.geometry, self.second, self.per_photon)

    def per_photon(self, energy_keV: np.ndarray) -> np.ndarray:
        """Moments of a reading per photon of the beam that meets grid and sensitive area, at N energies [moment, N]."""
        detector, grid = self.scanner.detector, self.scanner.grid
        passed = 1.0 if grid is None else antiscatter.primary(grid, energy_keV)
        if isinstance(detector, EnergyIntegrating):
            return passed * integrating.moments(detector, energy_keV)
        found = counting.pairs(detector, energy_keV, self.cell_mm)
        return passed * np.concatenate([found.counts, found.all])

    @cached_property
    def response(self) -> Response:
        """Crosstalk, and what correlates counts."""
        return response(self.scanner.detector, self.beam.energy_keV, self.beam.photons, self.cell_mm)

    @cached_property
    def scatter_share(self) -> float:
        """Scatter that the anti-scatter grid lets through over the primary that it does [1].

        Scatter is taken to come evenly from a disc as wide as the scan field at the isocentre, at 60 keV.
        """
        grid, geometry = self.scanner.grid, self.geometry
        if grid is None or geometry.beam == "parallel":
            return 1.0
        radius = geometry.field_mm / 2 * np.sqrt((np.arange(DISC) + 0.5) / DISC)
        polar = np.arctan(radius / (geometry.distance_mm - geometry.radius_mm))
        energy = np.array([SCATTER_KEV])
        return float(antiscatter.scattered(grid, energy, polar).mean() / antiscatter.primary(grid, energy)[0])

    @property
    def electronic(self) -> float:
        """SD of what a reading has of electronic noise [keV]; none for counts."""
        detector = self.scanner.detector
        if not isinstance(detector, EnergyIntegrating):
            return 0.0
        return detector.electronic_noise_keV * math.sqrt(self.protocol.binned_rows * self.protocol.binned_columns)

    @property
    def quantum(self) -> np.ndarray:
        """Variance over mean of the readings of each channel in air [channel]: keV a photon, or 1 count."""
        first = self.air[:, self.geometry.rows // 2, self.geometry.columns // 2]
        return np.ones(self.channels) if self.response.counter else first[1:2] / first[:1]

    @property
    def channels(self) -> int:
        """How many readings a cell gives: one, or one per energy bin."""
        return self.response.channels

    @cached_property
    def air(self) -> np.ndarray:
        """Moments of a reading in air, float64 [moment, row, column], per mAs of one view."""
        cells = self.protocol.binned_rows * self.protocol.binned_columns
        area = self.scanner.column_mm * self.scanner.row_mm * self.scanner.detector.fill * cells
        return open_field(self.beam, self.geometry) * area

    @cached_property
    def gain(self) -> np.ndarray | float:
        """Gain of each cell [row, column]; a property of the scanner, not of the scan."""
        detector = self.scanner.detector
        if not isinstance(detector, EnergyIntegrating) or not detector.gain_spread:
            return 1.0
        key = jax.random.key(hash32(canonical(detector)), impl="threefry2x32")
        shape = self.geometry.rows, self.geometry.columns
        return np.asarray(integrating.gains(key, shape, detector.gain_spread))

    def moments(self, signals: jax.Array, mAs: np.ndarray) -> jax.Array:
        """Moments of readings, crosstalk included [moment, view, row, column].

        Args:
            signals: over those in air.
            mAs: of each view [view].
        """
        # Two factors that broadcast, not their product, which would be as large as the data.
        absolute = signals * np.asarray(self.air[:, None], np.float32) * np.asarray(mAs[:, None, None], np.float32)
        if not self.response.spread.any():
            return absolute
        share = jnp.asarray(self.response.spread, jnp.float32)[:, :, None, None, None]
        return spread(absolute, share[:, 0], share[:, 1])

    def draw(self, key: jax.Array, signals: jax.Array, mAs: np.ndarray) -> jax.Array:
        """Readings with noise, float32 [channel, view, row, column]; arguments as of `moments`."""
        moments, detector = self.moments(signals, mAs), self.scanner.detector
        if isinstance(detector, EnergyIntegrating):
            mean, variance = moments
            drawn = integrating.measure(
                key, mean, variance, self.electronic, detector.optical_crosstalk, jnp.asarray(self.gain)
            )
            return drawn[None]
        counter = self.response.counter
        assert counter is not None
        return correlated.measure(key, moments, counter, self._dead(), detector.pile_up)

    def mean(self, signals: jax.Array, mAs: np.ndarray) -> jax.Array:
        """The mean of `draw`, without pile-up [channel, view, row, column]."""
        moments, detector = self.moments(signals, mAs), self.scanner.detector
        if isinstance(detector, EnergyIntegrating):
            return integrating.expected(moments[0], detector.optical_crosstalk, self.gain)[None]
        return moments[: self.channels]

    def air_scan(self, mAs: float, piled: bool = True) -> np.ndarray:
        """Readings in air at the mean current of a view, averaged until free of noise [channel, row, column]."""
        even = jnp.ones((len(self.air), 1, self.geometry.rows, self.geometry.columns), jnp.float32)
        detector = self.scanner.detector
        if isinstance(detector, EnergyIntegrating) or not piled:
            return np.asarray(self.mean(even, np.array([mAs]))[:, 0])
        counter = self.response.counter
        assert counter is not None
        moments = self.moments(even, np.array([mAs]))
        return np.asarray(correlated.expected(moments, counter, self._dead(), detector.pile_up)[:, 0])

    def unpiled(self, counts: jax.Array) -> jax.Array:
        """Counts [channel, ...] with pile-up made up for: those lost, and those lifted into a higher bin."""
        detector, counter = self.scanner.detector, self.response.counter
        if isinstance(detector, EnergyIntegrating) or counter is None:
            return counts
        return pileup.original(counts, counter.heaped, self._dead(), detector.pile_up)

    def _dead(self) -> float:
        view_s = self.protocol.rotation_s / self.protocol.views
        return pileup.dead_per_count(self.scanner.detector, view_s, self.cell_mm)  # type: ignore[arg-type]
