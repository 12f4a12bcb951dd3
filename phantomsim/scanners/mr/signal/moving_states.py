"""States of a patient who moves: which shots see which, and the truth that is kept with the data.

A shot is timed by the start of its block; the patient stands still within it. Averages are added before anything is
stored, and every average sees the same motion.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from phantomsim.scanners.mr.motion import poses, respiratory
from phantomsim.scanners.mr.sequences import Sequence
from phantomsim.scanners.mr.signal.shots import Shots
from phantomsim.scanners.mr.spec.motion import Breathing, Motion

SMALL = 1e-12  # of a rotation's elements: no turn; 1e-10 mm
NEAR_mm = 1e-9  # of a shift: none; what rounding leaves of a drift that has not begun


class State(NamedTuple):
    """What some shots see. A point r of the patient at rest is at R r + d; a breathing one is warped instead.

    Attributes:
        shots: which, int [n].
        rotation: R, float64 [3, 3].
        shift_mm: d, (x, y, z).
        amplitude: of the breath, 0 exhale.
    """

    shots: np.ndarray
    rotation: np.ndarray
    shift_mm: np.ndarray
    amplitude: float = 0.0

    @property
    def turned(self) -> bool:
        """Whether the patient is turned."""
        return bool(np.abs(self.rotation - np.eye(3)).max() > SMALL)

    @property
    def tilted(self) -> bool:
        """Whether planes across z are no longer planes across z."""
        return bool(np.abs(self.rotation[2, :2]).max() > SMALL)

    @property
    def rest(self) -> bool:
        """Whether all is where it is without motion."""
        return not self.turned and np.abs(self.shift_mm).max() < NEAR_mm and self.amplitude == 0


def times_s(sequence: Sequence, shots: Shots) -> np.ndarray:
    """When shots see the patient, from the start of the scan [shot]."""
    return sequence.start_s[shots.block]


def states(motion: Motion, times: np.ndarray) -> list[State]:
    """States that occur, each with its shots."""
    still = (np.eye(3), np.zeros(3))
    if isinstance(motion, Breathing):
        breath = respiratory.states(motion, times)
        every = [State(np.flatnonzero(breath.state == i), *still, float(a)) for i, a in enumerate(breath.amplitudes)]
        return every if motion.depth_mm or motion.swell_mm else [State(np.arange(len(times)), *still)]
    found = poses.poses(motion, times)
    return [
        State(np.flatnonzero(found.state == i), rotation, shift)
        for i, (rotation, shift) in enumerate(zip(found.rotation, found.shift_mm))
    ]


def truth(motion: Motion, times: np.ndarray) -> dict[str, np.ndarray]:
    """Where the patient truly was at each shot, as raw data keep it, float32.

    "motion_time_s" [shot], "motion_shift_mm" (x, y, z) [shot, 3] and "motion_turn_deg" [shot, 3], see `poses.Truth`; of
    a breathing patient "motion_amplitude" [shot] and "motion_front_mm" [shot, 3], see `respiratory.Truth`.
    """
    kept = (respiratory if isinstance(motion, Breathing) else poses).truth(motion, times)  # type: ignore[arg-type, attr-defined]
    return {f"motion_{name}": np.asarray(values, np.float32) for name, values in kept._asdict().items()}
