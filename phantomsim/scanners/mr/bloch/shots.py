"""What is read, and when: shots with the same path through k-space are read together.

Within a group of shots the signal is one matrix product. Times and k of samples are counted from a shot's first sample;
where the shot starts, and after which pulse, is its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import numpy as np

from phantomsim.errors import ScannerError
from phantomsim.scanners.mr.bloch.plan import SAME, Played, merged
from phantomsim.scanners.mr.bloch.turns import split_moments
from phantomsim.scanners.mr.sequences import Sequence
from phantomsim.scanners.mr.trajectory import Trajectory, inner, moments, trajectory

Array = Any  # numpy's on the host, JAX's in compiled code


@partial(
    jax.tree_util.register_dataclass,
    data_fields=["shots", "path", "time_s", "start_s", "sign"],
    meta_fields=["uniform", "samples"],
)
@dataclass(frozen=True)
class Groups:
    """G groups of up to S shots each; all even in time, or none.

    Attributes:
        shots: of each group, int32 [G, S]; padded with the number of shots.
        path: (kx, ky, kz, t) since the first sample, split float32: of one step [G, 8] where uniform, else of every
            sample [G, sample, 8].
        time_s: of the samples since the first, float32 [sample] or the step [].
        start_s: time for which off-resonance has acted at the first sample, float32 [G]; 0 where it keeps its sign.
        sign: of that time, float32 [G].
        uniform: whether samples lie evenly on a straight line (static).
        samples: of a shot (static).
    """

    shots: Array
    path: Array
    time_s: Array
    start_s: Array
    sign: Array
    uniform: bool
    samples: int


@partial(
    jax.tree_util.register_dataclass,
    data_fields=["pulse", "base", "start", "decay_s", "decay", "groups"],
    meta_fields=["axes", "in_order", "dummies"],
)
@dataclass(frozen=True)
class Shots:
    """All shots of a sequence, in its order.

    Attributes:
        pulse: the pulse before each shot, counted from the first one that is read, int32 [shot].
        base: (kx, ky, kz, t) from that pulse's end to the first sample, of the first shot, split float32 [8].
        start: what each shot has more than that, split float32 [shot, 8].
        decay_s: different pairs of times from that pulse's end to the first sample, and of |time| for which
            off-resonance has acted there (0 where its sign changes during the shot), float32 [D, 2].
        decay: index among them, int32 [shot].
        groups: by path.
        axes: of x, y, z and f, those along which shots differ (static).
        in_order: whether shot i follows pulse i (static).
        dummies: pulses before the first that is read (static).
    """

    pulse: Array
    base: Array
    start: Array
    decay_s: Array
    decay: Array
    groups: tuple[Groups, ...]
    axes: tuple[int, ...]
    in_order: bool
    dummies: int


@dataclass(frozen=True)
class Receiver:
    """What the receiver does to k-space, host side.

    Attributes:
        phasor: complex64 [shot, sample]; multiplies.
        k_per_mm: of samples, float32 [shot, sample, 3]; or None where not asked for.
    """

    phasor: np.ndarray
    k_per_mm: np.ndarray | None


def shots(sequence: Sequence, pulses: Played, reversible: bool) -> tuple[Shots, Trajectory]:
    """The shots of a sequence.

    Args:
        reversible: whether spins have a T2'.
    Raises:
        ScannerError: nothing is read, readouts differ in length, or a block is read before its pulse ends.
    """
    path = trajectory(sequence)
    path.samples  # noqa: B018 - raises where readouts differ
    blocks = sequence.shots
    before = np.searchsorted(pulses.block, blocks, side="right") - 1
    first = np.array(
        [inner(sequence, blocks[np.argmax(path.shape == g)], t[:1])[0] for g, t in enumerate(path.times_s)]
    )
    at = moments(sequence)[blocks] + first[path.shape]
    rows = at - pulses.end[before]
    early = np.flatnonzero(rows[:, 3] < -SAME)
    if len(early):
        raise ScannerError(f"block {blocks[early[0]]} is read before its pulse has ended; delay the readout")
    acted = path.dephasing_s + np.array([t[0] for t in path.times_s])[path.shape]
    key, signed, kept = _sign(path, acted) if reversible else (np.zeros(len(blocks)),) * 3
    decay_s, decay = merged(np.column_stack([rows[:, 3], signed]))
    start = rows - rows[0]
    axes = tuple(int(a) for a in np.flatnonzero(np.abs(start).max(0) > SAME))
    pulse = (before - before.min()).astype(np.int32)
    in_order = len(pulse) == len(pulses.block) - before.min() and bool(np.all(pulse == np.arange(len(pulse))))
    groups = _groups(path, key, kept)
    made = Shots(
        pulse, split_moments(rows[0]), split_moments(start), decay_s.astype(np.float32), decay, groups,
        axes, in_order, int(before.min()),
    )  # fmt: skip
    return made, path


def _sign(path: Trajectory, acted: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What shots of a group share besides their path; |time| at the first sample; time where the sign changes."""
    last = acted + np.array([t[-1] - t[0] for t in path.times_s])[path.shape]
    crossing = (acted < -SAME) & (last > SAME)
    key = np.where(crossing, np.round(acted / SAME), np.where(last <= SAME, -0.5, 0.5))
    return (
        key,
        np.where(crossing, 0.0, np.abs(acted)),
        np.where(crossing, acted, np.where(last <= SAME, -np.inf, np.inf)),
    )


