"""Trains padded to lengths that many of them share, so that few are compiled."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from phantomsim.scanners.mr.epg.actions import Kinds
from phantomsim.scanners.mr.epg.pulses import kinds as alike
from phantomsim.scanners.mr.epg.train import Train

LENGTH = 64  # steps whose factors are in memory at once, and between states that a gradient keeps


class Steps(NamedTuple):
    """Numbers of the steps [block, step], times in ms, as `Train` has them."""

    before_ms: Any  # from the end of the previous pulse to the start of this
    apart_ms: Any  # between their centres
    turn_rad: Any
    keep: Any
    kind: Any  # of the pulse
    order: Any
    taps: Any  # [step, tap]: orders that are read after the pulse


class Shots(NamedTuple):
    """Numbers of the shots [shot], as `Train` has them."""

    step: Any
    tap: Any
    after_ms: Any  # from the end of the last pulse
    apart_ms: Any  # from its centre
    phase_rad: Any
    dephasing_s: Any


def steps_of(train: Train, limit: int) -> tuple[Steps, Kinds, np.ndarray, int]:
    """Steps padded to a length that many trains share, [block, LENGTH]; kinds of pulses; the tap of each shot; the
    largest shift."""
    xp = _arrays(train)
    out, into = xp.asarray(train.phase_out_rad), xp.asarray(train.phase_in_rad)
    turn = xp.concatenate([xp.zeros(1), out[:-1]]) - into
    lost = np.asarray(train.spoiled) | (np.abs(train.order) > limit)
    order = np.where(lost, 0, train.order).astype(np.int32)
    taps, of = _taps(train)
    count = len(order)
    length = room(count, 1) if count <= LENGTH else LENGTH
    blocks = room(-(-count // length), 1)

    def fit(row: Any, kind: Any = np.float32) -> Any:
        row = xp.asarray(row, kind)
        padded = xp.pad(row, [(0, length * blocks - count)] + [(0, 0)] * (row.ndim - 1))
        return padded.reshape(blocks, length, *row.shape[1:])

    apart = xp.asarray(train.before_s)
    busy = xp.asarray(train.early_s) + xp.concatenate([xp.zeros(1), xp.asarray(train.late_s)[:-1]])
    before = xp.where(np.arange(count) > 0, apart - busy, 0.0)
    kinds, kind = kinds_of(train)
    rows = fit(1000 * before), fit(1000 * apart), fit(turn), fit(~lost)
    largest = min(int(2 ** np.ceil(np.log2(max(np.abs(order).max(initial=0), 1)))), limit)
    return Steps(*rows, *(fit(row, np.int32) for row in (kind, order, taps))), kinds, of, largest


def kinds_of(train: Train) -> tuple[Kinds, np.ndarray]:
    """Kinds of pulses, padded to a number that many trains share, and that of each pulse [P]; of traced flips each has
    its own."""
    xp = _arrays(train)
    columns = train.flip_rad, train.linear, train.early_s + train.late_s, *np.asarray(train.course_s).T
    if any(isinstance(c, jax.core.Tracer) for c in columns):
        first = kind = np.arange(len(train.order))
    else:
        first, kind = alike(*(np.asarray(c, np.float32) for c in columns))
    first = np.pad(first, (0, room(len(first), 1) - len(first)))
    flip, linear, length = (xp.asarray(c, np.float32)[first] for c in columns[:3])
    course = np.asarray(1000 * train.course_s, np.float32)[first]
    return Kinds(flip, linear, 1000 * length, course, np.ones((), np.float32)), kind


def _arrays(train: Train) -> Any:
    """NumPy, which compiles nothing, unless JAX traces a number of the train."""
    traced = (train.before_s, train.flip_rad, train.linear, train.phase_in_rad, train.phase_out_rad)
    more = (train.after_s, train.receiver_rad, train.dephasing_s)
    return jnp if any(isinstance(value, jax.Array) for value in traced + more) else np


def _taps(train: Train) -> tuple[np.ndarray, np.ndarray]:
    """Orders read after each pulse [P, tap], and the tap of each shot [N]."""
    pairs, of = np.unique(np.stack([train.step, train.echo], -1).reshape(-1, 2), axis=0, return_inverse=True)
    first = np.searchsorted(pairs[:, 0], pairs[:, 0])
    within = np.arange(len(pairs)) - first
    taps = np.zeros((len(train.order), int(within.max(initial=0)) + 1), np.int32)
    taps[pairs[:, 0], within] = pairs[:, 1]
    return taps, within[of.ravel()]


def shots_of(train: Train, tap: np.ndarray) -> Shots:
    """Shots padded to a number that many trains share."""
    xp = _arrays(train)
    phase = xp.asarray(train.phase_out_rad)[train.step] - xp.asarray(train.receiver_rad)
    apart = 1000 * xp.asarray(train.after_s)
    after = apart - 1000 * xp.asarray(train.late_s)[train.step]
    more = room(len(train.step), 1) - len(train.step)
    rows = (xp.pad(xp.asarray(row, np.float32), (0, more)) for row in (after, apart, phase, train.dephasing_s))
    return Shots(np.pad(train.step, (0, more)), np.pad(tap, (0, more)).astype(np.int32), *rows)


def room(count: int, least: int) -> int:
    """A length at or above `count`, at most an eighth more: eight of them in each octave, so few are compiled."""
    grain = max(1 << max(count.bit_length() - 4, 0), least)
    return max(-(-count // grain), 1) * grain
