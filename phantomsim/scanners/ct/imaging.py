"""From readings to images: calibration, corrections, and the reconstruction that is asked for."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
import numpy as np

from phantomsim.errors import ScannerError
from phantomsim.grid import Grid
from phantomsim.image import Image, RawData
from phantomsim.scanners.ct import bone, calibration, correct, fdk, radiograph, rawdata, water
from phantomsim.scanners.ct.bases import WATER, Bases
from phantomsim.scanners.ct.dose import solve
from phantomsim.scanners.ct.expected import Expected
from phantomsim.scanners.ct.rawdata import Group
from phantomsim.scanners.ct.spec import CTReconstruction

if TYPE_CHECKING:
    from phantomsim.scanners.ct.scan import Scan

MOST_READINGS = 2**26  # reconstructed at a time: 256 MiB of float32
SLOPE_PER_MM = 0.02  # of the log reading by the path of water, at 70 keV: for weights only
SPECTRAL = ("water", "iodine")  # bases of mono-energetic and iodine images
BOUNDS_MM = ((-100.0, 1000.0), (-2000.0, 6000.0))  # least and greatest path of each: mm, and mg/mL x mm


def groups(scan: Scan, image: str) -> list[Group]:
    """Channels that an image is made of: those of one group are added up, groups are averaged."""
    every = [(beam, tuple(range(r.channels))) for beam, r in enumerate(scan.readouts)]
    if image == "low":
        return [(0, (0,))]
    if image == "high":
        return [(every[-1][0], every[-1][1][-1:])]
    return every


def group_bases(scan: Scan, group: Group) -> Bases:
    """Bases in the beam of a group, with one response: what its channels read together."""
    one = scan.readouts[group[0]].beam
    summed = one.weights[list(group[1])].sum(0, keepdims=True)
    return Bases(dataclasses.replace(one, weights=summed), (WATER,))


def line_integrals(scan: Scan, raw: RawData, wanted: CTReconstruction, group: Group) -> jax.Array:
    """Minus the logarithm of corrected readings over air [view, row, column]."""
    counts, air = rawdata.readings(scan, raw, group)
    least = rawdata.floor(scan, raw, group, air, wanted.floor_photons)
    if wanted.scatter_correction == "kernel":
        counts = _without_scatter(scan, counts, air, group)
    return correct.line_integrals(counts, air, least)


def _without_scatter(scan: Scan, counts: jax.Array, air: jax.Array, group: Group) -> jax.Array:
    from phantomsim.scanners.ct.scatter import correct as scatter
    from phantomsim.scanners.ct.scatter import kernel

    open_beam = jnp.asarray(scan.readouts[group[0]].air[0], jnp.float32)
    spread = kernel.spread(scan.geometry)
    return air * scatter.primary(counts / air, spread, open_beam, grid=scan.readouts[group[0]].scatter_share)


def water_paths(scan: Scan, raw: RawData, wanted: CTReconstruction) -> jax.Array:
    """Corrected projections: path of water of each ray [view, row, column] [mm]."""
    chosen = groups(scan, wanted.image)
    parts = [_group_paths(scan, raw, wanted, group) for group in chosen]
    return parts[0] if len(parts) == 1 else jnp.mean(jnp.stack(parts), 0)


def _group_paths(scan: Scan, raw: RawData, wanted: CTReconstruction, group: Group) -> jax.Array:
    """Paths of water by one group of channels, calibrated and, if asked for, corrected for bone."""
    correction = _correction(scan, group, wanted.beam_hardening != "none")
    paths = water.water_paths(line_integrals(scan, raw, wanted, group), correction)
    if wanted.beam_hardening == "bone":
        paths = bone.second_pass(paths, scan.geometry, _bone(scan, group))
    if wanted.calibration == "scan" and wanted.method == "fbp" and scan.protocol.path != "radiograph":
        paths = paths * _scale(scan, group, wanted.kernel, wanted.beam_hardening != "none")
    return paths


@lru_cache(maxsize=16)
def _bone(scan: Scan, group: Group) -> bone.BoneCorrection:
    return bone.bone_correction(group_bases(scan, group), _correction(scan, group, True))


@lru_cache(maxsize=16)
def _scale(scan: Scan, group: Group, kernel: str, corrected: bool) -> np.float32:
    """Scale of HU by the scan of a water cylinder."""
    correction = _correction(scan, group, corrected)
    return np.float32(calibration.slope(scan.geometry, kernel, group_bases(scan, group), correction))


@lru_cache(maxsize=16)
def _correction(scan: Scan, group: Group, corrected: bool) -> water.WaterCorrection:
    return water.water_correction(group_bases(scan, group), corrected)


def check_image(scan: Scan, wanted: CTReconstruction) -> None:
    """Whether the readings can give an image. Raises ScannerError if not."""
    channels = sum(r.channels for r in scan.readouts)
    if wanted.image != "HU" and channels < 2:
        raise ScannerError(
            f'reconstruction.image is "{wanted.image}"; this scan has one energy. Use image = "HU", a protocol with'
            " second_kVp, or a photon-counting scanner"
        )


def reconstruct_all(scan: Scan, raws: Sequence[RawData], wanted: CTReconstruction) -> list[Image]:
    """See `Scan.reconstruct_all`."""
    if scan.protocol.path == "radiograph":
        return [_radiograph(scan, one, wanted) for one in raws]
    most = max(1, MOST_READINGS // math.prod(scan.geometry.shape))
    parts = [raws[i : i + most] for i in range(0, len(raws), most)]
    return [image for part in parts for image in _reconstruct(scan, part, wanted)]


def _layout(wanted: CTReconstruction) -> tuple[tuple[int, int, int], tuple[float, float, float]]:
    """Voxels and their pitch along z, y, x."""
    pixel = wanted.fov_mm / wanted.matrix
    return (wanted.slices, wanted.matrix, wanted.matrix), (wanted.slice_mm, pixel, pixel)


def _reconstruct(scan: Scan, raws: Sequence[RawData], wanted: CTReconstruction) -> list[Image]:
    shape, spacing = _layout(wanted)
    corner = np.asarray(wanted.offset_mm) - 0.5 * (np.asarray(shape) - 1)[::-1] * np.asarray(spacing)[::-1]
    if wanted.image in ("mono", "iodine"):
        values, unit = jnp.stack(_spectral(scan, raws, wanted)), "HU" if wanted.image == "mono" else "mg/mL"
    else:
        paths = jnp.stack([water_paths(scan, one, wanted) for one in raws])
        values, unit = 1000 * (_volume(scan, raws, paths, wanted) - 1), "HU"
    return [_image(one, data, spacing, corner, unit) for one, data in zip(values, raws)]


def filtered(scan: Scan, paths: jax.Array, wanted: CTReconstruction) -> jax.Array:
    """Filtered backprojection of [..., view, row, column] by the scan's path [..., z, y, x]."""
    shape, spacing = _layout(wanted)
    return fdk.reconstruct(paths, scan.geometry, wanted.kernel, shape, spacing, wanted.offset_mm)


