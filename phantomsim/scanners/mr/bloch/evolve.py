"""Runs isochromats through the pulses of a plan and the free precession between them."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeVar

import jax
import jax.numpy as jnp

from phantomsim.scanners.mr.bloch.plan import Plan
from phantomsim.scanners.mr.bloch.pulses import Effect, effects, third_row
from phantomsim.scanners.mr.bloch.spins import Spins
from phantomsim.scanners.mr.bloch.turns import cis, split_coordinates, turns

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
    return Chunk(split_coordinates(coordinates), 1000.0 / spins.T1_ms, 1000.0 / spins.T2_ms)


def actions(plan: Plan, chunk: Chunk, strength: jax.Array) -> Action:
    """Those of every kind of pulse [K, n]: U (exp(-K) m + exp(-K/2) R1 q), K = R2 T - (R2 - R1) Q; see `pulses`."""
    e = effects(plan.pulses, chunk.split[8:], strength)
    half, whole = _decays(e, plan.pulses.duration_s, chunk)
    grown = _apply(half, State(*(chunk.R1_per_s * q for q in e.q)))
    # Without the barrier all twelve results would compute these again.
    U, whole, grown = jax.lax.optimization_barrier((_matrix(e), whole, grown))
    rows = [_apply(whole, row) for row in U]
    return Action(*rows, State(*(r.real * grown.real + r.imag * grown.imag + r.along * grown.along for r in U)))


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


def _decays(e: Effect, duration_s: jax.Array, chunk: Chunk) -> tuple[Symmetric, Symmetric]:
    """exp(-K/2) and exp(-K): Taylor's series about the mean of both rates, then squared."""
    time = duration_s[:, None]
    mean = jnp.exp(-time / 4 * (chunk.R1_per_s + chunk.R2_per_s))
    rate = (chunk.R2_per_s - chunk.R1_per_s) / 2
    Q = Symmetric(*e.Q)
    y = Symmetric(*(rate * (q - time / 2 if i < 3 else q) for i, q in enumerate(Q)))
    z = jax.lax.optimization_barrier(_times(y, y))
    rest = _times(z, Symmetric(*(a / 6 + b / 24 for a, b in zip(y, z))))
    one = Symmetric(*(float(i < 3) + a + b / 2 + c for i, (a, b, c) in enumerate(zip(y, z, rest))))
    half = jax.lax.optimization_barrier(Symmetric(*(mean * v for v in one)))
    return half, _times(half, half)


def after(pulse: Action, c: jax.Array, s: jax.Array, left: jax.Array) -> Action:
    """Free precession (see `precessions`), then a pulse, as one action."""
    rows = pulse.real, pulse.imag, pulse.along
    made = [State(r.real * c + r.imag * s, r.imag * c - r.real * s, r.along * left) for r in rows]
    return Action(*made, State(*(g + r.along * (1 - left) for g, r in zip(pulse.regrown, rows))))


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


def run(
    plan: Plan,
    chunk: Chunk,
    strength: jax.Array,
    dummies: int = 0,
    keep: Callable[[State, Job], Kept] = lambda m, job: None,  # type: ignore[assignment, return-value]
    jobs: Job = (),
) -> tuple[State, Kept]:
    """Through all pulses.

    Args:
        strength: |B1+| over the nominal one [n]; its phase turns the frame for good, and is left to the caller.
        dummies: pulses after which nothing is kept (static).
        keep: what is kept of the state after each other pulse, given its rows of `jobs`, arrays [P - dummies, ...].
    Returns:
        State after the last pulse; what was kept, stacked.
    """
    action, between = actions(plan, chunk, strength), precessions(plan.moments, chunk)
    kind, interval = jnp.asarray(plan.pair_kind), jnp.asarray(plan.pair_interval)
    composed = len(kind) <= COMPOSED
    if composed:
        action = after(jax.tree.map(lambda r: r[kind], action), *(b[interval] for b in between))
    turned = -jnp.diff(plan.phase_rad, prepend=0.0)
    pulses = (plan.pair, jnp.cos(turned), jnp.sin(turned))

    def pulse(m: State, job: Job) -> State:
        pair, c, s = job
        which = pair
        if not composed:
            which, wait = kind[pair], interval[pair]
            m = free(m, tuple(b[wait] for b in between))  # type: ignore[arg-type]
        return act(turn(m, c, s), jax.tree.map(lambda r: r[which], action))

    def kept(m: State, job: tuple[Job, Job]) -> tuple[State, Kept]:
        m = pulse(m, job[0])
        return m, keep(m, job[1])

    zero = jnp.zeros(chunk.split.shape[1], jnp.float32)
    start = State(zero, zero, zero + 1)
    first, rest = (tuple(p[part] for p in pulses) for part in (slice(0, dummies), slice(dummies, None)))
    m, _ = jax.lax.scan(lambda s, j: (pulse(s, j), None), start, first)
    return jax.lax.scan(kept, m, (rest, jobs))
