"""The train of pulses that one slice of a sequence sees."""

from __future__ import annotations

from collections.abc import Sequence as Many

import numpy as np

from phantomsim.errors import ScannerError
from phantomsim.scanners.mr.epg import lattice, pulses
from phantomsim.scanners.mr.epg.train import Train
from phantomsim.scanners.mr.sequences import Sequence
from phantomsim.scanners.mr.trajectory import Trajectory, at_pulses, moments, trajectory

SEEN = 0.1  # of its flip at the middle of its own slice: a pulse that turns less, on the edge of another, is not seen


class NotExcited(ScannerError):
    """No pulse of the sequence excites the slice at the point that was asked for."""


def train_of(
    sequence: Sequence,
    slice_index: int = 0,
    *,
    position_mm: Many[float] | None = None,
    shift_Hz: float = 0.0,
    voxel_mm: Many[float] | None = None,
    path: Trajectory | None = None,
    least: float = SEEN,
    alone: bool = False,
) -> Train:
    """Pulses, dephasing and echoes of one slice.

    A pulse turns by what it does to a spin at the slice's middle: all of the flip of a pulse without gradient or of the
    slice's own, next to nothing of other slices' and of fat saturation, which are left out; gradients that are played
    with them still count. Dephasing between pulses must be whole multiples of one quantum, see `lattice.multiples`.

    Args:
        slice_index: value of the shots' counter "slice".
        position_mm: a point (x, y, z) instead of the slice's middle: for profiles.
        shift_Hz: chemical shift of the species.
        voxel_mm: (x, y, z) extent over which moments count as dephasing; None: what the readouts and pulses resolve.
        path: trajectory of the sequence, where it is known already.
        least: share of its flip in the middle of its slice below which a pulse is left out.
        alone: pulses that select other slices are left out, wherever they reach.
    Raises:
        ScannerError: no shot belongs to the slice, or the moments have no common quantum.
        NotExcited: the point lies beyond the slice.
    """
    path = path or trajectory(sequence)
    blocks, at = at_pulses(sequence)
    gradient = pulses.gradients(sequence, blocks)
    own = _own(sequence, path, slice_index)
    excitation = np.searchsorted(blocks, path.excitation[own[0]])
    point = np.asarray(position_mm if position_mm is not None else _middle(sequence, blocks, gradient, excitation))
    turns, seen = _turns(sequence, blocks, gradient @ point + shift_Hz - sequence.pulse_offset_Hz[blocks], least)
    if alone:
        seen &= _selects(gradient, sequence.pulse_offset_Hz[blocks], excitation)
    index = np.full(len(blocks), -1)
    index[seen] = np.arange(seen.sum())
    own = own[index[np.searchsorted(blocks, path.excitation[own])] >= 0]
    if not len(own):
        raise NotExcited(f"no pulse excites slice {slice_index} at {point} mm; nothing of it would be measured")
    mm = np.asarray(voxel_mm) if voxel_mm is not None else _voxel_mm(sequence, path, blocks, gradient, at)
    steps = np.diff(at[seen], axis=0, prepend=at[seen][:1])
    early, late = np.array([(p.centre_s, p.duration_s - p.centre_s) for p in sequence.pulses])[sequence.pulse[blocks]].T
    # The last pulse before each shot that the slice sees, and the order that is in phase at the centre of k-space.
    before = np.maximum.accumulate(index)[np.searchsorted(blocks, sequence.shots[own], side="right") - 1]
    needed = _between(index[np.searchsorted(blocks, path.excitation[own])], before, len(steps))
    order, spoiled, quantum = lattice.multiples(steps[:, :3] * mm, needed)
    origin = moments(sequence)[sequence.shots[own], :3] - path.start_per_mm[own]
    echo = _echo((at[seen][before, :3] - origin) * mm, quantum)
    reference, within = _reference(sequence, path, own)
    last = at[seen][before, 3]
    receiver = sequence.readout_phase_rad[sequence.shots[own]] + 2 * np.pi * (
        sequence.readout_offset_Hz[sequence.shots[own]] * within[:, 1]
    )
    return Train(
        before_s=steps[:, 3],
        order=order,
        spoiled=spoiled,
        flip_rad=turns[seen, 0],
        linear=turns[seen, 12],
        early_s=early[seen],
        late_s=late[seen],
        course_s=turns[seen, 3:12],
        phase_in_rad=_wrap(turns[seen, 1]),
        phase_out_rad=_wrap(turns[seen, 2]),
        shots=own.astype(np.int32),
        step=before.astype(np.int32),
        echo=echo,
        after_s=sequence.start_s[sequence.shots[own]] + within[:, 0] - last,
        receiver_rad=_wrap(receiver),
        reference_s=path.since_s[own] + within[:, 0],
        dephasing_s=path.dephasing_s[own] + within[:, 0],
        reference=reference,
        quantum_per_mm=quantum / mm,
    )


def _between(first: np.ndarray, last: np.ndarray, count: int) -> np.ndarray:
    """Intervals from an excitation to the last pulse before its shots: what they dephase must come back [count]."""
    edges = np.bincount(first + 1, minlength=count + 2) - np.bincount(last + 1, minlength=count + 2)
    return np.cumsum(edges)[:count] > 0