def _image(
    values: jax.Array, raw: RawData, spacing: tuple[float, float, float], corner_mm: np.ndarray, unit: str
) -> Image:
    """Values on a grid whose first voxel lies at `corner_mm` (x, y, z) from the isocentre, along the phantom's axes."""
    turn = np.asarray(raw.arrays["direction"], float)
    origin = tuple((np.asarray(raw.isocentre_mm) + turn @ corner_mm).tolist())
    return Image(values, Grid(values.shape, spacing, origin, tuple(map(tuple, turn.tolist()))), unit)  # type: ignore[arg-type]


def _volume(scan: Scan, raws: Sequence[RawData], paths: jax.Array, wanted: CTReconstruction) -> jax.Array:
    """Water-normalised attenuation of several scans [scan, z, y, x]."""
    if wanted.method == "fbp":
        return filtered(scan, paths, wanted)
    return jnp.stack([_iterative(scan, raw, one, wanted) for raw, one in zip(raws, paths)])


def _iterative(scan: Scan, raw: RawData, paths: jax.Array, wanted: CTReconstruction) -> jax.Array:
    """One scan by an iterative method; rays count by their noise."""
    from phantomsim.scanners.ct.iterative import reconstruct as iterative
    from phantomsim.scanners.ct.iterative.weights import inverse_variance

    shape, spacing = _layout(wanted)
    subsets = {"os-sirt": wanted.subsets, "pwls": wanted.subsets, "sart": scan.geometry.views}.get(wanted.method, 1)
    setup = iterative.setup(scan.geometry, shape, spacing, wanted.offset_mm, subsets, scan.protocol.footprint)
    weights = None
    if wanted.method in ("cgls", "tv", "pwls"):
        group = groups(scan, wanted.image)[0]
        readout, counts = scan.readouts[group[0]], rawdata.readings(scan, raw, group)[0] * rawdata.current(raw)
        weights = inverse_variance(counts, float(readout.quantum[0]), readout.electronic, SLOPE_PER_MM)
    return iterative.reconstruct(wanted.method, paths, setup, weights, wanted.iterations, wanted.strength)  # type: ignore[arg-type]


