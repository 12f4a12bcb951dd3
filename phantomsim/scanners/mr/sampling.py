"""Which phase-encoding lines are measured."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from phantomsim.scanners.mr import patterns
from phantomsim.scanners.mr.spec import MRProtocol

SEED = 20240  # of variable-density patterns: the pattern belongs to the protocol, not to the patient


def lattice(protocol: MRProtocol) -> np.ndarray:
    """Indices of every R-th phase-encoding line, through the centre of k-space."""
    return every(protocol.phase_lines, protocol.acceleration)


def measured(protocol: MRProtocol) -> np.ndarray:
    """Indices of the phase-encoding lines of a 2D slice that are measured, ascending.

    The lattice, or a variable-density pattern, and the central calibration lines. Partial Fourier leaves out those of
    lowest index.
    """
    count = protocol.phase_lines
    if protocol.sampling == "variable-density" and protocol.acceleration > 1:
        lines = patterns.variable_density(count, protocol.acceleration, protocol.calibration_lines, SEED)
    else:
        lines = np.union1d(lattice(protocol), central(count, protocol.calibration_lines))
    return lines[lines >= first_line(protocol)]


def measured_pairs(protocol: MRProtocol) -> np.ndarray:
    """Line and partition of all that is measured, int [n, 2], partition by partition; partition 0 for 2D slices."""
    if protocol.encoding == "2d":
        lines = measured(protocol)
        return np.column_stack([lines, np.zeros_like(lines)])
    ny, nz = protocol.phase_lines, protocol.slices
    factor = protocol.acceleration * protocol.acceleration_z
    taken = np.zeros((nz, ny), bool)
    if protocol.sampling == "variable-density" and factor > 1:
        taken = _scattered((ny, nz), factor, protocol.calibration_lines).T.copy()
    else:
        taken[np.ix_(every(nz, protocol.acceleration_z), lattice(protocol))] = True
        taken[np.ix_(central(nz, protocol.calibration_lines), central(ny, protocol.calibration_lines))] = True
    taken[:, : first_line(protocol)] = False
    partition, line = np.nonzero(taken)
    return np.column_stack([line, partition])


def spare_echoes(protocol: MRProtocol) -> int:
    """Echoes of a spin-echo train's scan that read nothing, because the measured lines do not fill the trains."""
    if protocol.sequence not in ("turbo-spin-echo", "inversion-recovery"):
        return 0
    return -len(measured_pairs(protocol)) % protocol.echo_train


def first_line(protocol: MRProtocol) -> int:
    """First line that partial Fourier measures."""
    return protocol.phase_lines - math.ceil(protocol.partial_fourier * protocol.phase_lines - 1e-9)


def every(count: int, step: int) -> np.ndarray:
    """Every `step`-th of so many lines, through the centre of k-space."""
    lines = np.arange(count)
    return lines[(lines - count // 2) % step == 0]


def central(count: int, wanted: int) -> np.ndarray:
    """So many of the lines about the centre of k-space."""
    wanted = min(wanted, count)
    first = count // 2 - wanted // 2
    return np.arange(first, first + wanted)


@lru_cache(maxsize=8)
def _scattered(shape: tuple[int, int], factor: int, calibration: int) -> np.ndarray:
    return patterns.poisson_disc(shape, factor, calibration, SEED)
