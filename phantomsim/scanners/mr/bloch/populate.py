"""Isochromats of a voxel phantom: for every voxel, a regular sub-grid for each tissue in it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from phantomsim.errors import ScannerError
from phantomsim.materials import MRProperties
from phantomsim.phantom import Phantom
from phantomsim.scanners.mr.bloch.spins import Array, Sensitivities, Spins

LEAST_SIGNAL = 1e-6  # of water's: below it a voxel's tissue is left out


def populate(
    phantom: Phantom,
    properties: MRProperties,
    isocentre_mm: tuple[float, float, float] | None = None,
    spins_per_voxel: tuple[int, int, int] = (1, 1, 1),
    b0_Hz: Array | None = None,
    b1: Array | None = None,
    sensitivities: Sensitivities | None = None,
    *,
    shift_Hz: Array | None = None,
    slab_mm: tuple[float, float] | None = None,
    prime: bool = True,
    boxes: bool = True,
) -> Spins:
    """Spins of a phantom. Signals of tissues that share a voxel add; their T1 and T2 are never averaged.

    Spoilers work only if a voxel holds more spins than they turn cycles in several T2; a prime number of them along
    each axis keeps echoes of many repetitions from falling together.

    Args:
        properties: of the phantom's T tissues.
        isocentre_mm: world point (x, y, z) at the isocentre; None: the middle of the phantom.
        spins_per_voxel: along z, y and x, on a regular sub-grid.
        b0_Hz: off-resonance of water [z, y, x]; None: none.
        b1: B1+ over the nominal one [z, y, x]; None: 1.
        sensitivities: from points [N, 3] mm to complex [coil, N]; None: one coil of sensitivity 1.
        shift_Hz: chemical shift of each tissue [T]; None: none.
        slab_mm: lowest and highest z from the isocentre; what lies outside is left out.
        prime: reversible decay from T2*; switch it off where off-resonance itself is simulated finely enough.
        boxes: each spin stands for its share of the voxel (see `Spins.extent_mm`), else for a point.
    Returns:
        Spins in order of tissues, voxels and sub-grid; amplitude = PD x density x fraction x mm^3.
    Raises:
        ScannerError: no voxel gives a signal, or fewer than one spin a voxel.
    """
    if min(spins_per_voxel) < 1:
        raise ScannerError(f"spins_per_voxel is {spins_per_voxel}; must be at least 1 along z, y and x")
    mr = MRProperties(*(np.asarray(p, float) for p in properties))
    density = np.broadcast_to(np.asarray(phantom.density, np.float32), phantom.grid.shape)
    offsets, share_mm3, extent = _sub_grid(phantom, spins_per_voxel)
    found: dict[str, list[np.ndarray]] = {}
    for tissue, voxels, fraction in _parts(phantom, _rows(phantom, isocentre_mm, slab_mm)):
        weight = mr.PD[tissue] * density[voxels] * fraction
        kept = weight > LEAST_SIGNAL
        index = np.stack(voxels, -1)[kept]
        columns = {
            "position_mm": _from_isocentre(phantom, index, isocentre_mm)[:, None] + offsets,
            "T1_ms": mr.T1_ms[tissue],
            "T2_ms": mr.T2_ms[tissue],
            "T2prime_ms": 1 / max(1 / mr.T2star_ms[tissue] - 1 / mr.T2_ms[tissue], 1e-30),
            "amplitude": (weight[kept] * share_mm3)[:, None],
            "off_resonance_Hz": _at(b0_Hz, index, 0.0)[:, None]
            + (0.0 if shift_Hz is None else float(shift_Hz[tissue])),
            "transmit": _at(b1, index, 1.0)[:, None],
        }
        for name, value in columns.items():
            shape = (len(index), len(offsets), 3)[: 3 if name == "position_mm" else 2]
            found.setdefault(name, []).append(np.broadcast_to(value, shape).reshape(-1, *shape[2:]))
    spins = {name: np.concatenate(values) for name, values in found.items()} if found else {"position_mm": np.zeros(0)}
    points = spins.pop("position_mm")
    if not len(points):
        raise ScannerError("no voxel of the phantom gives a signal there; move the slab or take another phantom")
    receive = np.ones((1, len(points))) if sensitivities is None else sensitivities(points)
    if not prime:
        del spins["T2prime_ms"]
    return Spins.at(points, receive=receive, **({"extent_mm": extent} if boxes else {}), **spins)


def _sub_grid(phantom: Phantom, count: tuple[int, int, int]) -> tuple[np.ndarray, float, np.ndarray]:
    """Offsets (x, y, z) from the voxel's centre [n, 3] mm, volume of each [mm^3], and edges (x, y, z) [mm]."""
    spacing = np.asarray(phantom.grid.spacing_mm, float)
    steps = [((np.arange(n) + 0.5) / n - 0.5) * d for n, d in zip(count, spacing)]
    z, y, x = (a.ravel() for a in np.meshgrid(*steps, indexing="ij"))
    return np.stack([x, y, z], -1), float(np.prod(spacing / count)), (spacing / count)[::-1]


def _rows(phantom: Phantom, isocentre_mm: tuple[float, ...] | None, slab_mm: tuple[float, float] | None) -> np.ndarray:
    """Which rows along z reach into the slab, bool [z]."""
    if slab_mm is None:
        return np.ones(phantom.grid.shape[0], bool)
    height = phantom.grid.spacing_mm[0]
    middle = 0.0 if isocentre_mm is None else phantom.grid.local(isocentre_mm)[2]
    z = phantom.grid.axes_mm()[0] - middle
    return (z + height / 2 > slab_mm[0]) & (z - height / 2 < slab_mm[1])


def _parts(phantom: Phantom, rows: np.ndarray) -> Iterator[tuple[int, tuple[np.ndarray, ...], np.ndarray]]:
    """Tissue, voxels (z, y, x indices) and their fractions, for labels and then overlays."""
    rest = np.ones(phantom.grid.shape, np.float32)
    boxes = []
    for part in (one for many in phantom.parts() for one in many.single()):
        start, fraction = np.asarray(part.start, int), np.asarray(part.fraction, np.float32)
        rest[tuple(slice(s, s + n) for s, n in zip(start, fraction.shape))] -= fraction
        index = np.nonzero(fraction)
        voxels = tuple(i + s for i, s in zip(index, start))
        inside = rows[voxels[0]]
        boxes.append((int(part.tissue), tuple(v[inside] for v in voxels), fraction[index][inside]))
    label = np.asarray(phantom.label)
    for tissue in np.unique(label[rows]):
        voxels = np.nonzero((label == tissue) & rows[:, None, None])
        yield int(tissue), voxels, rest[voxels]
    yield from boxes


def _from_isocentre(phantom: Phantom, index: np.ndarray, isocentre_mm: tuple[float, ...] | None) -> np.ndarray:
    middle = (np.asarray(phantom.grid.shape) - 1) / 2
    local = ((index - middle) * np.asarray(phantom.grid.spacing_mm))[:, ::-1]
    return local if isocentre_mm is None else local - phantom.grid.local(isocentre_mm)


def _at(volume: Array | None, index: np.ndarray, default: float) -> np.ndarray:
    return np.full(len(index), default) if volume is None else np.asarray(volume)[tuple(index.T)]
