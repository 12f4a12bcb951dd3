"""Scatter that reaches the detector, over what it reads in air."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from phantomsim.materials.spectra import Spectrum
from phantomsim.scanners.ct.geometry import Geometry
from phantomsim.scanners.ct.scatter import forced, transport
from phantomsim.scanners.ct.scatter.interactions import energies
from phantomsim.scanners.ct.scatter.medium import Medium
from phantomsim.scanners.ct.scatter.montecarlo import LANES, batches
from phantomsim.scanners.ct.scatter.source import Source, emit, source


class Scatter(NamedTuple):
    """Scatter in each cell over the cell's own reading in air; float64 [C, view, row, column].

    Attributes:
        total: all scatter; the sum of the next three.
        coherent, incoherent: of photons that collided once.
        multiple: of those that collided more often.
        error: standard error of `total`, from the spread between batches.
        air: reading in air of each cell, per emitted photon of its view [C, row, column].
    """

    total: np.ndarray
    coherent: np.ndarray
    incoherent: np.ndarray
    multiple: np.ndarray
    error: np.ndarray
    air: np.ndarray


def scatter(
    key: jax.Array,
    medium: Medium,
    geometry: Geometry,
    spectrum: Spectrum,
    response: np.typing.ArrayLike,
    histories: int = 1_000_000,
    filters: Sequence[str] = (),
    filter_paths_mm: np.typing.ArrayLike | None = None,
) -> Scatter:
    """Scatter of a medium in every cell of a detector.

    The beam is collimated to the detector; whatever has few and large cells is cheap (see `coarse.coarsen`). No
    anti-scatter grid. Photons count as if they met the detector head on.

    Args:
        key: of the random numbers.
        medium: what is in the beam.
        geometry: its cells are both the steps of the beam and the cells of the result.
        spectrum: of the beam, per photon; behind the filters that are alike for all rays.
        response: signal of a photon at each of the spectrum's energies [E] or [C, E], e.g. absorption x keV. Photons
            lose energy: the spectrum must begin where the slowest lie, if need be with empty bins; below it, the
            first value holds.
        histories: photons in all, rounded up; views share them.
        filters, filter_paths_mm: what else is in the beam, and its path [F, row, column] [mm].
    Raises:
        ScannerError: a parallel beam, or paths of another shape.
    """
    beam = source(geometry, spectrum, filters, filter_paths_mm)
    signal = np.atleast_2d(np.asarray(response, float))
    count, size = batches(histories)
    tables = [np.interp(energies(), spectrum.energy_keV, row) for row in signal]
    table = jnp.asarray(np.array(tables), jnp.float32)
    parts = [_batch(k, medium, beam, table, geometry.shape, size) for k in jax.random.split(key, count)]
    air = np.asarray(beam.share, float) @ signal.T
    return _collect(np.stack(parts) * geometry.views / size, air.transpose(2, 0, 1))


def _batch(
    key: jax.Array, medium: Medium, beam: Source, response: jax.Array, shape: tuple[int, int, int], size: int
) -> np.ndarray:
    first, second = jax.random.split(key)
    waiting, _ = transport.queue(emit(first, beam, size), medium)
    sums = forced.tally(second, waiting, medium, beam.frame, response, shape, min(LANES, size), samples(medium))
    return np.asarray(sums, float)


def samples(medium: Medium) -> int:
    """Samples of a ray to the detector: about one in one and a half voxels for rays from the middle."""
    shape, pitch = np.array(medium.label.shape[::-1]), np.asarray(medium.spacing_mm)
    half = 0.5 * float(np.linalg.norm((shape * pitch)[:2]))
    return int(np.clip(16 * np.ceil(half / float(pitch[:2].min()) / 24), 16, 128))


def _collect(batch: np.ndarray, air: np.ndarray) -> Scatter:
    """From batches [batch, C, part, view, row, column], per photon of a view, to ratios."""
    ratio = batch / air[:, None, None]
    mean = ratio.mean(0)
    error = ratio.sum(2).std(0, ddof=1) / np.sqrt(len(batch))
    return Scatter(mean.sum(1), mean[:, 0], mean[:, 1], mean[:, 2], error, air)
