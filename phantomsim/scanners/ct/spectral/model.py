"""What the channels of a scanner read behind any stack of basis materials."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from phantomsim.materials.attenuation import MM_PER_CM, attenuation_matrix, mass_attenuation
from phantomsim.scanners.ct.beam import Beam

IODINE = "iodine"
G_PER_MG = 1e-3


class SpectralModel(NamedTuple):
    """Channel c reads sum over E of weights[c, E] exp(-sum over k of mu[k, E] A[k]) behind paths A.

    Attributes:
        weights: reading in air by energy [C, E], or of each detector cell [C, E, row, column] where bowtie, heel or
            filters differ; in quanta, so that readings vary about as Poisson numbers do, see `decompose`.
        mu_per_mm: attenuation of the bases [K, E] [1/mm per unit of basis].
    """

    weights: jax.Array | np.ndarray
    mu_per_mm: jax.Array | np.ndarray


def basis_attenuation(names: Sequence[str], energy_keV: np.typing.ArrayLike) -> np.ndarray:
    """Attenuation of basis materials, float64 [K, E] [1/mm].

    "iodine" is the element by itself at 1 mg/mL, so that its amounts come out in mg/mL and its paths in mg/mL x mm;
    all other names are tissues at their own density, whose amounts are volume fractions.

    Raises:
        TissueError: an unknown name, or an energy outside the table.
    """
    energy = np.asarray(energy_keV, float)
    iodine = mass_attenuation({"I": 1.0}, energy) * G_PER_MG / MM_PER_CM
    return np.stack([iodine if name == IODINE else attenuation_matrix([name], energy)[0] for name in names])


def readings(model: SpectralModel, paths: jax.Array) -> jax.Array:
    """Mean readings of all channels [C, ...] behind paths [K, ...]; [..., row, column] for weights of each cell."""
    passed = jnp.exp(-jnp.einsum("ke,k...->e...", model.mu_per_mm, paths, precision="highest"))
    if model.weights.ndim == 2:
        return jnp.einsum("ce,e...->c...", model.weights, passed, precision="highest")
    return jnp.einsum("cers,e...rs->c...rs", model.weights, passed, precision="highest")


def slopes(model: SpectralModel, paths: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Mean readings [C, ...] and minus their derivatives by the paths [C, K, ...]."""
    passed = jnp.exp(-jnp.einsum("ke,k...->e...", model.mu_per_mm, paths, precision="highest"))
    each = jnp.concatenate([jnp.ones_like(model.mu_per_mm[:1]), model.mu_per_mm])
    if model.weights.ndim == 2:
        table = jnp.einsum("ce,ke->cke", model.weights, each)
        both = jnp.einsum("cke,e...->ck...", table, passed, precision="highest")
    else:
        table = jnp.einsum("cers,ke->ckers", model.weights, each)
        both = jnp.einsum("ckers,e...rs->ck...rs", table, passed, precision="highest")
    return both[:, 0], both[:, 1:]


def of_beams(
    beams: Sequence[Beam],
    air: np.typing.ArrayLike,
    quantum: np.typing.ArrayLike,
    names: Sequence[str],
) -> SpectralModel:
    """The model of a scanner: one beam of several energy bins, or several beams, each with filters of every cell.

    Args:
        beams: B beams; each gives C / B channels, its first responses.
        air: readings in air [C, row, column].
        quantum: reading of one quantum [C]: 1 for counts, E(keV^2) / E(keV) for absorbed energy; divide the
            readings by it too.
        names: K basis materials.
    """
    each = np.asarray(air, float) / np.asarray(quantum, float)[:, None, None]
    per_beam = len(each) // len(beams)
    sizes = [len(beam.energy_keV) for beam in beams]
    weights = np.zeros((len(each), sum(sizes), *each.shape[1:]), np.float32)
    for channel, quanta in enumerate(each):
        number, response = divmod(channel, per_beam)
        beam = beams[number]
        share = beam.weights[response][:, None, None] * np.exp(-beam.filter_exponent)
        start = sum(sizes[:number])
        weights[channel, start : start + sizes[number]] = share / share.sum(0) * quanta
    energy = np.concatenate([beam.energy_keV for beam in beams])
    return SpectralModel(weights, basis_attenuation(names, energy).astype(np.float32))
