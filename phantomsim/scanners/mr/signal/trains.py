"""Slices whose lines have contrasts of their own, as in turbo spin echoes: each echo's lines are transformed alone.

What happens during a readout is looked up once a voxel; each kind of line then weights its tissues, and only its own
lines are transformed along the phase axis. The work along that axis is that of one image, however long the train is.
"""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from phantomsim.scanners.mr.signal.axes import Axis, transform
from phantomsim.scanners.mr.signal.layers import Layers, look_up
from phantomsim.scanners.mr.signal.planes import Surroundings, heard, rows_of, sensitivities, some_rows, turned

Array = jax.Array


def by_kind(kind: np.ndarray, line: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Shots put together by kind.

    Args:
        kind, line: of each shot [shot].
    Returns:
        kinds that occur [K]; lines of each, the first repeated where others have more [K, most]; where each shot stands
        among these, int [shot].
    """
    kinds, at, counts = np.unique(kind, return_inverse=True, return_counts=True)
    order = np.argsort(at, kind="stable")
    within = np.empty(len(kind), int)
    within[order] = np.arange(len(kind)) - np.repeat(np.cumsum(counts) - counts, counts)
    most = int(counts.max())
    lines = np.repeat(line[order[np.cumsum(counts) - counts]][:, None], most, axis=1)
    lines[at, within] = line
    return kinds, lines, at * most + within


@partial(jax.jit, static_argnames=("phase_axis", "length"))
def lattice(
    layers: Layers,
    around: Surroundings,
    table: Array,
    amplitude: Array,
    start: Array,
    phase: Array,
    readout: Axis,
    basis: Array,
    phase_axis: str,
    length: int,
) -> Array:
    """Samples of one slice.

    Args:
        table: complex64 [tissue, frequency, L].
        amplitude: complex64 [K, row, transmit, tissue], profile weights included.
        start: first row.
        phase: transform onto each kind's lines, complex64 [K, line, voxel] mm.
        readout: transform along the readout; its `length` is taken from `length`, which is static.
        basis: complex64 [K, sample, L], samples in the order of k.
    Returns:
        complex64 [coil, K x line, sample].
    """
    rows = amplitude.shape[1]
    here = rows_of(layers, start, rows)
    shape = here.label.shape
    frequency, turns, transmit = (some_rows(v, start, shape) for v in (around.frequency, around.turns, around.transmit))
    labels = [here.label, *here.tissue]
    shares = [here.rest, *here.share]
    none = jnp.zeros_like(transmit)
    carrier = turned(turns)
    played = [s * carrier * look_up(table[None], n, frequency, none) for n, s in zip(labels, shares)]
    maps = sensitivities(around, start, rows)
    across, along = (3, 2) if phase_axis == "x" else (2, 3)
    axis = Axis(readout.matrix, readout.take, readout.phase, length)

    def one(job: tuple[Array, Array, Array]) -> Array:
        a, encode, q = job
        parts = [_weight(a, n, transmit) * p for n, p in zip(labels, played)]
        seen = sum(parts[1:], parts[0])
        images = heard(seen, maps)
        lines = jnp.moveaxis(jnp.tensordot(encode, images, axes=(1, across), precision="highest"), 0, across)
        spectrum = transform(lines, axis, along)
        spectrum = jnp.swapaxes(spectrum, 2, 3) if phase_axis == "x" else spectrum
        return jnp.einsum("kcns,sk->cns", spectrum, q, precision="highest")

    found = jax.lax.map(one, (amplitude, phase, basis))
    return jnp.moveaxis(found, 0, 1).reshape(found.shape[1], -1, found.shape[-1])


def _weight(amplitude: Array, label: Array, transmit: Array) -> Array:
    """Amplitude of every voxel of some rows [row, y, x], of [row, transmit, tissue]."""

    def row(a: Array, n: Array, b: Array) -> Array:
        return look_up(a[:, :, None, None], n, jnp.zeros_like(b), b)[0]

    return jax.vmap(row)(amplitude, label, transmit)
