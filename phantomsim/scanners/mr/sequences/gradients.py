"""Shapes of gradients on the raster of the hardware."""

from __future__ import annotations

import math

import numpy as np

from phantomsim.scanners.mr.sequences.events import Waveform
from phantomsim.scanners.mr.sequences.system import System


def trapezoid(rise_s: float, flat_s: float, fall_s: float | None = None, start_s: float = 0.0) -> Waveform:
    """A trapezoid of height 1; a triangle where it has no flat top."""
    fall = rise_s if fall_s is None else fall_s
    corners = [start_s, start_s + rise_s, start_s + rise_s + flat_s, start_s + rise_s + flat_s + fall]
    value = [0.0, 1.0, 1.0, 0.0]
    if flat_s < 1e-9:
        del corners[2], value[2]
    return Waveform(np.array(corners), np.array(value))


def lobe(system: System, area_per_mm: float) -> Waveform:
    """The shortest trapezoid of height 1 that can have an area [1/mm] or less; scale it by area / area_s."""
    area = abs(area_per_mm)
    top = min(math.sqrt(area * system.slew_Hz_per_mm_s), system.gradient_Hz_per_mm)
    rise = system.ramp_s(top)
    # On the raster the ramp is a little longer, so that a lower top may do.
    flat = system.up(max(area / min(system.gradient_Hz_per_mm, rise * system.slew_Hz_per_mm_s) - rise, 0.0))
    return trapezoid(rise, flat)


def shared_lobe(system: System, *areas_per_mm: float) -> Waveform:
    """One shape that every axis can scale to its own area."""
    return lobe(system, max((abs(a) for a in areas_per_mm), default=0.0))


def scaled(shape: Waveform, area_per_mm: np.typing.ArrayLike) -> tuple[Waveform, np.ndarray] | None:
    """A shape and the scale [Hz/mm] that gives it an area; None where the area is zero."""
    area = np.asarray(area_per_mm, float)
    return (shape, area / shape.area_s) if np.any(np.abs(area) > 1e-15) else None
