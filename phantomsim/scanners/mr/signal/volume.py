"""Slabs: mode volumes transformed along all three axes, coil by coil, mode by mode, so that memory stays bounded."""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp

from phantomsim.scanners.mr.signal.axes import Axis, decimate, transform
from phantomsim.scanners.mr.signal.layers import Layers, magnetise
from phantomsim.scanners.mr.signal.planes import Surroundings, turned

Array = jax.Array
ROWS = 8  # transformed at once: a few MB


@jax.jit
def modes_of(layers: Layers, around: Surroundings, table: Array) -> Array:
    """Mode volumes, complex64 [R, z, y, x], with the carrier's phase.

    Args:
        table: complex64 [transmit, tissue, frequency, R], the same for all rows.
    """

    def row(job: tuple[Array, ...]) -> Array:
        label, rest, tissue, share, frequency, turns, transmit = job
        one = Layers(label[None], rest[None], tissue[:, None], share[:, None])
        return magnetise(table[None], one, frequency[None], transmit[None])[:, 0] * turned(turns)

    shape = layers.label.shape
    fields = (jnp.broadcast_to(v, shape) for v in (around.frequency, around.turns, around.transmit))
    others = (jnp.moveaxis(v, 0, 1) for v in (layers.tissue, layers.share))
    found = jax.lax.map(row, (layers.label, layers.rest, *others, *fields))
    return jnp.moveaxis(found, 1, 0)


@partial(jax.jit, static_argnames=("phase_axis", "lengths", "oversampling", "count"))
def lattice(
    volumes: Array,
    around: Surroundings,
    axes: tuple[Axis, Axis, Axis],
    place: Array,
    kind: Array,
    basis: Array,
    phase_axis: str,
    lengths: tuple[int, int, int],
    oversampling: int,
    count: int,
) -> Array:
    """Samples of all shots of a slab on a lattice.

    Args:
        volumes: complex64 [R, z, y, x].
        axes: transforms along z, y, x; their `length` is taken from `lengths`, which is static.
        place: partition x lines + line of each shot, int32 [shot].
        kind: of each shot.
        basis: complex64 [kind, sample, R], samples in the order of k.
        count: samples after the receiver's filter.
    Returns:
        complex64 [coil, shot, count].
    """
    z, y, x = (Axis(a.matrix, a.take, a.phase, n) for a, n in zip(axes, lengths))
    parts = jnp.stack([around.sensitivity.real, around.sensitivity.imag], 1)
    spectrum_of = _alike if basis.shape[0] == 1 else _apart

    def coil(table: Array) -> Array:
        total = spectrum_of(volumes, around.nodes, table, (z, y, x), place, kind, basis, phase_axis)
        return decimate(total, count, oversampling)

    return jax.lax.map(coil, parts)


def _alike(
    volumes: Array,
    nodes: tuple[Array, Array, Array],
    table: Array,
    axes: tuple[Axis, Axis, Axis],
    place: Array,
    kind: Array,
    basis: Array,
    phase_axis: str,
) -> Array:
    """Lines [shot, sample] of one coil where all shots have one course: modes add after the readout's transform.

    The other two axes are transformed once, not once a mode; rows go a few at a time, which stay in the cache.
    """
    del kind
    modes, rows = volumes.shape[:2]
    few = next(n for n in range(min(ROWS, rows), 0, -1) if rows % n == 0)
    pieces = jnp.moveaxis(volumes.reshape(modes, rows // few, few, *volumes.shape[2:]), 1, 0)
    z, y, x = axes
    read, other = ((x, 2), (y, 1)) if phase_axis == "y" else ((y, 1), (x, 2))
    q = basis[0] if phase_axis == "y" else basis[0][:, None]

    def piece(job: tuple[Array, Array]) -> Array:
        volume, weights = job
        maps = _maps(weights, nodes[1], nodes[2], table)
        parts = [transform(v * maps, *read) * q[..., i] for i, v in enumerate(volume)]
        return transform(sum(parts[1:], parts[0]), *other)

    found = jax.lax.map(piece, (pieces, nodes[0].reshape(rows // few, few, -1)))
    spectrum = transform(found.reshape(rows, *found.shape[2:]), z, 0)
    return _lines(spectrum, place, phase_axis)


def _apart(
    volumes: Array,
    nodes: tuple[Array, Array, Array],
    table: Array,
    axes: tuple[Axis, Axis, Axis],
    place: Array,
    kind: Array,
    basis: Array,
    phase_axis: str,
) -> Array:
    """Lines [shot, sample] of one coil where shots are of several kinds: every mode is transformed."""
    z, y, x = axes
    maps = _maps(*nodes, table)

    def add(total: Array, job: tuple[Array, Array]) -> tuple[Array, None]:
        volume, q = job
        spectrum = transform(transform(transform(volume * maps, z, 0), y, 1), x, 2)
        return total + _lines(spectrum, place, phase_axis) * q[kind], None

    start = jnp.zeros((len(place), basis.shape[1]), jnp.complex64)
    return jax.lax.scan(add, start, (volumes, jnp.moveaxis(basis, -1, 0)))[0]


def _maps(z: Array, y: Array, x: Array, table: Array) -> Array:
    """Sensitivity of one coil, complex64 [z, y, x], of its table [part, z, y, x] by weights [voxel, node]."""
    maps = jnp.einsum("Zz,pzyx->pZyx", z, table, precision="highest")
    maps = jnp.einsum("Yy,pZyx->pZYx", y, maps, precision="highest")
    maps = jnp.einsum("Xx,pZYx->pZYX", x, maps, precision="highest")
    return jax.lax.complex(maps[0], maps[1])


def _lines(spectrum: Array, place: Array, phase_axis: str) -> Array:
    """Lines [shot, sample] of a spectrum [z, y, x]."""
    spectrum = jnp.swapaxes(spectrum, 1, 2) if phase_axis == "x" else spectrum
    return spectrum.reshape(-1, spectrum.shape[-1])[place]
