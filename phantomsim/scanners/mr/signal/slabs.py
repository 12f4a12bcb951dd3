"""K-space of 3D Cartesian scans."""

from __future__ import annotations

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np

from phantomsim.scanners.mr.signal import engine, slab_trains, volume
from phantomsim.scanners.mr.signal.axes import Axis, axis
from phantomsim.scanners.mr.signal.layers import Layers
from phantomsim.scanners.mr.signal.modes import Modes, flat, paired
from phantomsim.scanners.mr.signal.shots import Shots
from phantomsim.scanners.mr.spec import MRProtocol

GRAIN = 32  # voxels: boxes are so rough that few sizes are compiled


def kspace(
    protocol: MRProtocol, shots: Shots, subject: engine.Object, profile: np.ndarray, modes: Modes, scale: float
) -> jax.Array:
    """Samples of every shot, complex64 [coil, shot, sample], in ascending k."""
    body = bounded(subject, np.abs(modes.amplitude).max((1, 2)) > 0)
    along_z = axis(
        np.arange(protocol.slices) - protocol.slices // 2,
        protocol.slices * protocol.slice_mm,
        body.axes_mm[0] - protocol.offset_mm[2],
        body.spacing_mm[0],
    )
    axes = (along_z, *engine.axes_of(protocol, body))
    point = shots.partition * protocol.phase_lines + shots.line
    if modes.amplitude.shape[2] == 1 and len(modes.basis) == 1:
        return _alike(protocol, shots, body, profile, modes, scale, axes, point)
    return _trains(protocol, shots, body, profile, modes, scale, axes, point)


def _alike(
    protocol: MRProtocol,
    shots: Shots,
    body: engine.Object,
    profile: np.ndarray,
    modes: Modes,
    scale: float,
    axes: tuple[Axis, Axis, Axis],
    point: np.ndarray,
) -> jax.Array:
    """All shots have one contrast."""
    basis = flat(modes)
    table = np.einsum("qb,tqfk->btfk", profile, basis.table).astype(np.complex64)
    return volume.lattice(
        volume.modes_of(body.layers, body.around, table),
        body.around,
        axes,
        point,
        basis.of_shot,
        jnp.asarray(engine.ordered(basis.basis, basis.of_shot, shots) * scale),
        protocol.phase_axis,
        _lengths(axes),
        protocol.readout_oversampling,
        protocol.samples,
    )


def _trains(
    protocol: MRProtocol,
    shots: Shots,
    body: engine.Object,
    profile: np.ndarray,
    modes: Modes,
    scale: float,
    axes: tuple[Axis, Axis, Axis],
    point: np.ndarray,
) -> jax.Array:
    """Shots have contrasts of their own."""
    pairs = paired(modes)
    table = np.einsum("qb,tqfk->btfk", profile, pairs.table).astype(np.complex64)
    z, y, x = axes
    axes = (z, y, x) if protocol.phase_axis == "y" else (z, x, y)
    where = slab_trains.places(point, protocol.slices * protocol.phase_lines)
    train = np.where(where.shot >= 0, pairs.train[modes.kind].T[:, where.shot], 0)
    readout = (engine.ordered(modes.basis, modes.timing, shots) * scale).transpose(2, 0, 1)
    found = slab_trains.lattice(
        body.layers,
        body.around,
        table,
        axes,
        train.astype(np.complex64),
        pairs.of,
        readout.astype(np.complex64),
        modes.timing[where.shot].astype(np.int32),
        protocol.phase_axis,
        _lengths(axes),
        protocol.readout_oversampling,
        protocol.samples,
    )
    return found[:, where.layer, where.point]


def _lengths(axes: tuple[Axis, Axis, Axis]) -> tuple[int, int, int]:
    return axes[0].length, axes[1].length, axes[2].length


def bounded(subject: engine.Object, signal: np.ndarray) -> engine.Object:
    """The smallest box, in steps of GRAIN, of what gives a signal.

    Args:
        signal: whether each tissue does, bool [tissue].
    """
    layers, shape = subject.layers, subject.layers.label.shape
    there = signal[np.asarray(layers.label)] & (np.asarray(layers.rest) > 0)
    for tissue, share in zip(layers.tissue, layers.share):
        there |= signal[np.asarray(tissue)] & (np.asarray(share) > 0)
    box = tuple(_span(there.any(tuple(b for b in range(3) if b != a)), shape[a]) for a in range(3))
    if all(s.stop - s.start == n for s, n in zip(box, shape)):
        return subject
    around = subject.around

    def cut(values: jax.Array) -> jax.Array:
        return values if values.shape == (1, 1, 1) else values[box]

    met = around._replace(
        **{name: cut(getattr(around, name)) for name in ("frequency", "turns", "transmit")},
        nodes=tuple(n[s] for n, s in zip(around.nodes, box)),  # type: ignore[arg-type]
    )
    each = (slice(None), *box)
    inside = Layers(layers.label[box], layers.rest[box], layers.tissue[each], layers.share[each])
    axes = tuple(a[s] for a, s in zip(subject.axes_mm, box))
    return replace(subject, layers=inside, around=met, axes_mm=axes)  # type: ignore[arg-type]


def _span(there: np.ndarray, count: int) -> slice:
    found = np.flatnonzero(there)
    if not len(found):
        return slice(0, min(GRAIN, count))
    size = min(-(-(found[-1] + 1 - found[0]) // GRAIN) * GRAIN, count)
    start = min(found[0], count - size)
    return slice(int(start), int(start + size))
