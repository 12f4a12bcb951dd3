"""Amplitudes of tissues in every shot, by phase graphs, across the slice and over the transmit field."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from phantomsim.materials import MRProperties
from phantomsim.scanners.mr.epg import Train, orders_of, run
from phantomsim.scanners.mr.signal.amplitudes import Contrast, NO_PROTONS_s
from phantomsim.scanners.mr.signal.modes import Rates
from phantomsim.scanners.mr.signal.profile import Trains
from phantomsim.scanners.mr.signal.shots import Shots

PER_PERIOD = 48  # tabulated frequencies in one period, 1 / TR, of a balanced steady state
TrainsAt = Callable[[int, float], Trains]  # of a slice and a chemical shift [Hz]


def contrast(
    shots: Shots,
    trains_at: TrainsAt,
    properties: MRProperties,
    rates: Rates,
    flips: np.ndarray,
    range_Hz: tuple[float, float],
    alike: bool,
    saturates: bool,
) -> Contrast:
    """Amplitude at the echo of every shot.

    Args:
        rates: of the tissues; their chemical shift matters to balanced sequences and to fat saturation.
        flips: tabulated transmit fields over the nominal one [node].
        range_Hz: of off-resonance, which balanced sequences follow.
        alike: every slice sees what the first sees, a whole number of repetitions apart.
        saturates: the sequence has pulses that act on one species.
    Raises:
        ScannerError: the sequence cannot be followed by phase graphs.
    """
    numbers = [int(n) for n in np.unique(shots.slice)]
    places = [np.flatnonzero(shots.slice == n) for n in numbers]
    shift = rates.shift_Hz if saturates else np.zeros_like(rates.shift_Hz)
    found = []
    for number, mine in zip(numbers[:1] if alike else numbers, places):
        trains = [(f, trains_at(number, float(f))) for f in np.unique(shift)]
        found.append(_of_slice(shots.index[mine], trains, properties, rates, shift, flips, range_Hz))
    amplitude = np.zeros((*found[0][0].shape[:-1], len(shots.block)), complex)
    reference = np.zeros(len(shots.block))
    for i, mine in enumerate(places):
        amplitude[..., mine], reference[mine] = found[0 if alike else i]
    return Contrast(amplitude, reference)


def _of_slice(
    index: np.ndarray,
    trains: list[tuple[float, Trains]],
    properties: MRProperties,
    rates: Rates,
    shift: np.ndarray,
    flips: np.ndarray,
    range_Hz: tuple[float, float],
) -> tuple[np.ndarray, np.ndarray]:
    """Amplitude [tissue, profile x flip, frequency, shot] and reference time [shot] of one slice's shots."""
    whole, times = np.zeros(0), np.zeros(0)
    for f, across in trains:
        tissues = np.flatnonzero(shift == f)
        found, times = _across(across, index, tissues, properties, rates, flips, range_Hz)
        if not whole.size:
            whole = np.zeros((len(shift), *found.shape[1:]), complex)
        whole[tissues] = found
    return whole * np.asarray(properties.PD, float)[:, None, None, None], times


def _across(
    across: Trains,
    index: np.ndarray,
    tissues: np.ndarray,
    properties: MRProperties,
    rates: Rates,
    flips: np.ndarray,
    range_Hz: tuple[float, float],
) -> tuple[np.ndarray, np.ndarray]:
    """complex [tissue, node x flip, frequency, shot], and reference times."""
    middle = across.trains[len(across.trains) // 2]
    assert middle is not None
    least = NO_PROTONS_s * 1000
    t1, t2 = (np.maximum(np.asarray(t, float)[tissues], least) for t in (properties.T1_ms, properties.T2_ms))
    off = off_Hz(middle, range_Hz)
    own = rates.shift_Hz[tissues] if len(off) > 1 else np.zeros(len(tissues))
    shape = (len(tissues), len(flips), len(off))
    long, short, turned, beside = (
        np.broadcast_to(v, shape).ravel()
        for v in (t1[:, None, None], t2[:, None, None], flips[None, :, None], own[:, None, None] + off)
    )
    orders = max(orders_of(train) for train in across.trains if train is not None)
    found = np.zeros((len(tissues), len(across.trains), len(flips), len(off), len(index)), complex)
    for node, train in enumerate(across.trains):
        if train is not None:
            seen = np.asarray(run(train, long, short, turned, beside, orders)).reshape(*shape, -1)
            at, there = _places(train, index)
            found[:, node][..., there] = seen[..., at[there]]
    at, _ = _places(middle, index)
    return found.reshape(len(tissues), -1, len(off), len(index)), np.asarray(middle.reference_s)[at]


def _places(train: Train, wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where shots stand in a train, and whether they do."""
    order = np.argsort(train.shots)
    at = order[np.clip(np.searchsorted(train.shots, wanted, sorter=order), 0, len(order) - 1)]
    return at, train.shots[at] == wanted


def off_Hz(train: Train, range_Hz: tuple[float, float]) -> np.ndarray:
    """Frequencies at which amplitudes differ: those of a balanced sequence, else one."""
    balanced = (np.asarray(train.order) == 0) & ~np.asarray(train.spoiled) & (np.asarray(train.before_s) > 0)
    low, high = range_Hz
    if not balanced.any() or high <= low:
        return np.zeros(1)
    period = 1 / float(np.median(np.asarray(train.before_s)[balanced]))
    return np.linspace(low, high, int(np.ceil((high - low) / period * PER_PERIOD)) + 2)
