"""What a photon may meet in each of a few materials, as arrays that compiled transport looks up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from phantomsim import materials
from phantomsim.errors import ScannerError
from phantomsim.materials.attenuation import MM_PER_CM, mass_attenuation
from phantomsim.materials.tissues import Tissue
from phantomsim.scanners.ct.scatter import cross_sections

LOW_KEV, HIGH_KEV = 1.0, 160.0
ENERGIES = 512  # of attenuation, logarithmic: 1 % apart
ANGLE_ENERGIES = 96  # of angles: 5 % apart, the nearest is taken
SHARES = 129
CM2_PER_BARN = 1e-24
MATERIALS = 8  # their number is padded to a multiple, so that another patient compiles nothing


class Interactions(NamedTuple):
    """Tables of M materials at their nominal density; energies are logarithmic from LOW_KEV to HIGH_KEV.

    Attributes:
        total: attenuation, coherent scatter included [1/mm] [M x E].
        photo, elastic: share of photoelectric absorption, and of that and coherent scatter together, in it [M x E].
        cosine: of the angle of scatter at even shares of all scatter [M x 2 (coherent, incoherent) x A x U].
        bound: sum of F^2 and of S [1/mm per barn of cross section] at even steps of sqrt(x) [M x X, 2].
        air_cm2_per_g: energy-transfer coefficient of air [E].
    """

    total: jax.Array
    photo: jax.Array
    elastic: jax.Array
    cosine: jax.Array
    bound: jax.Array
    air_cm2_per_g: jax.Array


MOMENTA = 256
TOP_MOMENTUM = 13.0  # 1/angstrom; 160 keV straight back is 12.9


def energies(count: int = ENERGIES) -> np.ndarray:
    """The tables' energies [keV]."""
    return np.geomspace(LOW_KEV, HIGH_KEV, count)


def interactions(names: Sequence[str | Tissue]) -> Interactions:
    """Tables of materials by name, or as `Tissue`.

    Raises:
        TissueError: an unknown name. ScannerError: none or more than 256.
    """
    if not 0 < len(names) <= 256:
        raise ScannerError(f"{len(names)} materials; a label map has 1 to 256")
    rows = [_material(materials.table()[name] if isinstance(name, str) else name) for name in names]
    rows += [rows[0]] * (-len(rows) % MATERIALS)
    air = mass_attenuation(materials.table()["air"].composition, energies(), "transfer")
    tables = [*(np.concatenate(parts) for parts in zip(*rows)), air]
    total, photo, elastic, cosine, bound, transfer = (jnp.asarray(a, jnp.float32) for a in tables)
    return Interactions(total, photo, elastic, cosine, bound, transfer)


def _material(tissue: Tissue) -> tuple[np.ndarray, ...]:
    scale = tissue.density_g_per_cm3 / MM_PER_CM
    energy = energies()
    parts = [
        mass_attenuation(tissue.composition, energy, p) * scale for p in ("photoelectric", "coherent", "incoherent")
    ]
    cumulated = np.cumsum(parts, 0)
    return (
        cumulated[2],
        cumulated[0] / cumulated[2],
        cumulated[1] / cumulated[2],
        _angles(tissue),
        _bound(tissue) * scale * CM2_PER_BARN,
    )


def _angles(tissue: Tissue) -> np.ndarray:
    share, grid = np.linspace(0, 1, SHARES), energies(ANGLE_ENERGIES)
    processes: tuple[cross_sections.Process, ...] = ("coherent", "incoherent")
    return np.concatenate([cross_sections.quantiles(tissue.composition, grid, share, p).ravel() for p in processes])


def _bound(tissue: Tissue) -> np.ndarray:
    """[X, 2] per gram, at even steps of the square root of x."""
    x = np.linspace(0, np.sqrt(TOP_MOMENTUM), MOMENTA) ** 2
    at = cross_sections.tables()["x_per_angstrom"]
    return np.stack(
        [np.interp(x, at, cross_sections.electrons(tissue.composition, p)) for p in ("coherent", "incoherent")], -1
    )


def place(energy_keV: jax.Array, count: int) -> tuple[jax.Array, jax.Array]:
    """Node below an energy and how far it lies towards the next, on a logarithmic grid."""
    at = jnp.log(energy_keV / LOW_KEV) * ((count - 1) / np.log(HIGH_KEV / LOW_KEV))
    low = jnp.clip(at.astype(jnp.int32), 0, count - 2)
    return low, jnp.clip(at - low, 0, 1)


def lookup(table: jax.Array, low: jax.Array, share: jax.Array) -> jax.Array:
    """Linear interpolation between rows `low` and `low + 1`."""
    share = share.reshape(share.shape + (1,) * (table.ndim - 1))
    a, b = (table.at[i].get(mode="promise_in_bounds") for i in (low, low + 1))
    return a + share * (b - a)


def get(table: jax.Array, index: jax.Array) -> jax.Array:
    """Elements of a flat table; the index must lie inside it."""
    return table.at[index].get(mode="promise_in_bounds")


def cosines(tables: Interactions, material: jax.Array, process: jax.Array, energy_keV: jax.Array, u: jax.Array):  # type: ignore[no-untyped-def]
    """Draw the cosine of the angle of scatter: process 0 coherent, 1 incoherent; u uniform in [0, 1)."""
    at = jnp.log(energy_keV / LOW_KEV) * ((ANGLE_ENERGIES - 1) / np.log(HIGH_KEV / LOW_KEV)) + 0.5
    nearest = jnp.clip(at.astype(jnp.int32), 0, ANGLE_ENERGIES - 1)
    column = (u * (SHARES - 1)).astype(jnp.int32)
    first = ((material * 2 + process) * ANGLE_ENERGIES + nearest) * SHARES + column
    low, high = get(tables.cosine, first), get(tables.cosine, first + 1)
    return jnp.clip(low + (u * (SHARES - 1) - column) * (high - low), -1, 1)
