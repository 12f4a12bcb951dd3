"""Signals of a chunk of isochromats: encoding times magnetisation, as matrix products.

The signal of a shot is the sum over spins of what each gives at the first sample times how it turns and decays from
there. The first depends on the shot, the second on the group; so a group is E [sample, n] times M [n, shot].
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from phantomsim.scanners.mr.bloch.evolve import Chunk
from phantomsim.scanners.mr.bloch.shots import Groups, Shots
from phantomsim.scanners.mr.bloch.turns import cis, turns

Pair = tuple[jax.Array, jax.Array]
BLOCK = 512  # samples of an arbitrary path that are encoded at once


def at_first_samples(shots: Shots, after: jax.Array, chunk: Chunk, R2prime_per_s: jax.Array | None) -> Pair:
    """-i conj(m) of every shot at its first sample, real and imaginary float32 [shot, n].

    Args:
        after: m after each pulse that is read, float32 [P, 2, n].
    """
    real, imag = after[shots.pulse, 0], after[shots.pulse, 1]
    c, s = cis(turns(shots.start, chunk.split))
    decay = jnp.exp(-shots.decay_s[:, None] * chunk.R2_per_s)[shots.decay]
    if R2prime_per_s is not None:
        decay = decay * jnp.exp(-shots.reversible_s[:, None] * R2prime_per_s)
    # -i conj((mr + i mi)(c + i s)) = -(mi c + mr s) - i (mr c - mi s)
    return -(imag * c + real * s) * decay, -(real * c - imag * s) * decay


def signals(
    shots: Shots, m: Pair, receive: jax.Array, chunk: Chunk, R2prime_per_s: jax.Array | None
) -> tuple[jax.Array, jax.Array]:
    """Of every coil, shot and sample, real and imaginary float32 [coil, shot, sample].

    Args:
        receive: complex64 [coil, n], with the spins' amplitudes in it.
    """
    count = m[0].shape[0]
    total = None
    for groups in shots.groups:
        fill = tuple(jnp.concatenate([part, jnp.zeros_like(part[:1])]) for part in m) if _padded(groups, count) else m
        one = jax.lax.map(
            lambda g, fill=fill, groups=groups: _group(groups, g, fill, receive, chunk, R2prime_per_s),
            jnp.arange(groups.shots.shape[0]),
        )
        flat = tuple(jnp.moveaxis(part, 1, 0).reshape(receive.shape[0], -1, groups.samples) for part in one)
        index = jnp.asarray(groups.shots).ravel()
        old = total or tuple(jnp.zeros((receive.shape[0], count, groups.samples), jnp.float32) for _ in range(2))
        total = tuple(o.at[:, index].set(f, mode="drop") for o, f in zip(old, flat))
    assert total is not None
    return total


def _padded(groups: Groups, count: int) -> bool:
    return groups.shots.shape[1] > 1


def _group(groups: Groups, g: jax.Array, m: Pair, receive: jax.Array, chunk: Chunk, R2prime: jax.Array | None) -> Pair:
    """One group's signals [coil, S, sample]."""
    index = jnp.asarray(groups.shots)[g]
    here = m[0][index], m[1][index]
    if groups.uniform:
        return _products(_uniform(groups, g, chunk, R2prime), here, receive)
    size = min(BLOCK, groups.samples)
    blocks = -(-groups.samples // size)
    pad = blocks * size - groups.samples
    path = jnp.pad(jnp.asarray(groups.path)[g], ((0, pad), (0, 0))).reshape(blocks, size, 8)
    time = jnp.pad(jnp.asarray(groups.time_s)[g], (0, pad)).reshape(blocks, size)

    def block(job: tuple[jax.Array, jax.Array]) -> Pair:
        return _products(_any(*job, groups.start_s[g], groups.sign[g], chunk, R2prime), here, receive)

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


def _uniform(groups: Groups, g: jax.Array, chunk: Chunk, R2prime: jax.Array | None) -> Pair:
    """The same where samples lie evenly on a straight line: powers of one phasor."""
    c, s = cis(turns(jnp.asarray(groups.path)[g], chunk.split))
    step = jnp.asarray(groups.time_s)[g]
    rate = step * chunk.R2_per_s
    crosses = R2prime is not None
    zr, zi = c * jnp.exp(-rate), -s * jnp.exp(-rate)

    def next_sample(e: Pair, _: None) -> tuple[Pair, Pair]:
        return (e[0] * zr - e[1] * zi, e[0] * zi + e[1] * zr), e

    start = (jnp.ones_like(zr), jnp.zeros_like(zr))
    _, (er, ei) = jax.lax.scan(next_sample, start, None, length=groups.samples)
    if not crosses:
        return er, ei
    time = jnp.arange(groups.samples) * step
    prime = jnp.exp(-_reversible(groups.start_s[g], groups.sign[g], time)[:, None] * R2prime)
    return er * prime, ei * prime


def _products(e: Pair, m: Pair, receive: jax.Array) -> Pair:
    """Sum over spins of receive x M x E for every coil [coil, S, sample]."""
    plus = e[0] + e[1]

    def coil(weight: jax.Array) -> Pair:
        wr, wi = weight.real, weight.imag
        real, imag = m[0] * wr - m[1] * wi, m[0] * wi + m[1] * wr
        first, second, third = _product(real, e[0]), _product(imag, e[1]), _product(real + imag, plus)
        return first - second, third - first - second

    return jax.lax.map(coil, receive)


def _product(m: jax.Array, e: jax.Array) -> jax.Array:
    return jax.lax.dot_general(m, e, (((1,), (1,)), ((), ())), precision=jax.lax.Precision.HIGHEST)
