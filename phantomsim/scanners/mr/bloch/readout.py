"""Signals of a chunk of isochromats: encoding times magnetisation, as matrix products.

The signal of a shot is the sum over spins of what each gives at the first sample times how it turns and decays from
there. The first depends on the shot, the second on the group; so a group is E [sample, n] times M [n, shot].
"""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp

from phantomsim.scanners.mr.bloch.evolve import Chunk, Job, State, run_kept
from phantomsim.scanners.mr.bloch.plan import Plan
from phantomsim.scanners.mr.bloch.shots import Groups, Shots
from phantomsim.scanners.mr.bloch.turns import cis, once, turns

Pair = tuple[jax.Array, jax.Array]
Triple = tuple[jax.Array, jax.Array, jax.Array]  # real and imaginary parts, and their sum
BLOCK = 512  # samples of an arbitrary path that are encoded at once
STRIDE = 16  # samples of a straight path


def weights(shots: Shots, chunk: Chunk, R2prime_per_s: jax.Array | None, receive: jax.Array) -> jax.Array:
    """What all shots have in common: sensitivity, amplitude and the way to the first sample, complex64 [coil, n]."""
    c, s = cis(turns(jnp.asarray(shots.base), chunk.split))
    common = jax.lax.complex(c, -s) * receive
    return common * _decay(shots, chunk, R2prime_per_s) if len(shots.decay_s) == 1 else common


def _decay(shots: Shots, chunk: Chunk, R2prime_per_s: jax.Array | None) -> jax.Array:
    """Until the first sample [D, n]."""
    rate = shots.decay_s[:, :1] * chunk.R2_per_s
    if R2prime_per_s is not None:
        rate = rate + shots.decay_s[:, 1:] * R2prime_per_s
    return jnp.exp(-rate)


def magnetisations(
    plan: Plan, shots: Shots, chunk: Chunk, strength: jax.Array, R2prime_per_s: jax.Array | None
) -> Triple:
    """-i conj(m) of every shot at its first sample but for `weights`, float32 [shot, n].

    Where each pulse has its shot, this is done as the pulses are played: less goes through memory.
    """
    decays = _decay(shots, chunk, R2prime_per_s) if len(shots.decay_s) > 1 else None
    start, which = jnp.asarray(shots.start), jnp.asarray(shots.decay)

    def first(m: State, job: Job) -> Triple:
        decay = None if decays is None else decays[job[1]]
        return _at_first(shots.axes, (m.real, m.imag), job[0], decay, chunk, plan.pulses.one)

    if shots.in_order:
        return run_kept(plan, chunk, strength, shots.dummies, first, (start, which))
    after = run_kept(plan, chunk, strength, shots.dummies, lambda m, _: (m.real, m.imag), ())
    real, imag = (part[jnp.asarray(shots.pulse)] for part in after)
    decay = None if decays is None else decays[which]
    return _at_first(shots.axes, (real, imag), start, decay, chunk, plan.pulses.one)


def _at_first(
    axes: tuple[int, ...], m: Pair, start: jax.Array, decay: jax.Array | None, chunk: Chunk, one: jax.Array
) -> Triple:
    """Of m after a shot's pulse [..., n]."""
    real, imag = m if decay is None else (part * decay for part in m)
    if not axes:
        return -imag, -real, -imag - real
    c, s = once(cis(turns(start, chunk.split, axes)), one)
    # -i conj((mr + i mi)(c + i s)) = -(mi c + mr s) - i (mr c - mi s)
    real, imag = -(imag * c + real * s), imag * s - real * c
    return real, imag, real + imag


def signals(shots: Shots, m: Triple, weight: jax.Array, chunk: Chunk, R2prime_per_s: jax.Array | None) -> Pair:
    """Of every coil, shot and sample, real and imaginary float32 [coil, shot, sample].

    Args:
        weight: of the spins for each coil, complex64 [coil, n].
    """
    count = m[0].shape[0]
    if len(shots.groups) == 1 and shots.groups[0].shots.shape == (1, count):
        return _group(shots.groups[0], 0, m, weight, chunk, R2prime_per_s)
    total: Pair | None = None
    for groups in shots.groups:
        each = partial(_picked, groups, m=m, weight=weight, chunk=chunk, R2prime=R2prime_per_s)
        found = jax.lax.map(each, jnp.arange(groups.shots.shape[0]))
        flat = [jnp.moveaxis(part, 1, 0).reshape(weight.shape[0], -1, groups.samples) for part in found]
        index = jnp.asarray(groups.shots).ravel()
        old = total or (jnp.zeros((weight.shape[0], count, groups.samples), jnp.float32),) * 2
        total = tuple(o.at[:, index].set(f, mode="drop") for o, f in zip(old, flat))  # type: ignore[assignment]
    assert total is not None
    return total


