"""A detector's answer to photons of a few energies: the one table that a scan needs, for both kinds of detectors."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from phantomsim import materials
from phantomsim.scanners.ct.detector import counting, integrating, pileup
from phantomsim.scanners.ct.spec import EnergyIntegrating, PhotonCounting

PATH_MM = 200.0  # of water before the detector: weights energies as a patient would


class Counter(NamedTuple):
    """What correlates the counts of a photon-counting detector; matrices [C, C] are symmetric.

    Attributes:
        own: share of the pairs of counts in bins i and j that lie within one cell.
        across, up: share that crosses to each of the two neighbours in the row, in the column.
        heaped: `pileup.heap_table` [C, C, C].
    """

    own: np.ndarray
    across: np.ndarray
    up: np.ndarray
    heaped: np.ndarray


class Response(NamedTuple):
    """Mean readings and their noise, per photon on the sensitive part of a cell.

    The first C of the S moments are the mean readings of the C channels: absorbed energy [keV] of energy-integrating
    detectors (C = 1), counts of the bins of photon-counting ones. The others are what the noise needs: the variance
    [keV^2], or the numbers t_ij of pairs of counts (`counting`). All are linear in the photons.

    Attributes:
        energy_keV: the E energies.
        moments: float64 [S, E].
        spread: share that each neighbour in the column, in the row gets of each moment [S, 2] (`crosstalk.spread`).
        counter: of photon-counting detectors only.
    """

    energy_keV: np.ndarray
    moments: np.ndarray
    spread: np.ndarray
    counter: Counter | None

    @property
    def channels(self) -> int:
        """C: how many of the moments are mean readings."""
        return 1 if self.counter is None else len(self.counter.own)

    def weights(self, photons: np.ndarray, means: np.ndarray | None = None) -> np.ndarray:
        """Moments of a beam, float32 [E, S]: exp(-optical depth [E]) @ weights are the moments of a cell behind it.

        Args:
            photons: at each of the energies [E].
            means: of the channels, fitted to the whole spectrum (the first C rows of `Beam.weights`) [C, E]; by
                default photons times the response.
        """
        found = np.asarray(photons) * self.moments
        if means is not None:
            found[: self.channels] = means[: self.channels]
        return found.T.astype(np.float32)


def responses(detector: EnergyIntegrating | PhotonCounting, energy_keV: np.ndarray) -> np.ndarray:
    """Mean readings of each channel per photon, float64 [C, N]: [keV] absorbed, or counts in each bin."""
    if isinstance(detector, EnergyIntegrating):
        return integrating.moments(detector, energy_keV)[:1]
    return counting.responses(detector, energy_keV)


def response(
    detector: EnergyIntegrating | PhotonCounting,
    energy_keV: np.ndarray,
    photons: np.ndarray,
    cell_mm: tuple[float, float],
) -> Response:
    """The response at a beam's energies.

    Args:
        energy_keV, photons: the E energies and the photons of each, air in the beam; of the photons only ratios count,
            and only for how pairs are shared out among cells and how pulses heap up.
        cell_mm: (row, column): height and width of a cell at the detector, binned as it is read [mm].
    """
    energy = np.asarray(energy_keV, float)
    if isinstance(detector, EnergyIntegrating):
        moments = integrating.moments(detector, energy)
        return Response(energy, moments, np.full((2, 2), detector.xray_crosstalk), None)
    water = materials.attenuation_matrix(["water"], energy)[0]
    return _counting(detector, energy, photons * np.exp(-PATH_MM * water), cell_mm)


def _counting(
    detector: PhotonCounting, energy: np.ndarray, photons: np.ndarray, cell_mm: tuple[float, float]
) -> Response:
    found = counting.pairs(detector, energy, cell_mm)
    moments = np.concatenate([found.counts, found.all])
    tiny = np.finfo(float).tiny
    out = found.out @ photons / np.maximum(found.counts @ photons, tiny)[:, None]
    spread = np.concatenate([out, np.zeros((len(moments) - len(out), 2))])
    i, j = counting.pair_index(len(found.counts))
    total = np.maximum(found.all @ photons, tiny)
    own, across, up = (_matrix(part @ photons / total, i, j) for part in (found.own, found.across, found.up))
    return Response(energy, moments, spread, Counter(own, across, up, pileup.heap_table(detector, energy, photons)))


def _matrix(values: np.ndarray, i: np.ndarray, j: np.ndarray) -> np.ndarray:
    found = np.zeros((i.max() + 1, j.max() + 1))
    found[i, j] = found[j, i] = values
    return found
