"""Rigid motion: the poses that occur in a scan, and which one each shot sees.

The patient stands still within a shot. A pose takes a point r of the patient at rest to R r + d (isocentre's frame).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from phantomsim.scanners.mr.spec.motion import Jerks, RigidMotion

RIM_mm = 100.0  # from the pivot: where `Poses.error_mm` is stated; about a head's radius


class Poses(NamedTuple):
    """Poses of a scan.

    Attributes:
        state: pose of each shot, int32 [shot].
        rotation: R of each pose, float64 [state, 3, 3].
        shift_mm: d of each pose, (x, y, z) float64 [state, 3].
        error_mm: largest distance of a point within RIM_mm of the pivot from where it truly is, in any shot.
    """

    state: np.ndarray
    rotation: np.ndarray
    shift_mm: np.ndarray
    error_mm: float


class Truth(NamedTuple):
    """Where the patient truly is at each shot, before poses are rounded.

    Attributes:
        time_s: [shot].
        shift_mm: of the pivot, (x, y, z) [shot, 3].
        turn_deg: about x, y and z [shot, 3].
    """

    time_s: np.ndarray
    shift_mm: np.ndarray
    turn_deg: np.ndarray


def amplitude(motion: RigidMotion, times_s: np.typing.ArrayLike) -> np.ndarray:
    """Displacement over the largest, at times [shot].

    Sine of 2 pi t / period after the start, -1 to 1; with period 0 a steady drift from 0 at the start to 1 at the last
    shot.
    """
    passed = np.maximum(np.asarray(times_s, float) - motion.start_s, 0.0)
    if motion.period_s > 0:
        return np.sin(2 * np.pi * passed / motion.period_s)
    return passed / passed.max() if passed.size and passed.max() > 0 else np.zeros_like(passed)


def truth(motion: RigidMotion | Jerks, times_s: np.typing.ArrayLike) -> Truth:
    """Shifts and turns at the times of shots [shot]."""
    times = np.asarray(times_s, float)
    if isinstance(motion, RigidMotion):
        share = amplitude(motion, times)[:, None]
        return Truth(times, share * motion.shift_mm, share * motion.turn_deg)
    now = np.searchsorted([event.time_s for event in motion.events], times, side="right")
    rest = np.zeros((1, 3))
    shifts, turns = ([getattr(event, key) for event in motion.events] for key in ("shift_mm", "turn_deg"))
    return Truth(times, np.concatenate([rest, shifts])[now], np.concatenate([rest, turns])[now])


def poses(motion: RigidMotion | Jerks, times_s: np.typing.ArrayLike) -> Poses:
    """The poses that shots see.

    Args:
        motion: events are exact; of rigid motion as many poses as `motion.states` are kept at most, evenly spaced.
        times_s: of the shots [shot].
    """
    true = truth(motion, times_s)
    rounded = true
    if isinstance(motion, RigidMotion):
        share = amplitude(motion, times_s)
        low, high = (share.min(), share.max()) if share.size else (0.0, 0.0)
        step = (high - low) / (motion.states - 1) or 1.0
        near = (low + np.rint((share - low) / step) * step)[:, None]
        rounded = Truth(true.time_s, near * motion.shift_mm, near * motion.turn_deg)
    both = np.concatenate([rounded.shift_mm, rounded.turn_deg], 1)
    kept, state = np.unique(both, axis=0, return_inverse=True)
    rotation, pivot = turns(kept[:, 3:]), np.asarray(motion.pivot_mm, float)
    shift = kept[:, :3] + pivot - rotation @ pivot
    return Poses(state.ravel().astype(np.int32), rotation, shift, _error_mm(true, rounded))


def turns(turn_deg: np.ndarray) -> np.ndarray:
    """Rotations about x, then y, then z, axes that stay; [..., 3] degrees to [..., 3, 3]."""
    found = np.broadcast_to(np.eye(3), (*np.shape(turn_deg)[:-1], 3, 3))
    for axis in range(3):
        found = _turn(np.deg2rad(np.asarray(turn_deg)[..., axis]), axis) @ found
    return found


def _turn(angle: np.ndarray, axis: int) -> np.ndarray:
    """Rotations about x, y or z [..., 3, 3]."""
    found = np.zeros((*angle.shape, 3, 3))
    first, second = (axis + 1) % 3, (axis + 2) % 3
    found[..., axis, axis] = 1.0
    found[..., first, first] = found[..., second, second] = np.cos(angle)
    found[..., second, first] = np.sin(angle)
    found[..., first, second] = -np.sin(angle)
    return found


def _error_mm(true: Truth, rounded: Truth) -> float:
    """See `Poses`: way of the pivot and of the rim, added."""
    if not len(true.time_s):
        return 0.0
    way = np.linalg.norm(true.shift_mm - rounded.shift_mm, axis=1)
    turned = np.linalg.norm(turns(true.turn_deg) - turns(rounded.turn_deg), ord=2, axis=(1, 2))
    return float(np.max(way + RIM_mm * turned))
