"""A patient who moves during the scan: when, how far, and rigid motion as the geometry that the patient sees.

A rigid motion of the patient is the opposite motion of source and detector, view by view. That is exact: nothing is
resampled. The patient stands still within a view. Breathing changes shape, see `breathing`.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from phantomsim.errors import ScannerError
from phantomsim.scanners.ct.geometry import Geometry
from phantomsim.scanners.ct.spec import Breathing, Motion, RigidMotion


def view_times(views: int, views_per_turn: int, rotation_s: float) -> np.ndarray:
    """When each view is taken, in its middle [view] [s]; turns follow one another without a pause."""
    return (np.arange(views) + 0.5) * rotation_s / views_per_turn


def amplitude(motion: Motion, times_s: np.typing.ArrayLike) -> np.ndarray:
    """Displacement over the largest, at times [view].

    Rigid: sin (2 pi t / period) after the start, -1 to 1; with period 0 a steady drift from 0 at the start to 1 at the
    last view. Breathing: 0 exhale to 1 inhale, sin^4 (pi (t / period + phase)), which is the cos^4 of Lujan et al.
    (Med. Phys. 26 (1999) 715, doi:10.1118/1.598577) from inhale on; more time is spent near exhale.
    """
    times = np.asarray(times_s, float)
    if isinstance(motion, Breathing):
        return np.sin(np.pi * (times / motion.period_s + motion.phase)) ** 4
    passed = np.maximum(times - motion.start_s, 0.0)
    if motion.period_s > 0:
        return np.sin(2 * np.pi * passed / motion.period_s)
    return passed / passed.max() if passed.size and passed.max() > 0 else np.zeros_like(passed)


def displacement_mm(motion: Motion, amplitudes: np.ndarray) -> np.ndarray:
    """The truth: way of the point that moves most, (x, y, z) [view, 3] [mm].

    Rigid: of the isocentre. Breathing: of the body's front at the diaphragm, which goes down (-z) and forward (+y).
    """
    if isinstance(motion, Breathing):
        way = np.array([0.0, motion.swell_mm, -motion.depth_mm])
    else:
        way = np.array(motion.shift_mm, float)
    return np.asarray(amplitudes)[:, None] * way


def moved(geometry: Geometry, motion: RigidMotion, times_s: np.typing.ArrayLike) -> Geometry:
    """Source and detector as a patient sees them who turns about z and shifts: point x goes to turn(x) + shift.

    Args:
        geometry: of a patient who lies still.
        motion: rigid.
        times_s: of the views [view], see `view_times`.
    Returns:
        The geometry to project the resting patient through; the one given, unchanged, where nothing moves. It has no
        orbit: a reconstruction that knows nothing of the motion takes the old geometry.
    Raises:
        ScannerError: not as many times as views.
    """
    share = amplitude(motion, times_s)
    if len(share) != geometry.views:
        raise ScannerError(f"{len(share)} times for {geometry.views} views")
    if not np.any(share) or not (any(motion.shift_mm) or motion.turn_deg):
        return geometry
    back = _turn(-np.deg2rad(motion.turn_deg) * share)
    shift = displacement_mm(motion, share) if geometry.beam == "cone" else np.zeros((geometry.views, 3))
    return replace(
        geometry,
        source_mm=_apply(back, geometry.source_mm - shift),
        centre_mm=_apply(back, geometry.centre_mm - displacement_mm(motion, share)),
        along_mm=_apply(back, geometry.along_mm),
        up_mm=_apply(back, geometry.up_mm),
        orbit=None,
    )


def _turn(angle: np.ndarray) -> np.ndarray:
    """Rotations about z [view, 3, 3]."""
    cos, sin, zero, one = np.cos(angle), np.sin(angle), np.zeros_like(angle), np.ones_like(angle)
    return np.stack([cos, -sin, zero, sin, cos, zero, zero, zero, one], -1).reshape(-1, 3, 3)


def _apply(matrix: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    return np.einsum("vij,vj->vi", matrix, vectors)
