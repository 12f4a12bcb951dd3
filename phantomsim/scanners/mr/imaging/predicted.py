"""Noise of a SENSE image from theory alone."""

from __future__ import annotations

import numpy as np

from phantomsim.errors import ScannerError
from phantomsim.scanners.mr import maps, noise, reconstruct
from phantomsim.scanners.mr.imaging.unfold import slab_unfolding
from phantomsim.scanners.mr.spec import MRProtocol, MRReconstruction, MRScanner


def unfolding_of(scanner: MRScanner, protocol: MRProtocol, wanted: MRReconstruction) -> maps.Unfolding:
    """SENSE weights, g-factor and variance; kept between scans."""
    s, p, voxels = scanner, protocol, maps.Voxels.of(protocol)
    if p.encoding == "3d":
        steps = (p.acceleration_z, p.acceleration)
        return slab_unfolding(s.coils, s.load, s.field_T, voxels, steps, wanted.strength)
    return maps.unfolding(s.coils, s.load, s.field_T, voxels, p.acceleration, wanted.strength)


def _check(protocol: MRProtocol, wanted: MRReconstruction) -> None:
    if wanted.method != "sense" or protocol.sampling != "regular" or protocol.partial_fourier < 1:
        raise ScannerError(
            "the noise of SENSE of regular, whole k-space alone is known in closed form; measure others by repeats"
        )


def g_factor(scanner: MRScanner, protocol: MRProtocol, wanted: MRReconstruction) -> np.ndarray:
    """Noise amplification beyond sqrt(R), float32 [z, phase, readout]."""
    _check(protocol, wanted)
    return unfolding_of(scanner, protocol, wanted).g


def noise_sd(
    scanner: MRScanner, protocol: MRProtocol, wanted: MRReconstruction, covariance_uV2: np.ndarray
) -> np.ndarray:
    """SD of the real part, float32 [z, phase, readout]."""
    _check(protocol, wanted)
    p = protocol
    samples = p.acceleration * p.acceleration_z * np.sum(window(p, wanted) ** 2)
    volume = p.fov_mm[0] * p.fov_mm[1] * p.slice_mm
    if p.encoding == "3d":
        samples, volume = samples * p.slices, volume * p.slices
    count = len(covariance_uV2)
    spread = unfolding_of(scanner, p, wanted).variance * np.trace(covariance_uV2) / count
    return np.sqrt(spread * samples / 2) / (volume * noise.emf_uV(scanner.field_T))


def window(protocol: MRProtocol, wanted: MRReconstruction) -> np.ndarray:
    """Apodisation of (lines, samples)."""
    if wanted.window == "none":
        return np.ones((protocol.phase_lines, protocol.samples))
    return np.outer(reconstruct.hann(protocol.phase_lines), reconstruct.hann(protocol.samples))
