"""Pile-up: pulses that come too soon after another are lost, and lift the one before into a higher bin.

Mean rates are the textbook laws (Knoll, Radiation Detection and Measurement, ch. 4): with n pulses and dead time tau,
paralyzable m = n exp(-n tau), nonparalyzable m = n / (1 + n tau). Variances are those of the renewal processes: mean
times 1 - 2 n tau exp(-n tau), and 1 / (1 + n tau)^2, for times long against tau (Yu and Fessler, Phys. Med. Biol. 45
(2000) 2043, doi:10.1088/0031-9155/45/7/324). The spectrum is distorted to first order: a record that swallowed pulses
is given the height of two, fully on top of one another (peak pile-up; Taguchi et al., Med. Phys. 37 (2010) 3957,
doi:10.1118/1.3429056); heights within a bin are taken as they are behind a patient.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from phantomsim.scanners.ct.detector.sharing import WIDTH, events, interacts
from phantomsim.scanners.ct.spec import PhotonCounting

Law = Literal["none", "paralyzable", "nonparalyzable"]
NS_PER_S = 1e9
LEAST_LIVE = 0.05  # share of the time that a counter is taken to be live at least
ITERATIONS = 20


class Recorded(NamedTuple):
    """What is left of the counts of cells.

    Attributes:
        mean: counts in each bin [C, ...].
        kept: records over pulses [1] [...].
        relative_variance: variance over mean of all records of a cell, 1 for Poisson [...].
    """

    mean: jax.Array
    kept: jax.Array
    relative_variance: jax.Array


def dead_per_count(detector: PhotonCounting, view_s: float, cell_mm: tuple[float, float]) -> float:
    """Dead time over the time of a view, per sub-pixel: times the counts of a cell it is n tau [1].

    Args:
        view_s: time of a view [s].
        cell_mm: (row, column): height and width of a cell, which holds many sub-pixels [mm].
    """
    pixels = max(cell_mm[0] * cell_mm[1] / detector.pixel_mm**2, 1.0)
    return detector.dead_time_ns / NS_PER_S / view_s / pixels


def recorded(counts: jax.Array, heaped: jax.Array | np.ndarray, dead: jax.Array | float, law: Law) -> Recorded:
    """Mean records of a view.

    Args:
        counts: mean counts without pile-up, in each bin [C, ...].
        heaped: `heap_table` [C, C, C].
        dead: `dead_per_count`.
        law: "none", "paralyzable" or "nonparalyzable".
    """
    total = counts.sum(0)
    if law == "none":
        return Recorded(counts, jnp.ones_like(total), jnp.ones_like(total))
    load = total * dead
    alone = jnp.exp(-load)
    kept = alone if law == "paralyzable" else 1 / (1 + load)
    relative = 1 - 2 * load * alone if law == "paralyzable" else kept**2
    return Recorded(total * kept * _mix(_shares(counts), heaped, alone), kept, relative)


def original(records: jax.Array, heaped: jax.Array | np.ndarray, dead: jax.Array | float, law: Law) -> jax.Array:
    """The counts [C, ...] of which `records` [C, ...] are the mean: the inverse of `recorded`, below saturation.

    How many there were follows from the dead-time law, n = m / (1 - m d) where dead time does not extend, and else
    m = n exp(-n d); of which bins, by iteration. Arguments as of `recorded`.
    """
    if law == "none":
        return records
    total = records.sum(0)
    load = total * dead
    if law == "nonparalyzable":
        made = 1 / jnp.maximum(1 - load, LEAST_LIVE)
        rate = load * made
    else:
        rate = jax.lax.fori_loop(0, ITERATIONS, lambda _, n: jnp.minimum(load * jnp.exp(n), 1.0), load)
        made = jnp.exp(rate)
    mixed, alone = _shares(records), jnp.exp(-rate)
    # Errors shrink by at least 1 - alone a step: what heaps up is a share 1 - alone of all.
    share = jax.lax.fori_loop(0, ITERATIONS, lambda _, s: s + mixed - _mix(s, heaped, alone), mixed)
    return total * made * share


def _shares(counts: jax.Array) -> jax.Array:
    return counts / jnp.maximum(counts.sum(0), jnp.finfo(jnp.float32).tiny)


def _mix(share: jax.Array, heaped: jax.Array | np.ndarray, alone: jax.Array) -> jax.Array:
    """Shares of the bins [C, ...] when only a part of all pulses is alone."""
    two = jnp.einsum("ijk,j...,k...->i...", jnp.asarray(heaped, share.dtype), share, share, precision="highest")
    return alone * share + (1 - alone) * two


def heap_table(detector: PhotonCounting, energy_keV: np.ndarray, photons: np.ndarray) -> np.ndarray:
    """Probability that pulses of bins j and k make one of bin i on top of one another, float64 [i, j, k].

    Args:
        energy_keV, photons: spectrum that hits the detector [E].
    """
    bins = list(pairwise([*detector.thresholds_keV, np.inf]))
    heights = pulse_heights(detector, energy_keV, photons)
    keV = np.arange(len(heights)) + 0.5
    parts = []
    for low, high in bins:
        part = np.where((keV >= low) & (keV < high), heights, 0.0)
        lone = np.eye(len(keV))[min(int(low), len(keV) - 1)]  # a bin without pulses: at its lower end
        parts.append(part / part.sum() if part.sum() > 0 else lone)
    sums = np.arange(2 * len(heights) - 1) + 1.0
    inside = np.stack([(sums >= low) & (sums < high) for low, high in bins])
    return np.stack([[inside @ np.convolve(a, b) for b in parts] for a in parts]).transpose(2, 0, 1)


def pulse_heights(detector: PhotonCounting, energy_keV: np.ndarray, photons: np.ndarray) -> np.ndarray:
    """Pulses of sub-pixels in steps of 1 keV, from 0 on, noise included [H]."""
    from scipy.ndimage import gaussian_filter1d

    top = int(np.ceil(np.max(energy_keV) + 6 * detector.resolution_keV)) + 1
    total = np.zeros(top)
    for energy, weight in zip(energy_keV, photons * interacts(detector, energy_keV)):
        outcome = events(detector, float(energy))
        chance = np.repeat(outcome.chance, WIDTH * WIDTH)
        total += weight * np.bincount(outcome.pulse_keV.ravel().astype(int), chance, minlength=top)
    total[0] = 0.0  # sub-pixels without charge
    return gaussian_filter1d(total, detector.resolution_keV, mode="constant")
