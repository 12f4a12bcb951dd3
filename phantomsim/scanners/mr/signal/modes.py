"""Few volumes for all samples: what tissues and frequencies do to a sample, as a sum of a few products.

A voxel of tissue t at frequency f contributes to sample j of shot n, besides its phase in k-space,

    h(t, f; n, j) = a(t, n) exp(-(t_nj - t_n) / T2 - |tau_nj| / T2' - 2 pi i (shift_t + f) tau_nj),

with a the amplitude at the shot's echo t_n (from phase graphs) and tau the time for which off-resonance has acted. What
happens during a readout has, as a matrix of (t, f) and j, a low rank L: h = a(t, n) sum_l p_l(t, f) q_l(j), with an
error that is stated, and L volumes do for all samples. It is the time-segmented Fourier transform (Noll et al. 1991,
doi:10.1109/42.108599; Sutton et al. 2003, doi:10.1109/TMI.2002.808360) with the best possible segments, for
relaxation and chemical shift as well.

Where every shot has a timing of its own (echo-planar imaging) all shots of an excitation are one long readout.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

TOLERANCE = 1e-3  # of the samples' root mean square
TRAIN = 2e-3  # of the amplitudes' root mean square, where trains are brought into few volumes
SHOTS, SAMPLES, FREQUENCIES = 64, 17, 13  # of each at most, from which the modes are found
STEP_rad = 0.06  # of phase between tabulated frequencies; interpolated linearly: an error of .06^2 / 8 = 5e-4


class Kinds(NamedTuple):
    """Shots that differ in nothing but their place in k-space are of one kind; N kinds.

    Attributes:
        amplitude: at the echo with proton density, complex128 [tissue, profile, frequency (1: no matter), N].
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
    """h = a[t, q, k] sum_l table[t, f, l] basis[n, j, l], with the carrier exp(-2 pi i f carrier_s) taken out.

    Attributes:
        amplitude: complex64 [tissue, profile, K].
        kind: k of each shot, int32 [shot].
        table: complex64 [tissue, frequency, L].
        basis: complex64 [N, sample, L].
        timing: n of each shot, int32 [shot].
        first_Hz, step_Hz: of the tabulated frequencies.
        carrier_s: whose phase voxels get exactly.
        error: largest error of a sample over the largest sample, as measured where the modes were found.
    """

    amplitude: np.ndarray
    kind: np.ndarray
    table: np.ndarray
    basis: np.ndarray
    timing: np.ndarray
    first_Hz: float
    step_Hz: float
    carrier_s: float
    error: float

    @property
    def rank(self) -> int:
        """L."""
        return self.table.shape[-1]


def modes(kinds: Kinds, rates: Rates, range_Hz: tuple[float, float], tolerance: float = TOLERANCE) -> Modes:
    """Find the fewest modes that keep the tolerance.

    Args:
        range_Hz: lowest and highest off-resonance of the object; equal: none.
    """
    times, timing = _timings(kinds)
    amplitude, kind, own = _parted(kinds, times)
    carrier = float((kinds.dephasing_s.min() + kinds.dephasing_s.max()) / 2)
    table_Hz = frequencies_Hz(kinds, range_Hz, carrier)
    coarse = _spread(len(table_Hz), FREQUENCIES if kinds.amplitude.shape[2] == 1 else 64)
    decay, dephasing = kinds.decay_s[times], kinds.dephasing_s[times]
    some = _columns(own, decay, dephasing, _spread(len(times), SHOTS), _spread(decay.shape[1], SAMPLES))
    every = _columns(own, decay, dephasing, np.arange(len(times)), np.arange(decay.shape[1]))
    strength = np.abs(kinds.amplitude).max((1, 2, 3))[:, None, None]
    h = (strength * _response(_thinned(some, coarse), rates, table_Hz[coarse], carrier)).reshape(-1, some.decay_s.size)
    left, size, right = np.linalg.svd(h, full_matrices=False)
    tail = np.sqrt(np.cumsum(size[::-1] ** 2)[::-1])
    rank = max(1, int(np.sum(tail > tolerance * tail[0])))
    seen = right[:rank] * size[:rank, None]
    error = float(np.abs(h - left[:, :rank] @ seen).max() / max(np.abs(h).max(), 1e-300))
    basis = _project(left[:, :rank], strength, _thinned(every, coarse), rates, table_Hz[coarse], carrier)
    inverse = np.linalg.pinv(seen)
    single = [np.array([i]) for i in range(len(table_Hz))]
    parts = [_response(_thinned(some, i), rates, table_Hz[i], carrier) @ inverse for i in single]
    table = np.concatenate(parts, axis=1)
    step = float(table_Hz[1] - table_Hz[0]) if len(table_Hz) > 1 else 1.0
    return Modes(
        amplitude.astype(np.complex64),
        kind[kinds.of_shot],
        table.astype(np.complex64),
        basis.reshape(*decay.shape, rank).astype(np.complex64),
        timing[kinds.of_shot],
        float(table_Hz[0]),
        step,
        carrier,
        error,
    )


