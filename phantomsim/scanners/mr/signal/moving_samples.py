"""Samples of a patient in a pose: on a lattice where he is shifted, anywhere in k-space where he is turned."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from phantomsim.scanners.mr import nufft
from phantomsim.scanners.mr.signal import points
from phantomsim.scanners.mr.signal.axes import decimate
from phantomsim.scanners.mr.signal.moving_states import State
from phantomsim.scanners.mr.signal.moving_views import Seen
from phantomsim.scanners.mr.signal.shots import Shots
from phantomsim.scanners.mr.spec import MRProtocol

Array = jax.Array
TOGETHER = 1 << 23  # voxels that are transformed at once


def padded(shots: np.ndarray) -> np.ndarray:
    """Shots, some of them repeated up to a number that other states have too: compiled code is shared."""
    count = next(n for k in range(32) for n in (1 << k, 3 << k >> 1) if n >= len(shots))
    return np.resize(shots, count)


@jax.jit
def weighed(volumes: Array, weights: Array) -> Array:
    """Sum over the profile: [profile, R, z, y, x] with [profile, z, y, x] to [R, z, y, x]."""
    return jnp.sum(volumes * weights[:, None], axis=0)


@jax.jit
def summed(volumes: Array, seen: Seen) -> Array:
    """What coils see, summed along z: [R, z, y, x] to complex64 [R, coil, y, x]."""
    parts = jnp.stack([seen.table.real, seen.table.imag])

    def add(total: Array, job: tuple[Array, Array]) -> tuple[Array, None]:
        row, along_z = job
        maps = jnp.einsum("z,pczyx->pcyx", along_z, parts, precision="highest")
        maps = jnp.einsum("Yy,Xx,pcyx->pcYX", *seen.nodes[1:], maps, precision="highest")
        return total + row[:, None] * jax.lax.complex(maps[0], maps[1]), None

    start = jnp.zeros((len(volumes), len(seen.table), *volumes.shape[2:]), jnp.complex64)
    return jax.lax.scan(add, start, (jnp.moveaxis(volumes, 1, 0), seen.nodes[0]))[0]


@jax.jit
def _coil(volumes: Array, nodes: tuple[Array, ...], table: Array) -> Array:
    """What one coil sees, [R, z, y, x]."""
    parts = jnp.stack([table.real, table.imag])
    maps = jnp.einsum("Zz,Yy,Xx,pzyx->pZYX", *nodes, parts, precision="highest")
    return volumes * jax.lax.complex(maps[0], maps[1])


def middle_mm(axes_mm: tuple[np.ndarray, ...], state: State, offset_mm: tuple[float, float, float]) -> np.ndarray:
    """Middle (z, y, x) of the voxels as turned k sees it: k . (R r + d - o) = R^T k . (r + R^T (d - o))."""
    middle = np.array([axis.mean() for axis in axes_mm[::-1]])
    return (middle + state.rotation.T @ (state.shift_mm - offset_mm))[::-1]


def turned_k(protocol: MRProtocol, shots: Shots, which: np.ndarray, state: State) -> np.ndarray:
    """R^T k of shots in the order of time, (kx, ky, kz) float64 [shot, sample, 3]; slices have no kz."""
    k = shots.trajectory.k_per_mm(shots.index[which])
    if protocol.encoding == "2d":
        k = k * [1.0, 1.0, 0.0]
    return k @ state.rotation


def in_plane(
    images: Array, k: np.ndarray, spacing_mm: tuple[float, ...], middle: np.ndarray, kind: np.ndarray, basis: Array
) -> Array:
    """Samples of images [R, coil, y, x] at (kx, ky, 0): complex64 [coil, shot, sample], see `points.samples`."""
    spacing = np.asarray(spacing_mm[1:], np.float32)
    return points.samples(images, points.in_order(k, 2), spacing, middle[1:].astype(np.float32), kind, basis)


def in_space(
    volumes: Array,
    seen: Seen,
    k: np.ndarray,
    spacing_mm: tuple[float, float, float],
    middle: np.ndarray,
    kind: np.ndarray,
    basis: Array,
) -> Array:
    """Samples of volumes [R, z, y, x] at any k, coil by coil, complex64 [coil, shot, sample]."""
    flat = k[..., ::-1].reshape(-1, 3)
    cycles = flat * spacing_mm
    turns = flat @ middle
    factor = np.prod(np.sinc(cycles) * spacing_mm, -1) * np.exp(-2j * np.pi * (turns - np.round(turns)))
    factor = jnp.asarray(factor.reshape(k.shape[:2]), jnp.complex64)
    plan = nufft.plan(cycles.astype(np.float32), volumes.shape[1:], points.ACCURATE)
    step = max(1, TOGETHER // int(np.prod(volumes.shape[1:])))
    found = []
    for table in seen.table:
        total = jnp.zeros(k.shape[:2], jnp.complex64)
        for first in range(0, len(volumes), step):
            here = slice(first, first + step)
            values = plan.to_points(_coil(volumes[here], seen.nodes, table))
            total += _mixed(values.reshape(-1, *k.shape[:2]), basis[..., here], kind)
        found.append(total * factor)
    return jnp.stack(found)


@jax.jit
def _mixed(values: Array, basis: Array, kind: Array) -> Array:
    return jnp.einsum("kns,nsk->ns", values, basis[kind], precision="highest")


def received(protocol: MRProtocol, shots: Shots, which: np.ndarray, raw: Array) -> Array:
    """What the receiver makes of samples in the order of time: of lattices, in ascending k and filtered."""
    if shots.order is None:
        return raw
    order = jnp.asarray(shots.order[shots.path[which]])
    ascending = jnp.take_along_axis(raw, order[None], axis=-1)
    return decimate(ascending, protocol.samples, protocol.readout_oversampling)