def _picked(
    groups: Groups, g: jax.Array, m: Triple, weight: jax.Array, chunk: Chunk, R2prime: jax.Array | None
) -> Pair:
    """Signals of one group, its shots picked out; what pads it is dropped later."""
    index = jnp.asarray(groups.shots)[g]
    here = tuple(part.at[index].get(mode="clip") for part in m)
    return _group(groups, g, here, weight, chunk, R2prime)  # type: ignore[arg-type]


def _group(
    groups: Groups, g: jax.Array | int, m: Triple, weight: jax.Array, chunk: Chunk, R2prime: jax.Array | None
) -> Pair:
    """One group's signals [coil, S, sample]."""
    if groups.uniform:
        return jax.lax.map(lambda w: _product(_uniform(groups, g, w, chunk, R2prime), m), weight)
    size = min(BLOCK, groups.samples)
    blocks = -(-groups.samples // size)
    pad = blocks * size - groups.samples
    path = jnp.pad(jnp.asarray(groups.path)[g], ((0, pad), (0, 0))).reshape(blocks, size, 8)
    time = jnp.pad(jnp.asarray(groups.time_s)[g], (0, pad)).reshape(blocks, size)

    def block(job: Pair) -> Pair:
        er, ei = _any(*job, groups.start_s[g], groups.sign[g], chunk, R2prime)
        return jax.lax.map(lambda w: _product(_triple(_times((er, ei), (w.real, w.imag))), m), weight)

    parts = jax.lax.map(block, (path, time))
    return tuple(jnp.moveaxis(p, 0, -2).reshape(*p.shape[1:3], -1)[..., : groups.samples] for p in parts)  # type: ignore[return-value]


def _any(
    path: jax.Array, time_s: jax.Array, start_s: jax.Array, sign: jax.Array, chunk: Chunk, R2prime: jax.Array | None
) -> Pair:
    """exp(-2 pi i (k . r + f t)) with decay at any samples, real and imaginary [sample, n]."""
    c, s = cis(turns(path, chunk.split))
    rate = time_s[:, None] * chunk.R2_per_s
    if R2prime is not None:
        rate = rate + _reversible(start_s, sign, time_s)[:, None] * R2prime
    decay = jnp.exp(-rate)
    return c * decay, -s * decay


def _reversible(start_s: jax.Array, sign: jax.Array, time_s: jax.Array) -> jax.Array:
    """|t| at samples, less |t| at the first where its sign does not change."""
    return jnp.where(start_s != 0, jnp.abs(start_s + time_s), sign * time_s)


def _uniform(groups: Groups, g: jax.Array | int, weight: jax.Array, chunk: Chunk, R2prime: jax.Array | None) -> Triple:
    """The same, times weights [n], where samples lie evenly on a straight line: powers of one phasor."""
    c, s = cis(turns(jnp.asarray(groups.path)[g], chunk.split))
    step = jnp.asarray(groups.time_s)[g]
    decay = jnp.exp(-step * chunk.R2_per_s)
    # Powers i = STRIDE a + b are products of two short rows of powers, which is faster than one long row.
    stride = min(STRIDE, groups.samples)
    last, fine = _powers((jnp.ones_like(c), jnp.zeros_like(c)), (c * decay, -s * decay), stride)
    _, coarse = _powers((weight.real, weight.imag), last, -(-groups.samples // stride))
    both = _times(tuple(p[:, None] for p in coarse), tuple(p[None] for p in fine))  # type: ignore[arg-type]
    er, ei = (p.reshape(-1, p.shape[-1])[: groups.samples] for p in both)
    if R2prime is None:
        return _triple((er, ei))
    start_s, sign = jnp.asarray(groups.start_s)[g], jnp.asarray(groups.sign)[g]
    prime = jnp.exp(-_reversible(start_s, sign, jnp.arange(groups.samples) * step)[:, None] * R2prime)
    return _triple((er * prime, ei * prime))


def _times(a: Pair, b: Pair) -> Pair:
    return a[0] * b[0] - a[1] * b[1], a[0] * b[1] + a[1] * b[0]


def _powers(start: Pair, z: Pair, count: int) -> tuple[Pair, Pair]:
    """start x z^i for i below `count`, as rows; and for i = `count`."""
    return jax.lax.scan(lambda e, _: (_times(e, z), e), start, None, length=count)


def _triple(e: Pair) -> Triple:
    return *e, e[0] + e[1]


def _product(e: Triple, m: Triple) -> Pair:
    """Sum over spins of M [S, n] x E [sample, n], as three real matrix products: [S, sample]."""
    first, second, third = (_real(a, b) for a, b in zip(m, e))
    return first - second, third - first - second


def _real(m: jax.Array, e: jax.Array) -> jax.Array:
    return jax.lax.dot_general(m, e, (((1,), (1,)), ((), ())), precision=jax.lax.Precision.HIGHEST)