def _spectral(scan: Scan, raws: Sequence[RawData], wanted: CTReconstruction) -> list[jax.Array]:
    """Mono-energetic [HU] or iodine [mg/mL] images, from water and iodine found ray by ray."""
    from phantomsim.scanners.ct.spectral import decompose, images, model

    quantum = np.concatenate([r.quantum for r in scan.readouts])
    found = []
    for one in raws:
        counts, air = rawdata.channels(scan, one)
        table = model.of_beams([r.beam for r in scan.readouts], air, quantum, SPECTRAL)
        electronic = np.concatenate([np.full(r.channels, r.electronic) for r in scan.readouts]) / quantum
        scale = jnp.asarray(quantum, jnp.float32)[:, None, None, None]
        excess = jnp.asarray(electronic**2, jnp.float32)[:, None, None, None]
        paths = decompose.decompose(counts / scale, table, jnp.asarray(BOUNDS_MM), excess)
        bases = _volume(scan, [one] * len(SPECTRAL), paths, wanted)
        energy = wanted.mono_keV or 0.0
        found.append(images.mono(bases, SPECTRAL, energy) if wanted.image == "mono" else images.iodine(bases, SPECTRAL))
    return found


def _radiograph(scan: Scan, raw: RawData, wanted: CTReconstruction) -> Image:
    """One view from the front: minus the logarithm of its transmission [1], on a coronal grid."""
    integrals = line_integrals(scan, raw, wanted, groups(scan, wanted.image)[0])
    _, spacing, corner = radiograph.layout(scan.geometry)
    # As deep as the field is wide, so that truth is averaged along the rays.
    depth = (spacing[0], scan.geometry.field_mm, spacing[2])
    return _image(radiograph.picture(integrals, scan.geometry), raw, depth, corner, "1")


def noise_law(scan: Scan, expected: Expected) -> solve.NoiseLaw:
    """How noise in the middle of the patient depends on mAs, for the first beam's channels together."""
    readout = scan.readouts[0]
    correction = _correction(scan, groups(scan, "HU")[0], True)
    mAs = expected.current / scan.protocol.views / len(scan.readouts)
    moments = readout.moments(expected.signals[0], mAs)
    mean = moments[: readout.channels].sum(0)
    variance = moments[1] if readout.response.counter is None else mean
    air = jnp.asarray(readout.air[: readout.channels].sum(0) * mAs.mean(), jnp.float32)
    level = jnp.asarray(expected.current, jnp.float32)[:, None, None]

    def paths(values: jax.Array) -> jax.Array:
        return water.water_paths(correct.line_integrals(values / level, air, 0.0), correction)

    return solve.noise_law(solve.middle_pixels(paths, scan.geometry), mean, variance, readout.electronic**2, 1.0)
