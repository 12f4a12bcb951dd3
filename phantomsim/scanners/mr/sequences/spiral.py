"""The gradient of a spiral, as fast as amplitude and slew allow.

The path is Archimedean, or thins out towards the edge of k-space. Along it the speed of k is the gradient; the part of
the slew that bends the path is curvature times speed squared, and what is left may change the speed (the reasoning of
Lustig, Kim and Pauly 2008, doi:10.1109/TMI.2008.922699, integrated forwards and backwards).
"""

from __future__ import annotations

import math

import numpy as np

from phantomsim.scanners.mr.sequences.events import Waveform
from phantomsim.scanners.mr.sequences.system import System

FINE = 64  # points of the path in a radian of its turn
SPARE = 0.97  # of the slew: what straight lines between the raster's points may add


def path(fov_mm: float, k_max_per_mm: float, interleaves: int, edge: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Points of one interleaf, complex128 [point] 1/mm, and their curvature [mm].

    Args:
        fov_mm: that turns of all interleaves together sample at the centre; edge: factor to it at the edge.
    """

    def turn(r: np.ndarray) -> np.ndarray:
        return 2 * np.pi * fov_mm / interleaves * (r + (edge - 1) * r**2 / (2 * k_max_per_mm))

    # Points evenly spread over the angle.
    angle = np.linspace(
        0, turn(np.array(k_max_per_mm)), max(200, math.ceil(FINE * float(turn(np.array(k_max_per_mm)))))
    )
    fine = np.linspace(0, k_max_per_mm, 4 * len(angle))
    r = np.interp(angle, turn(fine), fine)
    rate = 2 * np.pi * fov_mm / interleaves * (1 + (edge - 1) * r / k_max_per_mm)  # d angle / d r
    first = 1 / rate  # dr / d angle, and its own derivative
    second = -(2 * np.pi * fov_mm / interleaves * (edge - 1) / k_max_per_mm) * first**3
    curvature = np.abs(r**2 + 2 * first**2 - r * second) / (r**2 + first**2) ** 1.5
    return r * np.exp(1j * angle), curvature


def speed(length: np.ndarray, curvature: np.ndarray, top: float, slew: float) -> np.ndarray:
    """Fastest speed at each point of a path, zero at its start, free at its end.

    Args:
        length: along the path [point] 1/mm.
        top: largest speed [Hz/mm]; slew: largest rate of change of the velocity [Hz/mm/s].
    """
    cap = np.minimum(top, np.sqrt(slew / np.maximum(curvature, 1e-12)))
    v = _forward(np.concatenate([[0.0], cap[1:]]), np.diff(length), curvature, slew)
    return _forward(v[::-1], np.diff(length)[::-1], curvature[::-1], slew)[::-1]


def _forward(cap: np.ndarray, step: np.ndarray, curvature: np.ndarray, slew: float) -> np.ndarray:
    v = [float(cap[0])]
    for limit, ds, bend in zip(cap[1:].tolist(), step.tolist(), curvature.tolist()):
        left = slew**2 - (bend * v[-1] ** 2) ** 2
        v.append(min(limit, math.sqrt(v[-1] ** 2 + 2 * ds * math.sqrt(max(left, 0.0)))))
    return np.array(v)


def gradient(
    system: System, fov_mm: float, k_max_per_mm: float, interleaves: int, top_Hz_per_mm: float, edge: float = 1.0
) -> tuple[np.ndarray, int]:
    """Gradient at the points of the raster, complex128 [point] Hz/mm (real: x), from zero out and back to zero.

    Returns:
        The gradient, and the point at which the path reaches k_max.
    """
    slew = SPARE * system.slew_Hz_per_mm_s
    points, curvature = path(fov_mm, k_max_per_mm, interleaves, edge)
    length = np.concatenate([[0.0], np.cumsum(np.abs(np.diff(points)))])
    v = speed(length, curvature, min(top_Hz_per_mm, system.gradient_Hz_per_mm), slew)
    time = np.concatenate([[0.0], np.cumsum(2 * np.diff(length) / (v[1:] + v[:-1]))])
    last = math.ceil(time[-1] / system.raster_s)
    at = np.arange(last + 1) * system.raster_s
    direction = np.gradient(points) / np.abs(np.gradient(points))
    ahead = np.minimum(at, time[-1])
    along = np.interp(ahead, time, v) * _unit(
        np.interp(ahead, time, direction.real), np.interp(ahead, time, direction.imag)
    )
    down = math.ceil(abs(along[-1]) / (slew * system.raster_s))
    return np.concatenate([along, along[-1] * (1 - np.arange(1, down + 1) / down)]), last


def _unit(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    z = x + 1j * y
    return z / np.abs(z)


def waveforms(system: System, values: np.ndarray, angle_rad: float, start_s: float) -> list[tuple[Waveform, float]]:
    """Shapes along x and y of an interleaf turned by an angle, starting at start_s, and their scales."""
    turned = values * np.exp(1j * angle_rad)
    time = start_s + np.arange(len(values)) * system.raster_s
    top = float(np.abs(values).max())
    return [(Waveform(time, part / top), top) for part in (turned.real, turned.imag)]
