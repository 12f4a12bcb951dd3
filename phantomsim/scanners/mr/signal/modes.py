"""Few volumes for all samples: what tissues, frequencies and flip angles do to a sample, as a sum of a few products.

A voxel of tissue t at frequency f contributes to sample j of shot n, besides its phase in k-space,

    h(t, f; n, j) = a(t, n) exp(-(t_nj - t_n) / T2 - |tau_nj| / T2' - 2 pi i (shift_t + f) tau_nj),

with a the amplitude at the shot's echo t_n (from phase graphs) and tau the time for which off-resonance has acted. As a
matrix it has a low rank R, so that h = sum_r p_r(t, f) q_r(n, j) with an error that is stated: R volumes are
transformed, whatever the train or the readout. It is the time-segmented Fourier transform (Noll et al. 1991,
doi:10.1109/42.108599; Sutton et al. 2003, doi:10.1109/TMI.2002.808360) with the best possible segments, for
relaxation, chemical shift and echo trains as well.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

TOLERANCE = 2e-4  # of the samples' root mean square
SHOTS, SAMPLES, FREQUENCIES = 40, 13, 9  # of each at most, from which the modes are found
STEP_rad = 0.05  # of phase between tabulated frequencies; interpolated linearly: an error of .05^2 / 8 = 3e-4


class Kinds(NamedTuple):
    """Shots that differ in nothing but their place in k-space are of one kind; N kinds.

    Attributes:
        amplitude: at the echo, complex128 [tissue, profile, frequency (1 if it does not matter), N].
        decay_s: time from the echo to each sample [N, sample].
        dephasing_s: time for which off-resonance has acted [N, sample].
        of_shot: kind of each shot, int32 [shot].
    """

    amplitude: np.ndarray
    decay_s: np.ndarray
    dephasing_s: np.ndarray
    of_shot: np.ndarray


class Rates(NamedTuple):
    """What tissues do during a readout [tissue]: T2 and T2' in s, shift in Hz."""

    T2_s: np.ndarray
    T2prime_s: np.ndarray
    shift_Hz: np.ndarray


@dataclass(frozen=True, eq=False)
class Modes:
    """h = sum_r table[t, profile, f, r] basis[n, j, r], with the carrier exp(-2 pi i f carrier_s) taken out.

    Attributes:
        table: complex64 [tissue, profile, frequency, R].
        basis: complex64 [kind, sample, R].
        of_shot: kind of each shot, int32 [shot].
        first_Hz, step_Hz: of the tabulated frequencies.
        carrier_s: whose phase voxels get exactly.
        error: largest error of a sample over the largest sample, as measured where the modes were found.
    """

    table: np.ndarray
    basis: np.ndarray
    of_shot: np.ndarray
    first_Hz: float
    step_Hz: float
    carrier_s: float
    error: float

    @property
    def rank(self) -> int:
        """R."""
        return self.table.shape[-1]


def modes(kinds: Kinds, rates: Rates, range_Hz: tuple[float, float], tolerance: float = TOLERANCE) -> Modes:
    """Find the fewest modes that keep the tolerance.

    Args:
        range_Hz: lowest and highest off-resonance of the object; equal: none.
    """
    carrier = float((kinds.dephasing_s.min() + kinds.dephasing_s.max()) / 2)
    table_Hz = frequencies_Hz(kinds, range_Hz, carrier)
    coarse = _spread(len(table_Hz), FREQUENCIES if kinds.amplitude.shape[2] == 1 else 64)
    some = _columns(kinds, _spread(len(kinds.decay_s), SHOTS), _spread(kinds.decay_s.shape[1], SAMPLES))
    h = _response(some, rates, table_Hz, coarse, carrier)
    left, size, right = np.linalg.svd(h.reshape(-1, h.shape[-1]), full_matrices=False)
    tail = np.sqrt(np.cumsum(size[::-1] ** 2)[::-1])
    rank = max(1, int(np.sum(tail > tolerance * tail[0])))
    left = left[:, :rank]
    seen = right[:rank] * size[:rank, None]
    error = float(np.abs(h.reshape(-1, h.shape[-1]) - left @ seen).max() / max(np.abs(h).max(), 1e-300))
    everything = _columns(kinds, np.arange(len(kinds.decay_s)), np.arange(kinds.decay_s.shape[1]))
    basis = _project(left, everything, rates, table_Hz, coarse, carrier)
    table = _tabulate(seen, some, rates, table_Hz, carrier)
    basis = basis.reshape(len(kinds.decay_s), -1, rank)
    step = float(table_Hz[1] - table_Hz[0]) if len(table_Hz) > 1 else 1.0
    return Modes(
        table.astype(np.complex64), basis.astype(np.complex64), kinds.of_shot, float(table_Hz[0]), step, carrier, error
    )