def _timings(kinds: Kinds) -> tuple[np.ndarray, np.ndarray]:
    """The first kind of every timing of samples, and the timing of each kind.

    Where amplitudes depend on the frequency every kind counts as a timing of its own.
    """
    if kinds.amplitude.shape[2] > 1:
        every = np.arange(kinds.amplitude.shape[3], dtype=np.int32)
        return every, every
    ends = np.column_stack([t[:, [0, -1]] for t in (kinds.decay_s, kinds.dephasing_s)])
    _, first, timing = np.unique(np.round(ends * 1e8), axis=0, return_index=True, return_inverse=True)
    return first, timing.ravel().astype(np.int32)


def _parted(kinds: Kinds, times: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Amplitudes as [tissue, profile, K], k of each kind, and what remains for each timing [tissue, frequency, N].

    Few timings: the amplitudes are the kinds' own. Many: one amplitude, of the strongest kind, and each tissue's course
    through the timings, which is the same at all places of a profile after one excitation. Amplitudes that
    depend on the frequency go with the timings, at the mean of their profile.
    """
    a = kinds.amplitude
    count = a.shape[3]
    if a.shape[2] == 1 and len(times) <= 8:
        return a[:, :, 0], np.arange(count, dtype=np.int32), np.ones((a.shape[0], 1, len(times)))
    strongest = int(np.argmax(np.abs(a).sum((0, 1, 2))))
    if a.shape[2] > 1:
        return np.ones((a.shape[0], a.shape[1], 1)), np.zeros(count, np.int32), a[:, 0][..., times]
    reference = a[:, :, 0, strongest]
    power = np.maximum((np.abs(reference) ** 2).sum(1), 1e-300)
    course = np.einsum("tq,tqn->tn", reference.conj(), a[:, :, 0][..., times]) / power[:, None]
    return reference[..., None], np.zeros(count, np.int32), course[:, None]


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
    own: np.ndarray  # [tissue, frequency or 1, column]
    decay_s: np.ndarray  # [column]
    dephasing_s: np.ndarray


def _columns(
    own: np.ndarray, decay: np.ndarray, dephasing: np.ndarray, shots: np.ndarray, samples: np.ndarray
) -> _Columns:
    pick = np.ix_(shots, samples)
    return _Columns(np.repeat(own[..., shots], len(samples), axis=-1), decay[pick].ravel(), dephasing[pick].ravel())


def _thinned(columns: _Columns, which: np.ndarray) -> _Columns:
    """At some of the tabulated frequencies, where amplitudes differ between them."""
    return columns if columns.own.shape[1] == 1 else columns._replace(own=columns.own[:, which])


def _response(columns: _Columns, rates: Rates, at_Hz: np.ndarray, carrier: float) -> np.ndarray:
    """h / a [tissue, frequency, column] without the carrier."""
    t, tau = columns.decay_s, columns.dephasing_s
    rate = (
        -t / rates.T2_s[:, None] - np.abs(tau) / rates.T2prime_s[:, None] - 2j * np.pi * rates.shift_Hz[:, None] * tau
    )
    field = np.exp(-2j * np.pi * np.outer(at_Hz, tau - carrier))
    return columns.own * np.exp(rate)[:, None] * field


def _project(
    left: np.ndarray, strength: np.ndarray, columns: _Columns, rates: Rates, at_Hz: np.ndarray, carrier: float
) -> np.ndarray:
    """The right factor of all columns [column, L], in pieces: bounded memory."""
    piece, found = max(1, 4_000_000 // left.shape[0]), []
    for at in range(0, columns.decay_s.size, piece):
        cut = slice(at, at + piece)
        part = _Columns(columns.own[..., cut], columns.decay_s[cut], columns.dephasing_s[cut])
        h = (strength * _response(part, rates, at_Hz, carrier)).reshape(left.shape[0], -1)
        found.append((left.conj().T @ h).T)
    return np.concatenate(found)


class Flat(NamedTuple):
    """Trains and readouts in one: h = sum_r table[t, q, f, r] basis[k, j, r]; R = trains' modes x L.

    Attributes:
        table: complex64 [tissue, profile, frequency, R].
        basis: complex64 [kind, sample, R].
        of_shot: kind of each shot, int32 [shot].
    """

    table: np.ndarray
    basis: np.ndarray
    of_shot: np.ndarray


def flat(found: Modes, tolerance: float = TRAIN) -> Flat:
    """Bring the amplitudes of all kinds into few modes too."""
    tissues, q, kinds = found.amplitude.shape
    left, size, right = np.linalg.svd(found.amplitude.reshape(tissues * q, kinds), full_matrices=False)
    tail = np.sqrt(np.cumsum(size[::-1] ** 2)[::-1])
    count = max(1, int(np.sum(tail > tolerance * tail[0])))
    few = (left[:, :count] * size[:count]).reshape(tissues, q, 1, count, 1)
    table = (few * found.table[:, None, :, None]).reshape(tissues, q, -1, count * found.rank)
    pairs, of_shot = np.unique(np.column_stack([found.kind, found.timing]), axis=0, return_inverse=True)
    train, readout = right[:count].T[pairs[:, 0]], found.basis[pairs[:, 1]]
    basis = (train[:, None, :, None] * readout[:, :, None]).reshape(len(pairs), -1, count * found.rank)
    return Flat(table.astype(np.complex64), basis.astype(np.complex64), of_shot.ravel().astype(np.int32))


class Paired(NamedTuple):
    """h = sum_r table[t, q, f, r] train[k, r] basis[n, j, of[r]]: pairs of modes of the train and of the readout.

    Attributes:
        table: complex64 [tissue, profile, frequency, R].
        train: complex64 [K, R].
        of: mode of the readout, int32 [R].
    """

    table: np.ndarray
    train: np.ndarray
    of: np.ndarray


def paired(found: Modes, tolerance: float = TRAIN) -> Paired:
    """The pairs that matter; those left out add up to less than `tolerance` of the samples' root mean square."""
    tissues, q, kinds = found.amplitude.shape
    left, size, right = np.linalg.svd(found.amplitude.reshape(tissues * q, kinds), full_matrices=False)
    few = (left * size).reshape(tissues, q, -1)
    power = np.einsum("tqr,tl->rl", np.abs(few) ** 2, (np.abs(found.table) ** 2).sum(1))
    power = power * (np.abs(found.basis) ** 2).sum((0, 1))
    order = np.argsort(power, axis=None)
    kept = order[np.cumsum(power.ravel()[order]) > tolerance**2 * power.sum()]
    train, of = np.unravel_index(np.sort(kept), power.shape)
    table = few[:, :, None, train] * found.table[:, None, :, of]
    return Paired(table.astype(np.complex64), right[train].T.astype(np.complex64), of.astype(np.int32))