def _groups(path: Trajectory, key: np.ndarray, kept: np.ndarray) -> tuple[Groups, ...]:
    """Groups of equal path and key, those of like numbers of shots and like form put together."""
    paths = np.array([_steps(path, shape) for shape in range(len(path.paths))])
    different, alike = merged(paths.reshape(len(paths), -1))
    different = different.reshape(-1, *paths.shape[1:])
    pairs, which = np.unique(np.column_stack([alike[path.shape], key]), axis=0, return_inverse=True)
    members = [np.flatnonzero(which.ravel() == g) for g in range(len(pairs))]
    steps = different[pairs[:, 0].astype(int)]
    even = [bool(np.abs(s - s[1:2] * np.arange(len(s))[:, None]).max() < SAME) if len(s) > 1 else False for s in steps]
    # Where groups are many, their sizes are rounded up so that few forms have to be compiled.
    room = [1 << (len(m) - 1).bit_length() if len(members) > 4 else len(m) for m in members]
    found = []
    for form in sorted(set(zip(room, even))):
        chosen = [i for i, each in enumerate(zip(room, even)) if each == form]
        table = np.full((len(chosen), form[0]), len(path.shape), np.int32)
        for row, i in zip(table, chosen):
            row[: len(members[i])] = members[i]
        found.append(_group(table, steps[chosen], kept[[members[i][0] for i in chosen]], form[1]))
    return tuple(found)


def _group(table: np.ndarray, steps: np.ndarray, kept: np.ndarray, uniform: bool) -> Groups:
    samples = steps.shape[1]
    start = np.where(np.isfinite(kept), kept, 0.0).astype(np.float32)
    sign = np.where(np.isneginf(kept), -1.0, 1.0).astype(np.float32)
    used = steps[:, -1] / (samples - 1) if uniform else steps
    time = used[:, 3] if uniform else used[..., 3]
    return Groups(table, split_moments(used), time.astype(np.float32), start, sign, uniform, samples)


def _steps(path: Trajectory, shape: int) -> np.ndarray:
    """(kx, ky, kz, t) since the first sample [sample, 4]."""
    both = np.column_stack([path.paths[shape], path.times_s[shape]])
    return both - both[0]


def receiver(sequence: Sequence, path: Trajectory, pulse_phase_rad: np.ndarray, k: bool) -> Receiver:
    """Phase of the receiver against the last pulse, and k where it is asked for."""
    blocks = sequence.shots
    readout = [sequence.readouts[i] for i in sequence.readout[blocks]]
    dwell = np.array([r.dwell_s for r in readout])
    since = (np.arange(path.samples) + 0.5) * dwell[:, None]
    turned = sequence.readout_phase_rad[blocks] - pulse_phase_rad
    angle = turned[:, None] + 2 * np.pi * sequence.readout_offset_Hz[blocks][:, None] * since
    return Receiver(np.exp(1j * angle).astype(np.complex64), path.k_per_mm().astype(np.float32) if k else None)
