"""K-space of a phantom under a sequence: what trials run.

Contrast comes from phase graphs, one for each tissue and flip angle, not for each voxel. Sequence, tissues and
frequencies are brought into few modes (`modes`), each a volume that is looked up voxel by voxel (`layers`), seen by
the coils (`planes`) and transformed: by FFT where the lattice of voxels fits that of the samples, by matrix where
it does not, by NUFFT where samples lie on no lattice. The Fourier integral of the voxels' boxes is exact.
"""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from phantomsim.grid import Grid
from phantomsim.scanners.mr.encode import fourier
from phantomsim.scanners.mr.signal import trains
from phantomsim.scanners.mr.signal.axes import Axis, axis, decimate
from phantomsim.scanners.mr.signal.layers import Layers
from phantomsim.scanners.mr.signal.modes import Flat, Modes, flat
from phantomsim.scanners.mr.signal.planes import Surroundings, lattice, seen
from phantomsim.scanners.mr.signal.shots import Shots
from phantomsim.scanners.mr.signal.slab import Slab
from phantomsim.scanners.mr.spec.protocol import MRProtocol

FINE = 1e-5  # of the amplitudes' root mean square that whole images leave out
FEW = 20  # modes of which a whole image each is cheaper than the lines of every kind by themselves
Axes = tuple[np.ndarray, np.ndarray, np.ndarray]


@dataclass(frozen=True, eq=False)
class Object:
    """A phantom in the scanner.

    Attributes:
        layers: its voxels.
        around: the fields that they meet.
        axes_mm: centres of voxels from the isocentre, along z, y, x.
        spacing_mm: of voxels along z, y, x.
        flips: tabulated transmit fields [node].
    """

    layers: Layers
    around: Surroundings
    axes_mm: Axes
    spacing_mm: tuple[float, float, float]
    flips: int = 1


def row_weights(slab: Slab, profile: np.ndarray, flips: int) -> np.ndarray:
    """Weights of the profile's modes, complex128 [slice, row, transmit, mode]."""
    q, nodes = profile.shape
    return np.einsum("srz,qzb->srbq", slab.weight, profile.reshape(q, nodes // flips, flips), optimize=True)


def row_tables(weights: np.ndarray, table: np.ndarray) -> np.ndarray:
    """Tables of every row of one slice, complex64 [row, transmit, tissue, frequency, R]."""
    return np.einsum("rbq,tqfk->rbtfk", weights, table, optimize=True).astype(np.complex64)


def axes_of(protocol: MRProtocol, subject: Object) -> tuple[Axis, Axis]:
    """Transforms along y and x onto the protocol's lattice, the readout oversampled, object about the slab's middle."""
    found = []
    for i, name in ((1, "y"), (2, "x")):
        count, field = protocol.matrix[i - 1], protocol.fov_mm[i - 1]
        if name != protocol.phase_axis:
            count, field = count * protocol.readout_oversampling, field * protocol.readout_oversampling
        centres = subject.axes_mm[i] - protocol.offset_mm[2 - i]
        found.append(axis(np.arange(count) - count // 2, field, centres, subject.spacing_mm[i]))
    return found[0], found[1]


def slices(
    subject: Object, protocol: MRProtocol, shots: Shots, modes: Modes, profile: np.ndarray, slab: Slab, scale: float
) -> jax.Array:
    """K-space of a 2D Cartesian scan, complex64 [coil, shot, sample] at the image's samples, in ascending k."""
    weights = row_weights(slab, profile, subject.flips)
    axes, whole = axes_of(protocol, subject), flat(modes, FINE)
    few = whole.table.shape[-1] <= FEW or modes.amplitude.shape[2] == 1
    of_shot = whole.of_shot if few else modes.timing
    basis = (ordered(whole.basis if few else modes.basis, of_shot, shots) * scale).astype(np.complex64)
    found, places = [], []
    for number in range(protocol.slices):
        mine = np.flatnonzero(shots.slice == number)
        where = weights[number], slab.start[number], mine
        if few:
            part = _alike(subject, protocol, shots, whole, basis, axes, *where)
        else:
            part = _trains(subject, protocol, shots, modes, basis, axes, *where)
        found.append(decimate(part, protocol.samples, protocol.readout_oversampling))
        places.append(mine)
    return jnp.concatenate(found, axis=1)[:, np.argsort(np.concatenate(places))]


def _alike(
    subject: Object,
    protocol: MRProtocol,
    shots: Shots,
    modes: Flat,
    basis: np.ndarray,
    axes: tuple[Axis, Axis],
    weights: np.ndarray,
    start: int,
    mine: np.ndarray,
) -> jax.Array:
    """One slice of few modes: one image a mode, all of its lines."""
    images = seen(subject.layers, subject.around, row_tables(weights, modes.table), start)
    lengths = (axes[0].length, axes[1].length)
    return lattice(images, *axes, shots.line[mine], modes.of_shot[mine], basis, protocol.phase_axis, lengths)


def _trains(
    subject: Object,
    protocol: MRProtocol,
    shots: Shots,
    modes: Modes,
    basis: np.ndarray,
    axes: tuple[Axis, Axis],
    weights: np.ndarray,
    start: int,
    mine: np.ndarray,
) -> jax.Array:
    """One slice whose lines have contrasts of their own."""
    kinds, lines, place = trains.by_kind(modes.kind[mine], shots.line[mine])
    timing = np.zeros(modes.amplitude.shape[2], int)
    timing[modes.kind] = modes.timing
    i = 1 if protocol.phase_axis == "y" else 2
    k = (lines - protocol.phase_lines // 2) / protocol.fov_mm[i - 1]
    centres = subject.axes_mm[i] - protocol.offset_mm[2 - i]
    phase = fourier(k.ravel(), centres, subject.spacing_mm[i]).reshape(*k.shape, -1)
    amplitude = np.einsum("rbq,tqk->krbt", weights, modes.amplitude[:, :, kinds], optimize=True)
    readout = axes[1] if protocol.phase_axis == "y" else axes[0]
    found = trains.lattice(
        subject.layers,
        subject.around,
        modes.table,
        amplitude.astype(np.complex64),
        start,
        phase.astype(np.complex64),
        readout,
        basis[timing[kinds]],
        protocol.phase_axis,
        readout.length,
    )
    return found[:, place]


def ordered(basis: np.ndarray, of_shot: np.ndarray, shots: Shots) -> np.ndarray:
    """A basis [kind, sample, R] with its samples in ascending k, complex64; `of_shot` is the kind of each shot."""
    if shots.order is None:
        return basis
    path = np.zeros(len(basis), int)
    path[of_shot] = shots.path
    return np.take_along_axis(basis, shots.order[path][..., None], axis=1)


def middles_mm(protocol: MRProtocol) -> np.ndarray:
    """Middles of the slices from the isocentre along z [slice] mm."""
    n = np.arange(protocol.slices) - (protocol.slices - 1) / 2
    return n * (protocol.slice_mm + protocol.gap_mm) + protocol.offset_mm[2]


def axes_from_isocentre(grid: Grid, isocentre_mm: tuple[float, float, float]) -> Axes:
    """Centres of a grid's voxels from the isocentre, along z, y, x [mm]."""
    at = grid.local(isocentre_mm)[::-1]
    z, y, x = (centres - float(a) for centres, a in zip(grid.axes_mm(), at))
    return z, y, x
