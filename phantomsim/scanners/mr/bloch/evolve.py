"""Runs isochromats through the pulses of a plan and the free precession between them."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeVar

import jax
import jax.numpy as jnp

from phantomsim.scanners.mr.bloch.plan import Plan
from phantomsim.scanners.mr.bloch.pulses import Effect, effects, third_row
from phantomsim.scanners.mr.bloch.spins import Spins
from phantomsim.scanners.mr.bloch.turns import cis, once, split_coordinates, turns

COMPOSED = 32  # pairs of an interval and a pulse; more of them are not worth their memory


class Chunk(NamedTuple):
    """What is computed once for a chunk of n isochromats: `split` coordinates [12, n], rates R1 and R2 [1/s] [n]."""

    split: jax.Array
    R1_per_s: jax.Array
    R2_per_s: jax.Array


class State(NamedTuple):
    """Magnetisation over its equilibrium, transverse in the frame of the last pulse's phase; float32 [n] each."""

    real: jax.Array
    imag: jax.Array
    along: jax.Array


class Action(NamedTuple):
    """What a pulse does to (m real, m imaginary, mz): a matrix, by rows, and what regrows; float32 [..., n]."""

    real: State
    imag: State
    along: State
    regrown: State


def chunk_of(spins: Spins) -> Chunk:
    """Of spins that travel together."""
    coordinates = jnp.concatenate([spins.position_mm.T, spins.off_resonance_Hz[None]])
    return Chunk(split_coordinates(coordinates), 1000.0 / jnp.asarray(spins.T1_ms), 1000.0 / jnp.asarray(spins.T2_ms))


def actions(plan: Plan, chunk: Chunk, strength: jax.Array) -> Action:
    """Those of every kind of pulse [K, n]: U (exp(-K) m + exp(-K/2) R1 q), K = R2 T - (R2 - R1) Q; see `pulses`."""
    e = effects(plan.pulses, chunk.split[8:], strength)
    one = plan.pulses.one
    half, whole = _decays(e, plan.pulses.duration_s, chunk, one)
    grown = once(_apply(half, State(*(chunk.R1_per_s * q for q in e.q))), one)
    U = once(_matrix(e), one)
    real, imag, along = once([_apply(whole, row) for row in U], one)
    regrown = State(*(r.real * grown.real + r.imag * grown.imag + r.along * grown.along for r in U))
    return Action(real, imag, along, once(regrown, one))


class Symmetric(NamedTuple):
    """A symmetric matrix of three rows."""

    xx: jax.Array
    yy: jax.Array
    zz: jax.Array
    xy: jax.Array
    xz: jax.Array
    yz: jax.Array


def _apply(matrix: Symmetric, v: State) -> State:
    xx, yy, zz, xy, xz, yz = matrix
    x, y, z = v
    return State(xx * x + xy * y + xz * z, xy * x + yy * y + yz * z, xz * x + yz * y + zz * z)


def _times(a: Symmetric, b: Symmetric) -> Symmetric:
    """Product of two that commute, and so symmetric, too."""
    return Symmetric(
        a.xx * b.xx + a.xy * b.xy + a.xz * b.xz,
        a.xy * b.xy + a.yy * b.yy + a.yz * b.yz,
        a.xz * b.xz + a.yz * b.yz + a.zz * b.zz,
        a.xx * b.xy + a.xy * b.yy + a.xz * b.yz,
        a.xx * b.xz + a.xy * b.yz + a.xz * b.zz,
        a.xy * b.xz + a.yy * b.yz + a.yz * b.zz,
    )


def _decays(e: Effect, duration_s: jax.Array, chunk: Chunk, one: jax.Array) -> tuple[Symmetric, Symmetric]:
    """exp(-K/2) and exp(-K): Taylor's series about the mean of both rates, then squared."""
    time = duration_s[:, None]
    mean = jnp.exp(-time / 4 * (chunk.R1_per_s + chunk.R2_per_s))
    rate = (chunk.R2_per_s - chunk.R1_per_s) / 2
    y = Symmetric(*(rate * (q - time / 2 if i < 3 else q) for i, q in enumerate(e.Q)))
    z = once(_times(y, y), one)
    rest = once(_times(z, Symmetric(*(a / 6 + b / 24 for a, b in zip(y, z)))), one)
    series = Symmetric(*(float(i < 3) + a + b / 2 + c for i, (a, b, c) in enumerate(zip(y, z, rest))))
    half = once(Symmetric(*(mean * v for v in series)), one)
    return half, once(_times(half, half), one)


def after(pulse: Action, c: jax.Array, s: jax.Array, left: jax.Array) -> Action:
    """Free precession (see `precessions`), then a pulse, as one action."""
    rows = pulse.real, pulse.imag, pulse.along
    real, imag, along = (State(r.real * c + r.imag * s, r.imag * c - r.real * s, r.along * left) for r in rows)
    return Action(real, imag, along, State(*(g + r.along * (1 - left) for g, r in zip(pulse.regrown, rows))))


