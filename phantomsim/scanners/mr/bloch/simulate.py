"""K-space of isochromats under any sequence: the reference simulator.

Memory: chunks of isochromats go through one after another; a chunk keeps its magnetisation at every shot and its
encoding of one path at a time, never all spins x shots x coils.
"""

from __future__ import annotations

from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np

from phantomsim.scanners.mr.bloch.evolve import chunk_of, free, precessions, run, turn
from phantomsim.scanners.mr.bloch.plan import Plan, plan, played
from phantomsim.scanners.mr.bloch.pulses import FAR
from phantomsim.scanners.mr.bloch.readout import magnetisations, signals, weights
from phantomsim.scanners.mr.bloch.shots import Shots, receiver
from phantomsim.scanners.mr.bloch.shots import shots as shots_of
from phantomsim.scanners.mr.bloch.spins import NAMES, Array, Spins
from phantomsim.scanners.mr.sequences import Sequence

LARGEST = 1 << 23  # shots x isochromats of a chunk: about 200 MB
LEAST = 64


def simulate(sequence: Sequence, spins: Spins, *, chunk: int | None = None) -> jax.Array:
    """K-space of isochromats.

    Args:
        chunk: isochromats that travel together; None: 4096 on a CPU, 16384 elsewhere, fewer if shots are many.
    Returns:
        complex64 [coil, shot, sample], in units of amplitude x sensitivity. Differentiable in the spins' properties.
    Raises:
        ScannerError: no spins, no readout, or a sequence that cannot be read; see `shots`.
    """
    spins.check()
    pulses = played(sequence)
    plan_, reversible = plan(sequence, pulses, reach(spins)), spins.T2prime_ms is not None
    read, path = shots_of(sequence, pulses, reversible)
    before = np.searchsorted(pulses.block, sequence.shots, side="right") - 1
    hears = receiver(sequence, path, sequence.pulse_phase_rad[pulses.block[before]], spins.extent_mm is not None)
    size = chunk or _size(spins.count, max(len(sequence.shots), len(pulses.block)))
    plan_, read = jax.tree.map(jnp.asarray, (plan_, read))
    raw = jnp.zeros((spins.receive.shape[0], len(sequence.shots), path.samples), jnp.complex64)
    for part in _chunks(spins, size):
        raw = _added(raw, plan_, read, part)
    raw = raw * hears.phasor
    return raw if spins.extent_mm is None else raw * _boxes(hears.k_per_mm, jnp.asarray(spins.extent_mm))


def magnetisation(sequence: Sequence, spins: Spins, *, chunk: int | None = None) -> tuple[jax.Array, jax.Array]:
    """Magnetisation at the end of a sequence over its equilibrium: m complex64 [N], mz float32 [N].

    Raises:
        ScannerError: no spins or no blocks.
    """
    spins.check()
    size = chunk or _size(spins.count, 1)
    plan_ = jax.tree.map(jnp.asarray, plan(sequence, reach=reach(spins)))
    parts = [_final(plan_, part) for part in _chunks(spins, size)]
    m, along = (jnp.concatenate(part)[: spins.count] for part in zip(*parts))
    return m, along


def reach(spins: Spins) -> np.ndarray:
    """Largest |x|, |y|, |z|, |f| and B1+ of spins [5]; a cautious guess where they are being differentiated."""
    values = spins.position_mm, spins.off_resonance_Hz, spins.transmit
    if any(isinstance(v, jax.core.Tracer) for v in values):
        return FAR
    position, frequency, transmit = (np.asarray(v) for v in values)
    columns = [*position.T, frequency, np.abs(transmit) if np.iscomplexobj(transmit) else transmit]
    return np.array([max(c.max(), -c.min()) for c in columns], float)


def _size(count: int, shots: int) -> int:
    best = 4096 if jax.default_backend() == "cpu" else 16384
    return max(min(best, LARGEST // shots, -(-count // LEAST) * LEAST), LEAST)


def _chunks(spins: Spins, size: int) -> Iterator[Spins]:
    """Of `size` spins each; the last is filled up with spins of no amplitude, so that all share compiled code."""
    whole = {name: _on_host(getattr(spins, name)) for name in NAMES}
    for start in range(0, spins.count, size):
        columns = {name: _cut(value, name, start, size) for name, value in whole.items()}
        yield Spins(**columns)  # type: ignore[arg-type]


def _on_host(value: Array | None) -> Array | None:
    """Cutting there is cheap; what is being differentiated stays."""
    return value if value is None or isinstance(value, jax.core.Tracer) else np.asarray(value)


def _cut(value: Array | None, name: str, start: int, size: int) -> Array | None:
    if value is None:
        return None
    part = value[:, start : start + size] if name == "receive" else value[start : start + size]
    axis = 1 if name == "receive" else 0
    short = size - part.shape[axis]
    if not short:
        return part
    library = np if isinstance(part, np.ndarray) else jnp
    widths = [(0, short if a == axis else 0) for a in range(part.ndim)]
    return library.pad(part, widths, constant_values=1 if name.startswith("T") else 0)


@jax.jit
@jax.checkpoint  # the backward pass runs a chunk again instead of keeping its magnetisation
def _added(raw: jax.Array, plan_: Plan, read: Shots, spins: Spins) -> jax.Array:
    """K-space, complex64 [coil, shot, sample], with that of a chunk."""
    chunk = chunk_of(spins)
    prime = None if spins.T2prime_ms is None else 1000.0 / jnp.asarray(spins.T2prime_ms)
    m = magnetisations(plan_, read, chunk, jnp.abs(spins.transmit), prime)
    receive = jnp.asarray(spins.receive) * spins.amplitude * jnp.conj(_phasor(jnp.asarray(spins.transmit)))
    return raw + jax.lax.complex(*signals(read, m, weights(read, chunk, prime, receive), chunk, prime))


def _phasor(transmit: jax.Array) -> jax.Array:
    """Phase of B1+: the frame in which all pulses of an isochromat act is turned by it."""
    if not jnp.iscomplexobj(transmit):
        return jnp.ones_like(transmit)
    return jnp.where(transmit == 0, 1.0, transmit / jnp.maximum(jnp.abs(transmit), 1e-30))


@jax.jit
def _final(plan_: Plan, spins: Spins) -> tuple[jax.Array, jax.Array]:
    chunk = chunk_of(spins)
    m = run(plan_, chunk, jnp.abs(spins.transmit))
    m = turn(m, jnp.cos(plan_.end_rad), jnp.sin(plan_.end_rad))
    m = free(m, precessions(plan_.end_moments, chunk))
    return jax.lax.complex(m.real, m.imag) * _phasor(jnp.asarray(spins.transmit)), m.along


@jax.jit
def _boxes(k_per_mm: jax.Array, extent_mm: jax.Array) -> jax.Array:
    """Fourier transform of the box that each spin stands for, over its volume [shot, sample]."""
    return jnp.prod(jnp.sinc(k_per_mm * extent_mm), -1)
