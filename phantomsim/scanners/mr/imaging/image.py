"""Raw data to a magnitude image, by the reconstruction that was asked for."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from phantomsim.errors import ScannerError
from phantomsim.image import RawData
from phantomsim.scanners.mr import maps, noise, reconstruct
from phantomsim.scanners.mr.imaging import cartesian, iterative, unfold
from phantomsim.scanners.mr.imaging.frames import Frames, frames
from phantomsim.scanners.mr.imaging.linear import magnitude
from phantomsim.scanners.mr.imaging.predicted import unfolding_of, window
from phantomsim.scanners.mr.reconstruct.combine import whiten
from phantomsim.scanners.mr.spec import MRProtocol, MRReconstruction, MRScanner

Array = jax.Array
OF_LATTICES = ("sense", "fft", "grappa")


def check(protocol: MRProtocol, wanted: MRReconstruction) -> None:
    """Refuse a reconstruction that does not fit the protocol.

    Raises:
        ScannerError: what does not fit, and what would.
    """
    p, method = protocol, wanted.method
    if not p.cartesian and method in OF_LATTICES:
        raise ScannerError(f'method "{method}" needs a Cartesian scan; {p.sequence}: use "gridding" or "cg-sense"')
    if p.cartesian and method == "gridding":
        raise ScannerError(f'method "gridding" is for radial and spiral scans; {p.sequence}: use "fft" or "sense"')
    if p.sampling != "regular" and method in ("sense", "grappa"):
        raise ScannerError(f'method "{method}" needs sampling = "regular"; use "cg-sense" or "l1-wavelet"')
    if method == "sense" and p.slices % p.acceleration_z:
        raise ScannerError(f'acceleration_z {p.acceleration_z} does not divide {p.slices} partitions; use "cg-sense"')
    factor = max(p.acceleration, p.acceleration_z)
    if method == "grappa" and factor > 1 and p.calibration_lines < 4 * factor:
        raise ScannerError(
            f"GRAPPA at acceleration {factor} has {p.calibration_lines} calibration lines; set "
            f"calibration_lines = {max(24, 4 * factor)} in the protocol"
        )
    if wanted.echo is not None and wanted.echo >= p.echoes:
        raise ScannerError(f"echo is {wanted.echo}; the protocol has {p.echoes}, counted from 0")


def image(scanner: MRScanner, protocol: MRProtocol, raw: RawData, wanted: MRReconstruction) -> Array:
    """Magnitude, float32 [z, phase, readout], in units of water's magnetisation."""
    if not protocol.cartesian:
        true = true_maps(scanner, protocol, maps.shape_of_noise(scanner.coils, scanner.load, scanner.field_T))
        return iterative.of_paths(scanner, protocol, raw, true, pixel_scale(scanner, protocol), wanted)
    echoes = range(protocol.echoes) if wanted.echo is None else (wanted.echo,)
    found = [_of_echo(scanner, protocol, raw, wanted, echo) for echo in echoes]
    return found[0] if len(found) == 1 else jnp.sqrt(sum(part**2 for part in found) / len(found))


def _of_echo(scanner: MRScanner, protocol: MRProtocol, raw: RawData, wanted: MRReconstruction, echo: int) -> Array:
    data = frames(raw, protocol, echo)
    scale = pixel_scale(scanner, protocol)
    kspace = data.kspace * jnp.asarray(window(protocol, wanted) * scale, jnp.float32)
    if wanted.method == "sense" and wanted.maps == "true":
        return _unfolded(scanner, protocol, Frames(kspace, data.taken), wanted)
    covariance = maps.shape_of_noise(scanner.coils, scanner.load, scanner.field_T)
    true = true_maps(scanner, protocol, covariance)
    white = whiten(kspace, covariance, 1 - kspace.ndim)
    steps = (protocol.acceleration_z, protocol.acceleration)
    of_frame = {"fft": cartesian.fourier, "grappa": cartesian.filled}.get(wanted.method, iterative.of_lattice)
    times = times_of(raw, protocol, echo)
    fields = [iterative.oriented(protocol, f) for f in np.asarray(raw.arrays["field_Hz"])]
    found = [
        of_frame(cartesian.Frame(k, data.taken, m, steps, times, f), wanted) for k, m, f in zip(white, true, fields)
    ]
    return jnp.stack(found) if protocol.encoding == "2d" else found[0]


def times_of(raw: RawData, protocol: MRProtocol, echo: int) -> np.ndarray:
    """Time for which off-resonance had acted at each sample of the lattice, float64 [line, sample] s."""
    mine = np.flatnonzero(np.asarray(raw.arrays["echo"]) == echo)
    found = np.zeros((protocol.phase_lines, protocol.samples))
    found[np.asarray(raw.arrays["line"])[mine]] = np.asarray(raw.arrays["time_s"])[mine]
    return found


def pixel_scale(scanner: MRScanner, protocol: MRProtocol) -> float:
    """From `to_pixels` of k-space in uV to magnetisation: pixels over field of view, per slice, over water's EMF."""
    p = protocol
    pixel = p.fov_mm[0] / p.matrix[0] * p.fov_mm[1] / p.matrix[1]
    return 1 / (pixel * p.slice_mm * noise.emf_uV(scanner.field_T))


def true_maps(scanner: MRScanner, protocol: MRProtocol, covariance: np.ndarray) -> Array:
    """Whitened sensitivities of every image, complex64 [image, coil, (z,) phase, readout]."""
    whole = jnp.asarray(maps.sensitivities(scanner.coils, maps.Voxels.of(protocol)))
    white = whiten(whole, covariance)
    return white if protocol.encoding == "2d" else jnp.swapaxes(white, 0, 1)[None]


def _unfolded(scanner: MRScanner, protocol: MRProtocol, data: Frames, wanted: MRReconstruction) -> Array:
    """SENSE by the weights that are kept."""
    p, weights = protocol, unfolding_of(scanner, protocol, wanted).weights
    steps = (p.acceleration_z, p.acceleration)
    first = tuple(int((n // 2) % r) for n, r in zip((p.slices, p.phase_lines), steps))
    if p.encoding == "3d":

        def slab(kspace: Array) -> Array:
            rows = reconstruct.unfold(unfold.folded(kspace, steps, first)[None], weights)[0] / np.prod(steps)
            return jnp.asarray(unfold.spread(rows, steps, (p.slices, p.phase_lines)))

        return magnitude(data.kspace[0], data.taken, slab, wanted.partial_fourier)

    def one(weights: Array):
        def image_of(kspace: Array) -> Array:
            part = unfold.folded(kspace[:, None], steps, (0, first[1]))
            return reconstruct.unfold(part[None], weights[None])[0] / steps[1]

        return image_of

    found = [magnitude(k, data.taken, one(w), wanted.partial_fourier) for k, w in zip(data.kspace, weights)]
    return jnp.stack(found)
