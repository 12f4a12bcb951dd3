"""A fast estimate of scatter: every ray is a pencil beam whose scatter spreads over the detector.

After Ohnesorge, Flohr and Klingenbeck-Regn, Eur. Radiol. 9 (1999) 563, doi:10.1007/s003300050710, and Sun and
Star-Lack, Phys. Med. Biol. 55 (2010) 6695, doi:10.1088/0031-9155/55/22/007. A pencil with p = -ln(primary over air)
makes scatter a p^b exp(-c p - e p^2), which spreads as a Gaussian and is attenuated by exp(-d p) where it arrives.
There are two such parts, a narrow one (coherent, single) and a wide one. Widths are tangents of angles as seen from
the isocentre, so that other distances need no other fit. The numbers are fitted to our own Monte Carlo of water
cylinders of 100 to 400 mm, 80 to 140 kVp, collimations of 20 to 160 mm, two scanners, energies as signal
(tools/fit_scatter_kernel.py). They miss it by 7 % RMS in the middle of the fan and 12 % over all cells; beside large
cylinders, where scatter hardly matters, they are up to 40 % low.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from phantomsim.errors import ScannerError
from phantomsim.scanners.ct.geometry import Geometry

COARSE_MM = 12.0  # of the pencils, at the detector
MOST = 20.0  # of p: nothing is left of a beam that has lost more


class Part(NamedTuple):
    """Numbers of one part of the scatter.

    Attributes:
        amplitude, power, decay: a, b and c: scatter of a pencil into all directions, over the pencil [1].
        width: standard deviation of the Gaussian [1].
        absorbed: d.
        bend: e.
    """

    amplitude: float
    power: float
    decay: float
    width: float
    absorbed: float
    bend: float


Kernel = tuple[Part, Part]
WATER: Kernel = (
    Part(0.02992, 1.016, 0.5171, 0.1736, 0.07631, 0.03673),
    Part(0.506, 1.0, 0.4375, 1.0, 0.1521, 0.05199),
)


class Spread(NamedTuple):
    """Matrices of one geometry, made on the host by `spread`.

    Attributes:
        rows, columns: averages of cells over pencils [pencil, cell].
        row_places, column_places: of cells from the centre, over the distance isocentre to detector [cell].
        row_pencils, column_pencils: of pencils.
        area: of a pencil in these units.
    """

    rows: jax.Array
    columns: jax.Array
    row_places: jax.Array
    column_places: jax.Array
    row_pencils: jax.Array
    column_pencils: jax.Array
    area: jax.Array


def spread(geometry: Geometry) -> Spread:
    """What `estimate` needs to know of a geometry. Raises ScannerError for parallel beams and no circles."""
    if geometry.beam != "cone":
        raise ScannerError("scatter needs a beam from a focal spot, not a parallel one")
    gap = geometry.distance_mm - geometry.radius_mm
    parts = []
    for places, pitch in (
        (geometry.rows_from_centre, geometry.row_mm),
        (geometry.columns_from_centre, geometry.column_mm),
    ):
        count = max(1, round(len(places) * pitch / COARSE_MM))
        average = _average(len(places), count)
        parts.append((average, places * pitch / gap, average @ places * pitch / gap, len(places) * pitch / gap / count))
    (rows, r, rp, dr), (columns, c, cp, dc) = parts
    return Spread(*(jnp.asarray(a, jnp.float32) for a in (rows, columns, r, c, rp, cp, dr * dc)))


def _average(cells: int, groups: int) -> np.ndarray:
    """Means over equal shares of a row of cells [group, cell]."""
    edges = np.linspace(0, cells, groups + 1)
    cell = np.arange(cells)
    overlap = np.minimum(edges[1:, None], cell + 1) - np.maximum(edges[:-1, None], cell)
    return np.maximum(overlap, 0) * groups / cells


@jax.jit
def estimate(log_primary: jax.Array, spread: Spread, air: jax.Array | None = None, kernel: Kernel = WATER) -> jax.Array:
    """Scatter in each cell over the cell's own reading in air, without anti-scatter grid.

    Example: `estimate(-jnp.log(mean), kernel.spread(geometry))`.

    Args:
        log_primary: -ln(primary over air) [view, row, column].
        spread: of the geometry.
        air: readings in air, which a bowtie makes uneven [row, column], in any unit; None: even.
        kernel: numbers of the model.
    Returns:
        float32 [view, row, column].
    """
    p = jnp.clip(log_primary, 1e-6, MOST)
    found = jnp.zeros_like(p)
    for part in kernel:
        made = part.amplitude * p**part.power * jnp.exp(-(part.decay + part.bend * p) * p)
        made = made if air is None else made * air
        pencils = jnp.einsum("pr,vrc,qc->vpq", spread.rows, made, spread.columns, precision="highest") * spread.area
        rows = _gauss(spread.row_places, spread.row_pencils, part.width)
        columns = _gauss(spread.column_places, spread.column_pencils, part.width)
        arrived = jnp.einsum("rp,vpq,cq->vrc", rows, pencils, columns, precision="highest")
        found += arrived * jnp.exp(-part.absorbed * p)
    return found if air is None else found / air


def _gauss(at: jax.Array, pencils: jax.Array, width: float) -> jax.Array:
    """Gaussian of unit integral [cell, pencil]."""
    return jnp.exp(-0.5 * ((at[:, None] - pencils) / width) ** 2) / (width * jnp.sqrt(2 * jnp.pi))


@partial(jax.jit, static_argnames="iterations")
def from_measured(
    measured: jax.Array,
    spread: Spread,
    air: jax.Array | None = None,
    kernel: Kernel = WATER,
    grid: float | jax.Array = 1.0,
    iterations: int = 6,
) -> jax.Array:
    """Scatter in readings that contain it, over air [view, row, column].

    The primary is found by P <- P M / (P + S(P)), which converges also where scatter outweighs it.

    Args:
        measured: reading over air [view, row, column]; values at or below 0 are taken as exp(-MOST).
        grid: share of the scatter that an anti-scatter grid lets through over that of the primary.
    """
    reading = jnp.maximum(measured, jnp.exp(-MOST))

    def body(_: int, primary: jax.Array) -> jax.Array:
        scattered = grid * estimate(-jnp.log(primary), spread, air, kernel)
        return primary * reading / (primary + scattered)

    primary = jax.lax.fori_loop(0, iterations, body, reading)
    return grid * estimate(-jnp.log(primary), spread, air, kernel)