def frequencies_Hz(kinds: Kinds, range_Hz: tuple[float, float], carrier_s: float) -> np.ndarray:
    """Frequencies to tabulate: so near that the phase at the farthest sample turns by STEP_rad from one to the next."""
    low, high = range_Hz
    given = kinds.amplitude.shape[2]
    if given > 1:
        return np.linspace(low, high, given)
    if high <= low:
        return np.array([low])
    turn = 2 * np.pi * (high - low) * np.abs(kinds.dephasing_s - carrier_s).max()
    return np.linspace(low, high, int(np.ceil(turn / STEP_rad)) + 2)


def _spread(count: int, most: int) -> np.ndarray:
    return np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(int))


class _Columns(NamedTuple):
    amplitude: np.ndarray  # [tissue, profile, frequency, column]
    decay_s: np.ndarray  # [column]
    dephasing_s: np.ndarray


def _columns(kinds: Kinds, shots: np.ndarray, samples: np.ndarray) -> _Columns:
    pick = np.ix_(shots, samples)
    amplitude = np.repeat(kinds.amplitude[..., shots], len(samples), axis=-1)
    return _Columns(amplitude, kinds.decay_s[pick].ravel(), kinds.dephasing_s[pick].ravel())


def _response(columns: _Columns, rates: Rates, table_Hz: np.ndarray, which: np.ndarray, carrier: float) -> np.ndarray:
    """h [tissue, profile, frequency, column] without the carrier."""
    t, tau = columns.decay_s, columns.dephasing_s
    own = -t / rates.T2_s[:, None] - np.abs(tau) / rates.T2prime_s[:, None] - 2j * np.pi * rates.shift_Hz[:, None] * tau
    field = np.exp(-2j * np.pi * np.outer(table_Hz[which], tau - carrier))
    amplitude = columns.amplitude if columns.amplitude.shape[2] == 1 else columns.amplitude[:, :, which]
    return amplitude * np.exp(own)[:, None, None] * field


def _tabulate(seen: np.ndarray, some: _Columns, rates: Rates, table_Hz: np.ndarray, carrier: float) -> np.ndarray:
    """The left factor at all tabulated frequencies."""
    inverse = np.linalg.pinv(seen)
    if some.amplitude.shape[2] > 1:
        parts = [_response(some, rates, table_Hz, np.array([i]), carrier) @ inverse for i in range(len(table_Hz))]
        return np.concatenate(parts, axis=2)
    own = _response(some, rates, np.zeros(1), np.zeros(1, int), carrier)[:, :, 0]
    field = np.exp(-2j * np.pi * np.outer(table_Hz, some.dephasing_s - carrier)).astype(np.complex64)
    scaled = (own[..., None] * inverse).astype(np.complex64)  # [tissue, profile, column, R]
    flat = np.moveaxis(scaled, 2, 0).reshape(len(inverse), -1)
    return np.moveaxis((field @ flat).reshape(len(table_Hz), *own.shape[:2], -1), 0, 2)


def _project(
    left: np.ndarray, columns: _Columns, rates: Rates, table_Hz: np.ndarray, which: np.ndarray, carrier: float
) -> np.ndarray:
    """The right factor of all columns [column, R], in pieces: bounded memory."""
    piece = max(1, 4_000_000 // left.shape[0])
    found = []
    for at in range(0, columns.decay_s.size, piece):
        cut = slice(at, at + piece)
        part = _Columns(columns.amplitude[..., cut], columns.decay_s[cut], columns.dephasing_s[cut])
        h = _response(part, rates, table_Hz, which, carrier)
        found.append((left.conj().T @ h.reshape(left.shape[0], -1)).T)
    return np.concatenate(found)
