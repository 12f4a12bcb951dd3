"""K-space of isochromats under any sequence: the reference simulator.

Memory: chunks of isochromats go through one after another; a chunk keeps its magnetisation at every shot and its
encoding of one path at a time, never all spins x shots x coils.
"""

from __future__ import annotations

import dataclasses
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from phantomsim.errors import ScannerError
from phantomsim.scanners.mr.bloch.evolve import Chunk, State, chunk_of, free, precessions, run, turn
from phantomsim.scanners.mr.bloch.plan import Plan, plan, played
from phantomsim.scanners.mr.bloch.readout import at_first_samples, signals
from phantomsim.scanners.mr.bloch.shots import Shots, receiver
from phantomsim.scanners.mr.bloch.shots import shots as shots_of
from phantomsim.scanners.mr.bloch.spins import Spins
from phantomsim.scanners.mr.sequences import Sequence

LARGEST = 1 << 23  # shots x isochromats of a chunk: about 200 MB
LEAST = 64


def simulate(sequence: Sequence, spins: Spins, *, chunk: int | None = None) -> jax.Array:
    """K-space of isochromats.

    Args:
        chunk: isochromats that travel together; None: 2048 on a CPU, 16384 on others, fewer where many shots ask for it.
    Returns:
        complex64 [coil, shot, sample], in units of amplitude x sensitivity. Differentiable in the spins' properties.
    Raises:
        ScannerError: no spins, no readout, or a sequence that cannot be read; see `shots`.
    """
    spins.check()
    pulses = played(sequence)
    plan_, reversible = plan(sequence, pulses), spins.T2prime_ms is not None
    read, path = shots_of(sequence, pulses, reversible)
    before = np.searchsorted(pulses.block, sequence.shots, side="right") - 1
    hears = receiver(sequence, path, sequence.pulse_phase_rad[pulses.block[before]], spins.extent_mm is not None)
    size = chunk or _size(spins.count, max(len(sequence.shots), len(pulses.block)))
    plain = dataclasses.replace(spins, extent_mm=None)
    real, imag = _simulate(plan_, read, _chunks(plain, size))
    raw = jax.lax.complex(real, imag) * hears.phasor
    return raw if spins.extent_mm is None else raw * _boxes(hears.k_per_mm, jnp.asarray(spins.extent_mm))


def magnetisation(sequence: Sequence, spins: Spins, *, chunk: int | None = None) -> tuple[jax.Array, jax.Array]:
    """Magnetisation at the end of a sequence over its equilibrium: m complex64 [N], mz float32 [N].

    Raises:
        ScannerError: no spins or no blocks.
    """
    spins.check()
    size = chunk or _size(spins.count, 1)
    plain = dataclasses.replace(spins, extent_mm=None, T2prime_ms=None)
    m = _final(plan(sequence), _chunks(plain, size))
    transverse = jax.lax.complex(m.real, m.imag).ravel()[: spins.count] * _phasor(jnp.asarray(spins.transmit))
    return transverse, m.along.ravel()[: spins.count]


def _size(count: int, shots: int) -> int:
    best = 2048 if jax.default_backend() == "cpu" else 16384
    return max(min(best, LARGEST // shots, -(-count // LEAST) * LEAST), LEAST)


def _chunks(spins: Spins, size: int) -> Spins:
    """With a leading axis of chunks; the last is filled up with spins of no amplitude."""
    count = spins.count
    pad = -count % size

    def cut(name: str) -> jax.Array | None:
        value = getattr(spins, name)
        if value is None:
            return None
        axis = 1 if name == "receive" else 0
        widths = [(0, pad if a == axis else 0) for a in range(value.ndim)]
        array = jnp.pad(jnp.asarray(value), widths, constant_values=1 if name.startswith("T") else 0)
        shape = (*array.shape[:axis], -1, size, *array.shape[axis + 1 :])
        return jnp.moveaxis(array.reshape(shape), axis, 0)

    return Spins(**{f.name: cut(f.name) for f in dataclasses.fields(spins)})  # type: ignore[arg-type]


@jax.jit
def _simulate(plan_: Plan, read: Shots, spins: Spins) -> tuple[jax.Array, jax.Array]:
    """Sum over chunks, real and imaginary [coil, shot, sample]."""
    samples = read.groups[0].samples
    zero = jnp.zeros((spins.receive.shape[1], read.pulse.shape[0], samples), jnp.float32)

    @partial(jax.checkpoint)  # the backward pass runs chunks again instead of keeping them all
    def one(part: Spins) -> tuple[jax.Array, jax.Array]:
        return _chunk(plan_, read, part)

    def add(total: tuple[jax.Array, jax.Array], part: Spins) -> tuple[tuple[jax.Array, jax.Array], None]:
        real, imag = one(part)
        return (total[0] + real, total[1] + imag), None

    return jax.lax.scan(add, (zero, zero), spins)[0]


def _chunk(plan_: Plan, read: Shots, spins: Spins) -> tuple[jax.Array, jax.Array]:
    chunk = chunk_of(spins)
    _, after = run(plan_, chunk, jnp.abs(spins.transmit), read.dummies, keep=True)
    assert after is not None
    prime = None if spins.T2prime_ms is None else 1000.0 / spins.T2prime_ms
    m = at_first_samples(read, after, chunk, prime)
    return signals(read, m, spins.receive * spins.amplitude * jnp.conj(_phasor(spins.transmit)), chunk, prime)


def _phasor(transmit: jax.Array) -> jax.Array:
    """Phase of B1+: the frame in which all pulses of an isochromat act is turned by it."""
    if not jnp.iscomplexobj(transmit):
        return jnp.ones_like(transmit)
    return jnp.where(transmit == 0, 1.0, transmit / jnp.maximum(jnp.abs(transmit), 1e-30))


@jax.jit
def _final(plan_: Plan, spins: Spins) -> State:
    def one(part: Spins) -> State:
        chunk = chunk_of(part)
        m, _ = run(plan_, chunk, jnp.abs(part.transmit), 0, keep=False)
        m = turn(m, jnp.cos(plan_.end_rad), jnp.sin(plan_.end_rad))
        return free(m, precessions(plan_.end_moments, chunk))

    return jax.lax.map(one, spins)


@jax.jit
def _boxes(k_per_mm: jax.Array, extent_mm: jax.Array) -> jax.Array:
    """Fourier transform of the box that each spin stands for, over its volume [shot, sample]."""
    return jnp.prod(jnp.sinc(k_per_mm * extent_mm), -1)


__all__ = ["Chunk", "ScannerError", "Spins", "magnetisation", "simulate"]
