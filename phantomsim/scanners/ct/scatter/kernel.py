"""A fast estimate of scatter: every ray is a pencil beam whose scatter spreads over the detector.

After Ohnesorge, Flohr and Klingenbeck-Regn, Eur. Radiol. 9 (1999) 563, doi:10.1007/s003300050710, and Sun and
Star-Lack, Phys. Med. Biol. 55 (2010) 6695, doi:10.1088/0031-9155/55/22/007: the scatter that a pencil makes grows with what it
loses and is attenuated with it, a p^b exp(-c p) for p = -ln(primary over air), and spreads as two Gaussians. Their
widths are angles as seen from the isocentre, so that other distances need no other fit. The numbers are fitted to our
own Monte Carlo of water cylinders (tools/fit_scatter_kernel.py says which, and how well it fits).
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


class Kernel(NamedTuple):
    """Numbers of the model.

    Attributes:
        amplitude, power, decay: a, b and c: scatter of a pencil into all directions, over the pencil [1].
        narrow, wide: standard deviations of the Gaussians [1], tangents of angles from the isocentre.
        share: of the narrow one.
    """

    amplitude: float
    power: float
    decay: float
    narrow: float
    wide: float
    share: float


WATER = Kernel(0.05, 1.0, 0.6, 0.2, 0.6, 0.4)


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
    p = jnp.clip(log_primary, 0.0, MOST)
    made = kernel.amplitude * p**kernel.power * jnp.exp(-kernel.decay * p)
    weighed = made if air is None else made * air
    pencils = jnp.einsum("pr,vrc,qc->vpq", spread.rows, weighed, spread.columns, precision="highest") * spread.area
    found = jnp.zeros_like(made)
    for width, share in ((kernel.narrow, kernel.share), (kernel.wide, 1 - kernel.share)):
        rows = _gauss(spread.row_places, spread.row_pencils, width)
        columns = _gauss(spread.column_places, spread.column_pencils, width)
        found += share * jnp.einsum("rp,vpq,cq->vrc", rows, pencils, columns, precision="highest")
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
