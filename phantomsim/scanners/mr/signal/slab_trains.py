"""Slabs whose shots have contrasts of their own, as in MPRAGE.

Planes across the readout go one after another: their modes are looked up, seen by the coils and transformed along the
other two axes while they are in the cache. Modes of the train add there, shot by shot, so that the readout, which
makes an axis longer, is transformed once for each of its own few modes and not for every product of the two.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from phantomsim.scanners.mr.signal.axes import Axis, decimate, transform
from phantomsim.scanners.mr.signal.layers import Layers, magnetise
from phantomsim.scanners.mr.signal.planes import Surroundings, turned

Array = jax.Array


class Places(NamedTuple):
    """Shots on the lattice of partitions and lines.

    Attributes:
        layer, point: where each shot stands, int [shot]; shots of one point are of different layers.
        shot: the shot of each layer and point, or -1, int [layer, point].
    """

    layer: np.ndarray
    point: np.ndarray
    shot: np.ndarray


def places(point: np.ndarray, count: int) -> Places:
    """Of shots at lattice points [shot], of which there are `count`."""
    order = np.argsort(point, kind="stable")
    layer = np.empty(len(point), int)
    layer[order] = np.arange(len(point)) - np.searchsorted(point[order], point[order])
    shot = np.full((int(layer.max()) + 1, count), -1)
    shot[layer, point] = np.arange(len(point))
    return Places(layer, point, shot)


@partial(jax.jit, static_argnames=("phase_axis", "lengths", "oversampling", "count"))
def lattice(
    layers: Layers,
    around: Surroundings,
    table: Array,
    axes: tuple[Axis, Axis, Axis],
    train: Array,
    readout_of: Array,
    readout: Array,
    timing: Array,
    phase_axis: str,
    lengths: tuple[int, int, int],
    oversampling: int,
    count: int,
) -> Array:
    """Samples of every layer and point.

    Args:
        table: complex64 [transmit, tissue, frequency, R], the same for all rows.
        axes: transforms along z, the phase axis and the readout; their `length` is taken from `lengths`.
        train: what each mode is multiplied by, complex64 [R, layer, point].
        readout_of: mode of the readout that each mode belongs to, int32 [R].
        readout: complex64 [L, timing, sample], samples in the order of k.
        timing: int32 [layer, point].
        count: samples after the receiver's filter.
    Returns:
        complex64 [coil, layer, point, count].
    """
    z, phase, along = (Axis(a.matrix, a.take, a.phase, n) for a, n in zip(axes, lengths))
    read = 1 if phase_axis == "x" else 2
    shape = layers.label.shape

    def planes(volume: Array) -> Array:
        return jnp.moveaxis(jnp.broadcast_to(volume, (*volume.shape[:-3], *shape)), read - 3, 0)

    fields = (planes(v) for v in (around.frequency, around.turns, around.transmit))
    start = jnp.zeros((readout.shape[0], *train.shape[1:]), jnp.complex64)

    def plane(job: tuple[Array, ...]) -> Array:
        label, rest, tissue, share, frequency, turns, transmit, node = job
        one = Layers(label[None], rest[None], tissue[:, None], share[:, None])
        volumes = magnetise(table[None], one, frequency[None], transmit[None])[:, 0] * turned(turns)

        def coil(sensitivity: Array) -> Array:
            def add(total: Array, mode: tuple[Array, Array, Array]) -> tuple[Array, None]:
                volume, weight, of = mode
                seen = transform(transform(volume * sensitivity, z, 0), phase, 1).reshape(-1)
                return total.at[of].add(seen * weight), None

            return jax.lax.scan(add, start, (volumes, train, readout_of))[0]

        return jax.lax.map(coil, _maps(around, node, read))

    jobs = (*map(planes, (layers.label, layers.rest, layers.tissue, layers.share)), *fields, around.nodes[read])
    found = jax.lax.map(plane, jobs)

    def received(coil: Array) -> Array:
        lines = jnp.moveaxis(found[:, coil], 0, -1)

        def add(total: Array, mode: tuple[Array, Array]) -> tuple[Array, None]:
            line, q = mode
            return total + transform(line, along, 2) * (q[timing] if q.shape[0] > 1 else q[0]), None

        none = jnp.zeros((*timing.shape, readout.shape[2]), jnp.complex64)
        total = jax.lax.scan(add, none, (lines, readout))[0]
        return decimate(total, count, oversampling)

    return jax.lax.map(received, jnp.arange(around.sensitivity.shape[0]))


def _maps(around: Surroundings, node: Array, read: int) -> Array:
    """Sensitivities of one plane across the readout, complex64 [coil, z, phase], of the weights of its nodes."""
    table = jnp.stack([around.sensitivity.real, around.sensitivity.imag])
    table = jnp.tensordot(node, jnp.moveaxis(table, 2 + read, 0), 1, precision="highest")
    parts = jnp.einsum("Zz,Pp,cqzp->cqZP", around.nodes[0], around.nodes[3 - read], table, precision="highest")
    return jax.lax.complex(parts[0], parts[1])
