"""Slices: mode volumes of their rows, seen by the coils, summed along z, and transformed."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from phantomsim.scanners.mr.signal.axes import Axis, transform
from phantomsim.scanners.mr.signal.layers import Layers, magnetise

Array = jax.Array


class Surroundings(NamedTuple):
    """What voxels meet in the scanner; a pytree.

    Attributes:
        frequency: place among the tabulated frequencies, in steps, float32 [z, y, x] or [1, 1, 1].
        turns: of the carrier, off-resonance x carrier time, float32, likewise.
        transmit: place among the tabulated flip angles, likewise.
        nodes: interpolation from the sensitivity table to voxels along z, y, x, float32 [voxel, node].
        sensitivity: complex64 [coil, z, y, x] on nodes.
    """

    frequency: Array
    turns: Array
    transmit: Array
    nodes: tuple[Array, Array, Array]
    sensitivity: Array


class Lattice(NamedTuple):
    """A rectangular lattice of samples in a plane: transforms along y and x."""

    y: Axis
    x: Axis


@jax.jit
def seen(layers: Layers, around: Surroundings, table: Array, start: Array) -> Array:
    """What the coils see of one slice's modes, summed along z.

    Args:
        table: complex64 [row, transmit, tissue, frequency, R], profile weights included.
        start: first row.
    Returns:
        complex64 [R, coil, y, x].
    """
    rows = table.shape[0]
    here = rows_of(layers, start, rows)
    shape = here.label.shape
    frequency, turns, transmit = (some_rows(v, start, shape) for v in (around.frequency, around.turns, around.transmit))
    volume = magnetise(table, here, frequency, transmit) * turned(turns)
    return heard(volume, sensitivities(around, start, rows))


def heard(volume: Array, maps: Array) -> Array:
    """Volumes of some rows [R, row, y, x] under sensitivities [power, coil, y, x]: images [R, coil, y, x]."""
    powers = jnp.asarray(_powers(volume.shape[1]), volume.dtype)
    moments = jnp.einsum("mr,kryx->mkyx", powers, volume, precision="highest")
    images = [moment[:, None] * of_coil for moment, of_coil in zip(moments, maps)]
    return sum(images[1:], images[0])


def _powers(rows: int) -> np.ndarray:
    """1, z and z^2 at the rows, z from -1 to 1, float64 [power, row]; a sensitivity is no rougher within a slice."""
    z = np.linspace(-1, 1, rows) if rows > 1 else np.zeros(1)
    return z ** np.arange(min(3, rows))[:, None]


def turned(turns: Array) -> Array:
    """exp(-2 pi i turns), whole turns taken out first."""
    angle = -2 * jnp.pi * (turns - jnp.round(turns))
    return jax.lax.complex(jnp.cos(angle), jnp.sin(angle))


def rows_of(layers: Layers, start: Array, rows: int) -> Layers:
    """Some rows of a phantom's layers; `rows` is static."""
    cut = partial(jax.lax.dynamic_slice_in_dim, start_index=start, slice_size=rows)
    return Layers(cut(layers.label), cut(layers.rest), cut(layers.tissue, axis=1), cut(layers.share, axis=1))


def some_rows(values: Array, start: Array, shape: tuple[int, ...]) -> Array:
    """Some rows of a field; one number stands for all."""
    if values.shape == (1, 1, 1):
        return jnp.broadcast_to(values, shape)
    return jax.lax.dynamic_slice_in_dim(values, start, shape[0])


def sensitivities(around: Surroundings, start: Array, rows: int) -> Array:
    """Coil sensitivities of some rows as a parabola in z, complex64 [power, coil, y, x]; see `heard`."""
    fit = jnp.asarray(np.linalg.pinv(_powers(rows).T), jnp.float32)
    along_z = jnp.matmul(fit, jax.lax.dynamic_slice_in_dim(around.nodes[0], start, rows), precision="highest")
    parts = jnp.stack([around.sensitivity.real, around.sensitivity.imag])
    maps = jnp.einsum("mz,pczyx->pmcyx", along_z, parts, precision="highest")
    maps = jnp.einsum("Yy,pmcyx->pmcYx", around.nodes[1], maps, precision="highest")
    maps = jnp.einsum("Xx,pmcyx->pmcyX", around.nodes[2], maps, precision="highest")
    return jax.lax.complex(maps[0], maps[1])


@partial(jax.jit, static_argnames=("phase_axis", "lengths"))
def lattice(
    images: Array,
    y: Axis,
    x: Axis,
    line: Array,
    kind: Array,
    basis: Array,
    phase_axis: str,
    lengths: tuple[int, int],
) -> Array:
    """Samples of one slice's shots on a lattice.

    Args:
        images: complex64 [R, coil, y, x].
        y, x: transforms; their `length` is taken from `lengths`, which is static.
        line: of each shot among the transformed lines, int32 [shot].
        kind: of each shot, int32 [shot].
        basis: complex64 [kind, sample, R], samples in the order of k.
    Returns:
        complex64 [coil, shot, sample].
    """
    y, x = (Axis(a.matrix, a.take, a.phase, n) for a, n in zip((y, x), lengths))
    spectrum = both(images, y, x)
    if phase_axis == "x":
        spectrum = jnp.swapaxes(spectrum, 2, 3)
    # Written out: a product of matrices this small, one for each sample, is several times slower.
    parts = [spectrum[k][:, line] * basis[kind, :, k] for k in range(basis.shape[-1])]
    return sum(parts[1:], parts[0])


def both(values: Array, y: Axis, x: Axis) -> Array:
    """`transform` along the last two dimensions, by one FFT where both fit."""
    fits = y.length >= values.shape[-2] and x.length >= values.shape[-1]
    if not fits:
        return transform(transform(values, y, values.ndim - 2), x, values.ndim - 1)
    spectrum = jnp.fft.fft2(values, s=(y.length, x.length))
    return spectrum[..., y.take[:, None], x.take] * (y.phase[:, None] * x.phase)
