"""Energy that a beam leaves in a medium, by photon transport."""

from __future__ import annotations

from functools import partial
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from phantomsim.errors import ScannerError
from phantomsim.scanners.ct.scatter import transport
from phantomsim.scanners.ct.scatter.interactions import ENERGIES, lookup, place
from phantomsim.scanners.ct.scatter.medium import Medium
from phantomsim.scanners.ct.scatter.source import Source, emit
from phantomsim.scanners.ct.scatter.transport import Queue

LANES = 8192  # photons under way at a time; their state stays in the second-level cache
BATCH = 2**18
MM3_PER_CM3 = 1000.0
MM_PER_CM = 10.0
Score = Literal["energy", "air-kerma"]


class Deposit(NamedTuple):
    """What became of a beam's energy, per emitted photon.

    Attributes:
        volume: float64 [z, y, x]. For "energy": energy left in each voxel [keV]. For "air-kerma": collision kerma of
            air as a small cavity in each voxel would show it [keV/g].
        emitted_keV, deposited_keV, escaped_keV: energy of the photons, what stayed in the medium, and what left it or
            never met it; the first is the sum of the others.
        error: relative standard error of the volume's sum, from the spread between batches [1]; NaN for a sum of 0.
    """

    volume: np.ndarray
    emitted_keV: float
    deposited_keV: float
    escaped_keV: float
    error: float


def deposit(
    key: jax.Array, medium: Medium, source: Source, histories: int = 1_000_000, score: Score = "energy"
) -> Deposit:
    """Energy that a beam leaves in a medium.

    Example: `deposit(key, medium(label, 1.0, spacing, (0, 0, 0), ["air", "pmma"]), source(geometry, spectrum))`; dose
    is volume [keV] x 1.602e-16 J / voxel mass [kg] x `source.photons_per_mAs` x mAs.

    Args:
        key: of the random numbers.
        medium: what is in the beam.
        source: its views share the histories evenly.
        histories: photons, rounded up to whole batches.
        score: "energy" counts what really stayed; "air-kerma" scores the fluence at every flight's end, real
            collision or not, with the energy-transfer coefficient of air (fluorescence and bremsstrahlung left out):
            many more scores, and right where a chamber's air is in a medium that is not air.
    Raises:
        ScannerError: no histories.
    """
    if histories < 1:
        raise ScannerError(f"{histories} histories; must be at least 1")
    count, size = batches(histories)
    parts = [_batch(k, medium, source, size, score) for k in jax.random.split(key, count)]
    volumes, emitted, escaped, stayed = (np.array([np.asarray(p[i], float) for p in parts]) for i in range(4))
    total, done = volumes.sum(axis=(1, 2, 3)), count * size
    error = total.std(ddof=1) / np.sqrt(count) / total.mean() if total.mean() else np.nan
    return Deposit(
        volumes.sum(0) / done * _unit(medium, score),
        float(emitted.sum() / done),
        float(stayed.sum() / done),
        float(escaped.sum() / done),
        float(error),
    )


def batches(histories: int) -> tuple[int, int]:
    """Number and size of batches: at least four, of few different sizes, so that little is compiled anew."""
    size = int(np.clip(2 ** np.ceil(np.log2(histories / 4)), LANES, BATCH))
    return max(4, -(-histories // size)), size


def _unit(medium: Medium, score: Score) -> float:
    """From the tally to the result's unit: a sum of track lengths x cm^2/g x keV, over the volume."""
    voxel_mm3 = float(np.prod(np.asarray(medium.spacing_mm)))
    return 1.0 if score == "energy" else MM3_PER_CM3 / voxel_mm3 / MM_PER_CM


def _batch(
    key: jax.Array, medium: Medium, source: Source, count: int, score: Score
) -> tuple[jax.Array, float, float, float]:
    first, second = jax.random.split(key)
    photons = emit(first, source, count)
    waiting, missed = transport.queue(photons, medium)
    volume, escaped, stayed = _deposit(second, waiting, medium, score, min(LANES, count))
    return volume, _sum(photons.energy), _sum(missed) + _sum(escaped), _sum(stayed)


def _sum(values: jax.Array) -> float:
    return float(np.asarray(values, float).sum())


@partial(jax.jit, static_argnames=("score", "lanes"))
def _deposit(
    key: jax.Array, waiting: Queue, medium: Medium, score: Score, lanes: int
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Tally [z, y, x], and per lane energy that escaped and that stayed."""

    def body(carry: tuple) -> tuple:
        state, tally, escaped, stayed = carry
        state, flight = transport.step(state, waiting, medium)
        if score == "energy":
            value = flight.keV
        else:
            transfer = lookup(medium.tables.air_cm2_per_g, *place(jnp.maximum(flight.energy, 1.0), ENERGIES))
            value = jnp.where(flight.tried, flight.energy * transfer / flight.majorant, 0.0)
        tally = tally.at[flight.voxel].add(value, mode="promise_in_bounds")
        return state, tally, escaped + jnp.where(flight.escaped, flight.energy, 0.0), stayed + flight.keV

    none = jnp.zeros(lanes)
    begin = (transport.start(key, lanes), jnp.zeros(medium.label.size), none, none)
    _, tally, escaped, stayed = jax.lax.while_loop(lambda c: transport.busy(c[0], waiting), body, begin)
    return tally.reshape(medium.label.shape), escaped, stayed
