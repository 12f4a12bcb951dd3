"""What a pulse and its gradient do across a slice, by the rotations that the Bloch engine uses; relaxation left out."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import jax
import numpy as np

from phantomsim.errors import ScannerError
from phantomsim.scanners.mr.bloch.pulses import PulseTable, effects, pulse_table
from phantomsim.scanners.mr.sequences import NONE, Builder, Pulse, Sequence, Waveform
from phantomsim.scanners.mr.trajectory import inner

if TYPE_CHECKING:
    from phantomsim.scanners.mr.spec import MRProtocol, MRScanner

POINTS = 201  # of a protocol's profile
REACH = 2.0  # slice thicknesses to each side that it covers


@dataclass(frozen=True)
class SliceProfile:
    """What a pulse does at P places along z.

    Attributes:
        z_mm: from the middle of the slice [P].
        a, b: Cayley-Klein parameters, complex [P]; b carries the pulse's phase.
        rephased: phasor that an ideal rephaser of the slice gradient adds after the pulse, complex [P].
    """

    z_mm: np.ndarray
    a: np.ndarray
    b: np.ndarray
    rephased: np.ndarray

    @property
    def flip_deg(self) -> np.ndarray:
        """Angle by which equilibrium is tipped [P]."""
        return np.degrees(2 * np.arctan2(np.abs(self.b), np.abs(self.a)))

    @property
    def excited(self) -> np.ndarray:
        """m from equilibrium after pulse and rephaser, complex [P]: -i exp(i phase) sin(flip) for a perfect pulse."""
        return 2 * np.conj(self.a) * self.b * self.rephased

    @property
    def refocused(self) -> np.ndarray:
        """Share |b|^2 of transverse magnetisation that a crushed pulse turns into its conjugate [P]."""
        return np.abs(self.b) ** 2

    @property
    def along(self) -> np.ndarray:
        """mz from equilibrium [P]."""
        return np.abs(self.a) ** 2 - np.abs(self.b) ** 2

    @property
    def width_mm(self) -> float:
        """Full width at half maximum of |m|, linear between places.

        Raises:
            ScannerError: it does not fall to its half on both sides.
        """
        return full_width(self.z_mm, np.abs(self.excited))


def slice_profile(
    pulse: Pulse,
    gradient: Waveform | None,
    pulse_Hz: float,
    gradient_Hz_per_mm: float,
    z_mm: np.ndarray,
    *,
    phase_rad: float = 0.0,
    offset_Hz: float = 0.0,
    off_resonance_Hz: float = 0.0,
    strength: float = 1.0,
) -> SliceProfile:
    """Profile of a pulse with a gradient along z.

    Args:
        pulse_Hz: scale of the pulse's shape; gradient_Hz_per_mm: of the gradient's.
        z_mm: places from the isocentre [P].
        offset_Hz: of the pulse; off_resonance_Hz: of the spins. strength: B1+ over the nominal one.
    Raises:
        ScannerError: the pulse has no samples.
    """
    builder = Builder()
    wave = (gradient, gradient_Hz_per_mm) if gradient is not None else None
    builder.add(
        max(pulse.delay_s + pulse.duration_s, gradient.duration_s if gradient else 0.0), pulse, (None, None, wave),
        pulse_Hz=pulse_Hz, pulse_phase_rad=phase_rad, pulse_offset_Hz=offset_Hz,
    )  # fmt: skip
    return profile_of(builder.build(), 0, z_mm, off_resonance_Hz=off_resonance_Hz, strength=strength)


def profile_of(
    sequence: Sequence,
    block: int,
    z_mm: np.ndarray,
    *,
    place_mm: tuple[float, float] = (0.0, 0.0),
    off_resonance_Hz: float = 0.0,
    strength: float = 1.0,
) -> SliceProfile:
    """Profile of the pulse of a block along z, at (x, y).

    Raises:
        ScannerError: the block has no pulse.
    """
    if sequence.pulse[block] == NONE:
        raise ScannerError(f"block {block} has no pulse; pulses are in {np.flatnonzero(sequence.pulse != NONE)[:5]}")
    z = np.asarray(z_mm, np.float32)
    pulse = sequence.pulses[sequence.pulse[block]]
    points = np.stack([np.full_like(z, v) for v in place_mm] + [z, np.full_like(z, off_resonance_Hz)])
    reach = np.append(np.abs(points).max(1), strength)
    table, _ = pulse_table(sequence, np.array([block]), reach)
    a, b = (np.asarray(v, complex) for v in _parameters(table, points, np.full_like(z, strength)))
    times = pulse.delay_s + np.array([pulse.centre_s, pulse.duration_s])
    left = np.diff(inner(sequence, block, times), axis=0)[0, :3]
    rephased = np.exp(-2j * np.pi * (left @ points[:3].astype(float)))
    return SliceProfile(np.asarray(z_mm, float), a, b * np.exp(1j * sequence.pulse_phase_rad[block]), rephased)


@partial(jax.jit)
def _parameters(table: PulseTable, points: jax.Array, strength: jax.Array) -> tuple[jax.Array, jax.Array]:
    e = effects(table, points, strength)
    return jax.lax.complex(*e.a)[0], jax.lax.complex(*e.b)[0]


def profile(protocol: MRProtocol, scanner: MRScanner, use: str = "excitation") -> SliceProfile:
    """Profile of the first pulse of some use in a protocol's sequence, about the middle of the slice that it selects.

    Raises:
        ScannerError: the sequence has no such pulse.
    """
    from phantomsim.scanners.mr.sequences import build

    sequence = build(protocol, scanner)
    blocks = np.flatnonzero(sequence.pulse != NONE)
    uses = [sequence.pulses[p].use for p in sequence.pulse[blocks]]
    if use not in uses:
        raise ScannerError(f'{protocol.sequence} has no pulse for "{use}"; it has {", ".join(sorted(set(uses)))}')
    block = int(blocks[uses.index(use)])
    middle, z = _middle_mm(sequence, block), np.linspace(-REACH, REACH, POINTS) * protocol.slice_mm
    found = profile_of(sequence, block, z + middle)
    return SliceProfile(z, found.a, found.b, found.rephased)


def _middle_mm(sequence: Sequence, block: int) -> float:
    """Where the pulse's offset is that of the slice gradient at its centre; 0 without one."""
    wave, pulse = sequence.waveform[block, 2], sequence.pulses[sequence.pulse[block]]
    if wave == NONE:
        return 0.0
    at = float(sequence.waveforms[wave].at(pulse.delay_s + pulse.centre_s)) * sequence.gradient_Hz_per_mm[block, 2]
    return float(sequence.pulse_offset_Hz[block] / at) if at else 0.0


def full_width(x: np.ndarray, y: np.ndarray) -> float:
    """Width of the part about the maximum where y is above half of it, linear between points.

    Raises:
        ScannerError: y does not fall to its half on both sides.
    """
    half, top = y.max() / 2, int(np.argmax(y))
    low, high = np.flatnonzero(y[:top] < half), np.flatnonzero(y[top:] < half)
    if not len(low) or not len(high):
        raise ScannerError("the profile does not fall to its half on both sides; take in more places")
    i, j = int(low[-1]), top + int(high[0])
    left = x[i] + (half - y[i]) / (y[i + 1] - y[i]) * (x[i + 1] - x[i])
    right = x[j - 1] + (half - y[j - 1]) / (y[j] - y[j - 1]) * (x[j] - x[j - 1])
    return float(right - left)