def _selects(gradient: np.ndarray, offset_Hz: np.ndarray, which: int) -> np.ndarray:
    """Pulses without gradient, and those whose slice is that of pulse `which`, bool [P]."""
    strength = np.linalg.norm(gradient, axis=1)
    place = np.divide(offset_Hz, strength, out=np.zeros(len(offset_Hz)), where=strength > 0)
    return (strength == 0) | (np.abs(place - place[which]) < 1e-3)


def _wrap(angle_rad: np.ndarray) -> np.ndarray:
    return np.remainder(angle_rad + np.pi, 2 * np.pi) - np.pi


def _own(sequence: Sequence, path: Trajectory, slice_index: int) -> np.ndarray:
    counter = sequence.counter("slice")[sequence.shots]
    own = np.flatnonzero(counter == slice_index)
    if not len(own):
        raise ScannerError(f"no readout belongs to slice {slice_index}; allowed are {np.unique(counter).tolist()}")
    return own


def _middle(sequence: Sequence, blocks: np.ndarray, gradient: np.ndarray, which: int) -> np.ndarray:
    """Point (x, y, z) nearest to the isocentre in the slice that a pulse selects [mm]."""
    G = gradient[which]
    return G * sequence.pulse_offset_Hz[blocks[which]] / max(float(G @ G), 1e-300) if G.any() else np.zeros(3)


def _turns(sequence: Sequence, blocks: np.ndarray, off_Hz: np.ndarray, least: float) -> tuple[np.ndarray, np.ndarray]:
    """Flip, phases, course and linearity of each pulse [P, 13]; which are seen [P]."""
    pulse, amplitude_Hz = sequence.pulse[blocks], sequence.pulse_Hz[blocks]
    first, of = pulses.kinds(pulse, np.round(amplitude_Hz, 6), np.round(off_Hz, 3))
    turns, own = np.zeros((len(first), 13)), np.zeros(len(first))
    for p in np.unique(pulse):
        some, shape = pulse[first] == p, sequence.pulses[p]
        amplitude = amplitude_Hz[first[some]]
        turns[some, :12] = pulses.rotation(shape, amplitude, np.round(off_Hz[first[some]], 3))
        turns[some, 12] = pulses.straight(shape)
        own[some] = pulses.rotation(shape, amplitude, np.zeros_like(amplitude))[:, 0]
    seen = (np.abs(turns[:, 0]) > least * np.abs(own)) & (turns[:, 0] != 0)
    turns, seen = turns[of], seen[of]
    centre = np.array([p.centre_s for p in sequence.pulses])[sequence.pulse[blocks]]
    phase = sequence.pulse_phase_rad[blocks] + 2 * np.pi * sequence.pulse_offset_Hz[blocks] * centre
    turns[:, 1:3] += phase[:, None]
    return turns, seen


def _voxel_mm(
    sequence: Sequence, path: Trajectory, blocks: np.ndarray, gradient: np.ndarray, at: np.ndarray
) -> np.ndarray:
    """What the sequence resolves along x, y and z: 1 / (2 k max), or the thickness that its pulses select."""
    reach = np.array([[p.min(0), p.max(0)] for p in path.paths])[path.shape]
    k = np.abs(path.start_per_mm[:, None] + reach).max((0, 1))
    strength = np.linalg.norm(gradient, axis=1)
    thin = np.full(3, np.inf)
    for p in np.unique(sequence.pulse[blocks[strength > 0]]):
        mine = np.flatnonzero((sequence.pulse[blocks] == p) & (strength > 0))[0]
        axis = np.argmax(np.abs(gradient[mine]))
        thin[axis] = min(thin[axis], pulses.bandwidth_Hz(sequence.pulses[p]) / strength[mine])
    steps = np.abs(np.diff(at[:, :3], axis=0)).max(initial=0)
    rest = 10.0 / max(steps, 1e-9)  # an axis that nothing resolves: ten cycles where it dephases most
    fine = np.where(k > 1e-6, 0.5 / np.maximum(k, 1e-6), np.inf)
    return np.where(np.isfinite(thin), np.minimum(thin, fine), np.where(np.isfinite(fine), fine, rest))


def _echo(cycles: np.ndarray, quantum: np.ndarray) -> np.ndarray:
    """Order whose dephasing before the shot's last pulse is that of the encoded one [shot]."""
    square = float(quantum @ quantum)
    number = np.round(cycles @ -quantum / square).astype(np.int32) if square else np.zeros(len(cycles), np.int32)
    return -number


def _reference(sequence: Sequence, path: Trajectory, own: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sample nearest to the centre of k-space, int32 [n]; its time from the block's start and first edge [n, 2] s."""
    sample, time = np.zeros(len(own), np.int32), np.zeros((len(own), 2))
    for shape in np.unique(path.shape[own]):
        line, t = path.paths[shape], path.times_s[shape]
        readout = sequence.readouts[sequence.readout[sequence.shots[np.argmax(path.shape == shape)]]]
        mine, square = np.flatnonzero(path.shape[own] == shape), (line**2).sum(1)
        for some in np.array_split(mine, -(-len(mine) // 4096)):
            far = 2 * path.start_per_mm[own[some]] @ line.T + square
            # Two samples beside the centre are equally far but for rounding: the first.
            sample[some] = np.argmax(far <= far.min(1, keepdims=True) + 1e-9 * np.ptp(square), axis=1)
        time[mine] = np.stack([t[sample[mine]], t[sample[mine]] - readout.delay_s], -1)
    return sample, time
