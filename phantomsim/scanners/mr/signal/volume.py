"""Slabs: mode volumes transformed along all three axes, coil by coil, mode by mode, so that memory stays bounded."""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp

from phantomsim.scanners.mr.signal.axes import Axis, decimate, transform
from phantomsim.scanners.mr.signal.layers import Layers, magnetise
from phantomsim.scanners.mr.signal.planes import Surroundings, turned

Array = jax.Array


@jax.jit
def modes_of(layers: Layers, around: Surroundings, table: Array) -> Array:
    """Mode volumes, complex64 [R, z, y, x], with the carrier's phase.

    Args:
        table: complex64 [transmit, tissue, frequency, R], the same for all rows.
    """

    def row(job: tuple[Array, ...]) -> Array:
        label, rest, share, frequency, turns, transmit = job
        one = Layers(label[None], rest[None], layers.tissue, share[:, None])
        return magnetise(table[None], one, frequency[None], transmit[None])[:, 0] * turned(turns)

    shape = layers.label.shape
    fields = (jnp.broadcast_to(v, shape) for v in (around.frequency, around.turns, around.transmit))
    found = jax.lax.map(row, (layers.label, layers.rest, jnp.moveaxis(layers.share, 0, 1), *fields))
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

    def coil(table: Array) -> Array:
        def add(total: Array, job: tuple[Array, Array]) -> tuple[Array, None]:
            volume, q = job
            spectrum = transform(transform(transform(volume * maps, z, 0), y, 1), x, 2)
            spectrum = jnp.swapaxes(spectrum, 1, 2) if phase_axis == "x" else spectrum
            lines = spectrum.reshape(-1, spectrum.shape[-1])[place]
            return total + lines * q[kind], None

        maps = jnp.einsum("Zz,pzyx->pZyx", around.nodes[0], table, precision="highest")
        maps = jnp.einsum("Yy,pZyx->pZYx", around.nodes[1], maps, precision="highest")
        maps = jnp.einsum("Xx,pZYx->pZYX", around.nodes[2], maps, precision="highest")
        maps = jax.lax.complex(maps[0], maps[1])
        start = jnp.zeros((len(place), basis.shape[1]), jnp.complex64)
        total, _ = jax.lax.scan(add, start, (volumes, jnp.moveaxis(basis, -1, 0)))
        return decimate(total, count, oversampling)

    return jax.lax.map(coil, parts)
