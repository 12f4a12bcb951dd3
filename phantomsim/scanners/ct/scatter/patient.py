"""Scatter of a patient by Monte Carlo at low resolution, smoothed and interpolated."""

from __future__ import annotations

from collections.abc import Sequence

import jax
import numpy as np

from phantomsim import materials
from phantomsim.materials.spectra import Spectrum, filter_attenuation_per_mm
from phantomsim.phantom import Phantom
from phantomsim.scanners.ct.geometry import Geometry
from phantomsim.scanners.ct.scatter import coarse
from phantomsim.scanners.ct.scatter.detected import scatter
from phantomsim.scanners.ct.scatter.medium import Medium, medium

REACH_MM = 150.0  # of the patient above and below the beam that is kept: scatter from further away is lost
BLOCK_KEV = 60.0  # energy at which a block of voxels attenuates as its voxels do
SMOOTH = (0.7, 0.7, 1.0)  # views, rows, columns of the coarse geometry


def patient_medium(
    phantom: Phantom, isocentre_mm: np.typing.ArrayLike, geometry: Geometry, voxel_mm: float = 5.0
) -> Medium:
    """A patient around the beam in blocks of voxels.

    A block is of the tissue of that voxel in it which attenuates most like the block's mean at 60 keV, at the density
    that gives this mean; overlays and lesions count in the mean, not as tissues.
    """
    spacing = np.array(phantom.grid.spacing_mm)
    factor = np.maximum(1, np.round(voxel_mm / spacing)).astype(int)
    first, last = _rows(phantom, isocentre_mm, geometry, int(factor[0]))
    mu = materials.attenuation_matrix(phantom.tissues, np.array([BLOCK_KEV]))[:, 0]
    cut = slice(first, last)
    density = np.broadcast_to(np.asarray(phantom.density, np.float32), phantom.grid.shape)[cut]
    volume = np.asarray(phantom.mix(mu.astype(np.float32)))[cut] * density
    blocks, labels = _blocks(volume, factor), _blocks(np.asarray(phantom.label)[cut], factor)
    mean = blocks.mean(-1)
    nearest = np.abs(blocks - mean[..., None]).argmin(-1)[..., None]
    label = np.take_along_axis(labels, nearest, -1)[..., 0]
    covered = np.array(mean.shape) * factor
    middle = (np.array([first, 0, 0]) + 0.5 * (covered - 1) - 0.5 * (np.array(phantom.grid.shape) - 1)) * spacing
    centre = -phantom.grid.local(isocentre_mm) + middle[::-1]
    return medium(label, mean / mu[label], tuple(spacing * factor), centre, phantom.tissues)


def _rows(phantom: Phantom, isocentre_mm: np.typing.ArrayLike, geometry: Geometry, factor: int) -> tuple[int, int]:
    """Rows of the phantom in the reach of the beam, a multiple of `factor` of them; all if the beam is elsewhere."""
    dz, total = phantom.grid.spacing_mm[0], phantom.grid.shape[0]
    centre = phantom.grid.local(isocentre_mm)[2] / dz + (total - 1) / 2
    height = geometry.source_mm[:, 2]
    low, high = height.min() - 0.5 * geometry.collimation_mm, height.max() + 0.5 * geometry.collimation_mm
    first = int(np.clip(np.floor(centre + (low - REACH_MM) / dz), 0, total - 1))
    last = int(np.clip(np.ceil(centre + (high + REACH_MM) / dz) + 1, first + 1, total))
    return first, max(first + (last - first) // factor * factor, min(first + factor, total))


def _blocks(volume: np.ndarray, factor: np.ndarray) -> np.ndarray:
    """Voxels of each block [z, y, x, voxel]; what does not fill a block is filled up with copies of the edge."""
    pad = [(0, int(-n % f)) for n, f in zip(volume.shape, factor)]
    whole = np.pad(volume, pad, mode="edge")
    z, y, x = (n // f for n, f in zip(whole.shape, factor))
    parts = whole.reshape(z, factor[0], y, factor[1], x, factor[2]).transpose(0, 2, 4, 1, 3, 5)
    return parts.reshape(z, y, x, -1)


def patient_scatter(
    key: jax.Array,
    phantom: Phantom,
    isocentre_mm: np.typing.ArrayLike,
    geometry: Geometry,
    spectrum: Spectrum,
    response: np.typing.ArrayLike,
    filters: Sequence[str] = (),
    filter_paths_mm: np.typing.ArrayLike | None = None,
    histories: int = 400_000,
    views: int = 24,
    rows: int = 4,
    columns: int = 32,
    voxel_mm: float = 5.0,
) -> np.ndarray:
    """Scatter of a patient in every cell over the cell's own reading in air, without anti-scatter grid.

    Example: `patient_scatter(key, phantom, isocentre, scan.geometry, beam.spectrum, response, beam.filters,
    beam.filter_paths_mm)`.

    Args:
        key, spectrum, response, histories: as `detected.scatter` takes them.
        phantom, isocentre_mm: as `Scan.expected` takes them.
        geometry: of the scan, a circle or helix.
        filters, filter_paths_mm: [F, row, column] of the whole geometry.
        views, rows, columns: of the coarse geometry.
        voxel_mm: about the side of the blocks that photons see.
    Returns:
        float32 [C, view, row, column].
    """
    few = coarse.coarsen(geometry, views, rows, columns)
    body = patient_medium(phantom, isocentre_mm, geometry, voxel_mm)
    paths = np.zeros((0, geometry.rows, geometry.columns)) if filter_paths_mm is None else np.asarray(filter_paths_mm)
    means = coarse.average(paths, few.rows, few.columns)
    found = scatter(key, body, few, spectrum, response, histories, filters, means)
    wide, fine = (_air(spectrum, response, filters, p) for p in (means, paths))
    even = coarse.smooth(found.total * wide[:, None], *SMOOTH, coarse.closed(geometry))
    return (coarse.refine(even, geometry) / fine[:, None]).astype(np.float32)


def _air(spectrum: Spectrum, response: np.typing.ArrayLike, filters: Sequence[str], paths_mm: np.ndarray) -> np.ndarray:
    """Reading in air over that without filters [C, row, column]."""
    signal = np.atleast_2d(response) * spectrum.photons_per_mAs_per_mm2_at_1m
    passed = np.ones((*paths_mm.shape[1:], len(spectrum.energy_keV)))
    for name, path in zip(filters, paths_mm):
        passed = passed * np.exp(-filter_attenuation_per_mm(name, spectrum.energy_keV) * path[..., None])
    return np.moveaxis(passed @ (signal / signal.sum(-1, keepdims=True)).T, -1, 0)