def _matrix(e: Effect) -> tuple[State, State, State]:
    """Rows of the rotation matrix; m' = conj(a)^2 m - b^2 conj(m) + 2 conj(a) b mz."""
    (ar, ai), (br, bi) = e.a, e.b
    Ar, Ai, Br, Bi = ar * ar - ai * ai, -2 * ar * ai, bi * bi - br * br, -2 * br * bi
    return (
        State(Ar + Br, Bi - Ai, 2 * (ar * br + ai * bi)),
        State(Ai + Bi, Ar - Br, 2 * (ar * bi - ai * br)),
        State(*third_row(e.a, e.b)),
    )


def act(m: State, pulse: Action) -> State:
    """After a pulse."""
    rows = (pulse.real, pulse.imag, pulse.along)
    return State(*(r.real * m.real + r.imag * m.imag + r.along * m.along + g for r, g in zip(rows, pulse.regrown)))


def precessions(moments: jax.Array, chunk: Chunk) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Phasor with its decay (real, imaginary) and exp(-t R1) of intervals [J, n]."""
    c, s = cis(turns(moments, chunk.split))
    time_s = (moments[..., 3] + moments[..., 7])[..., None]
    decay = jnp.exp(-time_s * chunk.R2_per_s)
    return c * decay, s * decay, jnp.exp(-time_s * chunk.R1_per_s)


def free(m: State, phasor: tuple[jax.Array, jax.Array, jax.Array]) -> State:
    """After free precession."""
    c, s, left = phasor
    return State(m.real * c - m.imag * s, m.real * s + m.imag * c, 1 + (m.along - 1) * left)


def turn(m: State, c: jax.Array, s: jax.Array) -> State:
    """Turned about z by an angle of cosine c and sine s."""
    return State(m.real * c - m.imag * s, m.real * s + m.imag * c, m.along)


Kept = TypeVar("Kept")
Job = tuple[jax.Array, ...]


def run(plan: Plan, chunk: Chunk, strength: jax.Array) -> State:
    """State after the last pulse.

    Args:
        strength: |B1+| over the nominal one [n]; its phase turns the frame for good, and is left to the caller.
    """
    if not len(plan.pair):
        return _equilibrium(chunk)
    pulse, jobs = _player(plan, chunk, strength)
    return jax.lax.scan(lambda m, job: (pulse(m, job), None), _equilibrium(chunk), jobs)[0]


def run_kept(
    plan: Plan, chunk: Chunk, strength: jax.Array, dummies: int, keep: Callable[[State, Job], Kept], keep_jobs: Job
) -> Kept:
    """What `keep` makes of the state after every pulse but the first `dummies`, stacked.

    Args:
        keep: of the state after a pulse, and its rows of `keep_jobs`.
    """
    pulse, jobs = _player(plan, chunk, strength)
    first, rest = (tuple(j[part] for j in jobs) for part in (slice(0, dummies + 1), slice(dummies + 1, None)))
    m = jax.lax.scan(lambda s, job: (pulse(s, job), None), _equilibrium(chunk), first)[0]
    # Each step keeps what the one before has left in memory; the last step's pulse is for nothing.
    rest = tuple(jnp.concatenate([r, j[-1:]]) for r, j in zip(rest, jobs))
    return jax.lax.scan(lambda s, job: (pulse(s, job[0]), keep(s, job[1])), m, (rest, keep_jobs))[1]


def _equilibrium(chunk: Chunk) -> State:
    zero = jnp.zeros(chunk.split.shape[1], jnp.float32)
    return State(zero, zero, zero + 1)


def _player(plan: Plan, chunk: Chunk, strength: jax.Array) -> tuple[Callable[[State, Job], State], Job]:
    """What an interval and the pulse after it do to a state, and which ones to do in turn."""
    action, between = actions(plan, chunk, strength), precessions(plan.moments, chunk)
    kind, interval = jnp.asarray(plan.pair_kind), jnp.asarray(plan.pair_interval)
    composed = len(kind) <= COMPOSED
    if composed:
        action = after(jax.tree.map(lambda r: r[kind], action), *(b[interval] for b in between))
    turned = -jnp.diff(plan.phase_rad, prepend=0.0)
    only = jax.tree.map(lambda r: r[0], action) if len(kind) == 1 else None  # no need to look it up each time

    def pulse(m: State, job: Job) -> State:
        pair, c, s = job
        if only is not None:
            return act(turn(m, c, s), only)
        which = pair
        if not composed:
            which, wait = kind[pair], interval[pair]
            c_, s_, left = between
            m = free(m, (c_[wait], s_[wait], left[wait]))
        return act(turn(m, c, s), jax.tree.map(lambda r: r[which], action))

    return pulse, (jnp.asarray(plan.pair), jnp.cos(turned), jnp.sin(turned))
