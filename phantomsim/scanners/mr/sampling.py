"""Which phase-encoding lines are measured, and how long it takes."""

from __future__ import annotations

import math

import numpy as np

from phantomsim.scanners.mr.spec import MRProtocol

# Slice selection, spoilers and ramps around one excitation beside its echo time and readout; the order of what
# clinical spin echoes need (unverified).
OVERHEAD_ms = 8.0


def lattice(protocol: MRProtocol) -> np.ndarray:
    """Indices of every R-th phase-encoding line, through the centre of k-space."""
    lines = np.arange(protocol.phase_lines)
    return lines[(lines - protocol.phase_lines // 2) % protocol.acceleration == 0]


def measured(protocol: MRProtocol) -> np.ndarray:
    """Indices of the lines that are measured: the lattice and the central calibration lines, ascending."""
    centre, half = protocol.phase_lines // 2, protocol.calibration_lines // 2
    calibration = np.arange(centre - half, centre - half + protocol.calibration_lines)
    return np.union1d(lattice(protocol), calibration)


def slices_per_TR(protocol: MRProtocol) -> int:
    """How many slices are excited within one repetition.

    Inversion pulses of some slices fall between the excitations of others, so the inversion time does not add.
    """
    readout_ms = 1000 * protocol.samples / protocol.bandwidth_Hz
    return max(1, int(protocol.TR_ms // (protocol.TE_ms + readout_ms / 2 + OVERHEAD_ms)))


def scan_time_s(protocol: MRProtocol) -> float:
    """TR x lines x averages x groups of slices that do not fit into one TR."""
    groups = math.ceil(protocol.slices / slices_per_TR(protocol))
    return protocol.TR_ms / 1000 * len(measured(protocol)) * protocol.averages * groups
