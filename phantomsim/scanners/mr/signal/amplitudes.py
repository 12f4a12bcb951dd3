"""Amplitude of every tissue at the echo of every shot: phase graphs over the flip angles that voxels get."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from phantomsim.materials import MRProperties
from phantomsim.scanners.mr.signal.modes import Kinds, Rates

SAME = 4e-3  # of the largest amplitude: shots that differ by less are of one kind
PROFILE = 1e-3  # of the root mean square over a slice's profile
NO_PROTONS_s = 1e-5  # relaxation time of what gives no signal


@dataclass(frozen=True, eq=False)
class Contrast:
    """What tissues do in a scan.

    Attributes:
        amplitude: at the echo with proton density, complex128 [tissue, node, frequency (or 1), shot]; nodes are those
            of the slice's profile x those of the transmit field.
        reference_s: of the echo after the excitation [shot].
    """

    amplitude: np.ndarray
    reference_s: np.ndarray


class Compressed(NamedTuple):
    """Kinds of shots whose profile is compressed, and the profile's factor, complex128 [profile, node]."""

    kinds: Kinds
    profile: np.ndarray


def rates(properties: MRProperties) -> Rates:
    """What tissues do during a readout; what has no protons decays at once."""
    t2, star = (np.maximum(np.asarray(t, float) / 1000, NO_PROTONS_s) for t in (properties.T2_ms, properties.T2star_ms))
    prime = np.maximum(1 / star - 1 / t2, 1e-9)
    return Rates(t2, 1 / prime, np.zeros_like(t2))


def compressed(contrast: Contrast, decay_s: np.ndarray, dephasing_s: np.ndarray, path: np.ndarray) -> Compressed:
    """Put shots that are alike into one kind, and a profile of many nodes into few.

    Args:
        decay_s: time since the excitation of each path's samples at the start of each shot: [shot, sample].
        dephasing_s: likewise for off-resonance [shot, sample].
        path: of each shot [shot].
    """
    a = contrast.amplitude
    times = np.round(np.column_stack([dephasing_s[:, 0], decay_s[:, 0] - contrast.reference_s]) * 1e8)
    _, group = np.unique(np.column_stack([times, path]), axis=0, return_inverse=True)
    first, kind = alike(a.reshape(-1, a.shape[-1]).T, group.ravel())
    few, profile = _compress(a[..., first])
    kinds = Kinds(few, decay_s[first] - contrast.reference_s[first, None], dephasing_s[first], kind)
    return Compressed(kinds, profile)


def alike(rows: np.ndarray, group: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """One of each kind of rows [n, value], and the kind of every row, int32 [n].

    Rows of one group are of one kind where no value differs by more than SAME of the largest of all.
    """
    limit = SAME * max(float(np.abs(rows).max()), 1e-300)
    kind = np.full(len(rows), -1, np.int32)
    first: list[int] = []
    while (kind < 0).any():
        one = int(np.argmax(kind < 0))
        left = np.flatnonzero((kind < 0) & (group == group[one]))
        near = left[np.abs(rows[left] - rows[one]).max(1) <= limit]
        kind[near] = len(first)
        first.append(int(near[len(near) // 2]))
    return np.array(first), kind


def _compress(a: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """amplitude [t, node, f, n] as few [t, q, f, n] times profile [q, node]."""
    if a.shape[1] == 1:
        return a, np.ones((1, 1), complex)
    by_node = np.moveaxis(a, 1, 0).reshape(a.shape[1], -1)
    left, size, _ = np.linalg.svd(by_node @ by_node.conj().T)
    count = max(1, int(np.sum(np.sqrt(size / size[0]) > PROFILE)))
    profile = left[:, :count].T
    few = np.einsum("qp,tpfn->tqfn", profile.conj(), a)
    return few, profile
