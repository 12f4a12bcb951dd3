"""Images as solutions of the encoding equations: CG-SENSE and L1-wavelet on lattices and paths, and gridding."""

from __future__ import annotations

from functools import lru_cache

import jax
import jax.numpy as jnp
import numpy as np

from phantomsim.errors import ScannerError
from phantomsim.image import RawData
from phantomsim.scanners.mr import maps, nufft
from phantomsim.scanners.mr.imaging.cartesian import Frame
from phantomsim.scanners.mr.imaging.coil_maps import estimated
from phantomsim.scanners.mr.reconstruct.cg_sense import cg_sense
from phantomsim.scanners.mr.reconstruct.combine import whiten
from phantomsim.scanners.mr.reconstruct.compressed_sensing import l1_wavelet
from phantomsim.scanners.mr.reconstruct.density import gridded, pipe_menon
from phantomsim.scanners.mr.reconstruct.encoding import Cartesian, Encoding, non_cartesian
from phantomsim.scanners.mr.reconstruct.off_resonance import off_resonance
from phantomsim.scanners.mr.spec import MRProtocol, MRReconstruction, MRScanner

Array = jax.Array


def of_lattice(frame: Frame, wanted: MRReconstruction) -> Array:
    """Magnitude of one Cartesian frame, [(z,) phase, readout]."""
    seen, size = evened(estimated(frame.kspace, frame.taken, frame.maps) if wanted.maps == "espirit" else frame.maps)
    if wanted.off_resonance:
        return _corrected(frame, seen, wanted) / size
    mask = np.broadcast_to(frame.taken[..., None], frame.kspace.shape[1:]).astype(np.float32)
    return jnp.abs(_solved(Cartesian(seen, jnp.asarray(mask)), frame.kspace, wanted)) / size


def _corrected(frame: Frame, seen: Array, wanted: MRReconstruction) -> Array:
    """With the phase that off-resonance had gained at each sample of a 2D frame."""
    if frame.kspace.ndim == 4 or frame.times_s is None or frame.field_Hz is None:
        raise ScannerError("off_resonance corrects 2D images; leave it out for a 3d slab")
    points = lattice_points(frame.taken, frame.kspace.shape[-1])
    times = frame.times_s[frame.taken].ravel()
    encoding = off_resonance(seen, points, times, frame.field_Hz)
    return jnp.abs(_solved(encoding, frame.kspace[:, frame.taken].reshape(len(seen), -1), wanted))


def lattice_points(taken: np.ndarray, samples: int) -> np.ndarray:
    """Measured samples of a 2D lattice, float32 [point, 2] cycles per pixel."""
    lines = (np.flatnonzero(taken) - len(taken) // 2) / len(taken)
    along = (np.arange(samples) - samples // 2) / samples
    return np.stack([a.ravel() for a in np.meshgrid(lines, along, indexing="ij")], -1).astype(np.float32)


def evened(maps: Array) -> tuple[Array, Array]:
    """Maps whose squares sum to 1, and by what they were divided (Pruessmann 2001, intensity correction).

    Without it the middle of the body, where all coils are weak, converges last and is thresholded most.
    """
    size = jnp.sqrt(jnp.sum(jnp.abs(maps) ** 2, 0))
    return jnp.where(size > 0, maps / jnp.where(size > 0, size, 1), 0), jnp.where(size > 0, size, jnp.inf)


def _solved(encoding: Encoding, data: Array, wanted: MRReconstruction) -> Array:
    if wanted.method == "cg-sense":
        return cg_sense(encoding, data, wanted.strength, wanted.count)
    return l1_wavelet(encoding, data, wanted.strength, wanted.count, wanted.levels, wanted.wavelet)


def of_paths(
    scanner: MRScanner, protocol: MRProtocol, raw: RawData, true: Array, scale: float, wanted: MRReconstruction
) -> Array:
    """Magnitude of a 2D scan along any paths, float32 [slice, phase, readout].

    Args:
        true: whitened sensitivities, complex64 [slice, coil, phase, readout].
        scale: from k-space in uV to pixels.
    """
    p = protocol
    covariance = maps.shape_of_noise(scanner.coils, scanner.load, scanner.field_T)
    white = whiten(jnp.asarray(raw.arrays["kspace"])[:, :, None, :], covariance, -4)[:, :, 0] * scale
    found = []
    for number in range(p.slices):
        mine = np.flatnonzero(np.asarray(raw.arrays["slice"]) == number)
        points = path_points(p, np.asarray(raw.arrays["k_per_mm"])[mine])
        data = white[:, mine].reshape(len(white), -1)
        field = oriented(p, np.asarray(raw.arrays["field_Hz"])[number])
        times = np.asarray(raw.arrays["time_s"])[mine].ravel()
        found.append(jnp.abs(_along(true[number], points, data, times, field, wanted)))
    return jnp.stack(found)


def path_points(protocol: MRProtocol, k_per_mm: np.ndarray) -> np.ndarray:
    """(kx, ky, kz) of samples as (phase, readout) in cycles per pixel, float32 [point, 2]."""
    x, y = (k_per_mm[..., i].ravel() * protocol.fov_mm[1 - i] / protocol.matrix[1 - i] for i in (0, 1))
    return np.stack([x, y] if protocol.phase_axis == "x" else [y, x], -1).astype(np.float32)


def oriented(protocol: MRProtocol, values: np.ndarray) -> np.ndarray:
    """[y, x] as [phase, readout]."""
    return np.swapaxes(values, -1, -2) if protocol.phase_axis == "x" else values


def _along(
    true: Array, points: np.ndarray, data: Array, times_s: np.ndarray, field_Hz: np.ndarray, wanted: MRReconstruction
) -> Array:
    true, size = evened(true)
    shape = true.shape[1:]
    weights = _density(points.tobytes(), len(points), shape)
    if wanted.off_resonance:
        encoding: Encoding = off_resonance(true, points, times_s, field_Hz, weights)
        if wanted.method == "gridding":
            return encoding.adjoint(data) / size
        return _solved(encoding, data, wanted) / size
    if wanted.method == "gridding":
        return gridded(true, nufft.plan(points, shape), data, jnp.asarray(weights)) / size
    return _solved(non_cartesian(true, points, weights), data, wanted) / size


@lru_cache(maxsize=8)
def _density(points: bytes, count: int, shape: tuple[int, int]) -> np.ndarray:
    """Area of k-space about each sample, kept between slices and scans."""
    plan = nufft.plan(np.frombuffer(points, np.float32).reshape(count, 2), shape)
    return np.asarray(pipe_menon(plan))
