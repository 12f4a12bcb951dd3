"""The photons that leave the tube: where from, where to, and at what energy."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from phantomsim.errors import ScannerError
from phantomsim.materials.spectra import Spectrum, filter_attenuation_per_mm
from phantomsim.scanners.ct.geometry import Geometry
from phantomsim.scanners.ct.scatter.medium import Vector

MM2_PER_SR = 1e6  # at 1 m


class Frame(NamedTuple):
    """Source and detector of V views for compiled code, float32; see `Geometry`.

    Attributes:
        source, centre, along, up: [V, 3] [mm].
        curved: 1 for an arc about the source, 0 for a plane.
        cells: rows and columns [2].
        offset: of the columns, in cells.
    """

    source: jax.Array
    centre: jax.Array
    along: jax.Array
    up: jax.Array
    curved: jax.Array
    cells: jax.Array
    offset: jax.Array


class Source(NamedTuple):
    """A collimated beam of V views.

    Attributes:
        frame: the views.
        share: of the photons in each row, column and energy, alike in every view [row, column, E].
        cumulated: sum of the shares up to each [row x column x E].
        energy_keV: [E].
        photons_per_mAs: that leave through the collimator.
        keV_per_mAs: their energy.
    """

    frame: Frame
    share: jax.Array
    cumulated: jax.Array
    energy_keV: jax.Array
    photons_per_mAs: float
    keV_per_mAs: float


def frame(geometry: Geometry) -> Frame:
    """Vectors of every view. Raises ScannerError for parallel beams."""
    if geometry.beam != "cone":
        raise ScannerError("scatter and dose need a beam from a focal spot, not a parallel one")
    vectors = (geometry.source_mm, geometry.centre_mm, geometry.along_mm, geometry.up_mm)
    scalars = (float(geometry.detector == "curved"), (geometry.rows, geometry.columns), geometry.column_offset)
    return Frame(*(jnp.asarray(v, jnp.float32) for v in (*vectors, *scalars)))


def solid_angle(geometry: Geometry) -> np.ndarray:
    """Solid angle of each cell from the focal spot, in the first view [sr] [row, column]."""
    middle = geometry.cells()[0] - geometry.source_mm[0]
    columns, rows = geometry.columns_from_centre, geometry.rows_from_centre
    wide = geometry.cells(columns=columns + 0.5)[0] - geometry.cells(columns=columns - 0.5)[0]
    high = geometry.cells(rows=rows + 0.5)[0] - geometry.cells(rows=rows - 0.5)[0]
    area = np.abs((np.cross(wide, high) * middle).sum(-1))
    return area / np.linalg.norm(middle, axis=-1) ** 3


def source(
    geometry: Geometry,
    spectrum: Spectrum,
    filters: Sequence[str] = (),
    filter_paths_mm: np.typing.ArrayLike | None = None,
) -> Source:
    """The beam that a geometry's detector just takes up; its cells are the steps of what varies across it.

    A beam for dose alone is best made with one row as high as the collimation, and a few dozen columns.

    Args:
        geometry: its first view's cells stand for all views'.
        spectrum: behind the filters that are alike for all rays.
        filters: what else is in the beam, e.g. the bowtie, by material.
        filter_paths_mm: path through each of them [F, row, column].
    Raises:
        ScannerError: a parallel beam, or paths of another shape.
    """
    paths = np.zeros((0, geometry.rows, geometry.columns)) if filter_paths_mm is None else np.asarray(filter_paths_mm)
    if paths.shape != (len(filters), geometry.rows, geometry.columns):
        raise ScannerError(f"filter paths have shape {paths.shape}; must be [filter, row, column] of the geometry")
    mu = [filter_attenuation_per_mm(name, spectrum.energy_keV) for name in filters]
    passed = np.exp(
        -np.tensordot(paths.transpose(1, 2, 0), np.reshape(mu, (len(filters), len(spectrum.energy_keV))), 1)
    )
    photons = passed * spectrum.photons_per_mAs_per_mm2_at_1m * MM2_PER_SR * solid_angle(geometry)[..., None]
    share = photons / photons.sum()
    return Source(
        frame(geometry),
        jnp.asarray(share, jnp.float32),
        jnp.asarray(np.cumsum(share.ravel()), jnp.float32),
        jnp.asarray(spectrum.energy_keV, jnp.float32),
        float(photons.sum()),
        float((photons * spectrum.energy_keV).sum()),
    )


def points(frame: Frame, view: jax.Array, column: jax.Array, row: jax.Array) -> jax.Array:
    """Points of the detector at places from its corner, in cells [N, 3] [mm]."""
    c = (column - frame.cells[1] / 2 - frame.offset)[:, None]
    r = (row - frame.cells[0] / 2)[:, None]
    origin, centre, along, up = (a[view] for a in (frame.source, frame.centre, frame.along, frame.up))
    ahead = centre - origin
    distance = jnp.linalg.norm(ahead, axis=1, keepdims=True)
    pitch = jnp.linalg.norm(along, axis=1, keepdims=True)
    angle = c * pitch / distance
    arc = origin + ahead * jnp.cos(angle) + along * (distance / pitch * jnp.sin(angle))
    return jnp.where(frame.curved > 0, arc, centre + along * c) + up * r


class Photons(NamedTuple):
    """N photons at the focal spot: position and direction (x, y, z), energy [keV] and view, each [N]."""

    position: Vector
    direction: Vector
    energy: jax.Array
    view: jax.Array


@partial(jax.jit, static_argnames="count")
def emit(key: jax.Array, source: Source, count: int) -> Photons:
    """Draw photons, as many from each view (give or take one).

    Within a view they are stratified over all rows, columns and energies.
    """
    views = source.frame.source.shape[0]
    index = jnp.arange(count)
    view, order = index % views, index // views
    inside, column_share, row_share = jax.random.uniform(key, (3, count))
    u = (order + inside) / ((count - 1 - view) // views + 1)
    place = jnp.searchsorted(source.cumulated, u, side="right").clip(0, len(source.cumulated) - 1)
    cell, energy = jnp.divmod(place, len(source.energy_keV))
    row, column = jnp.divmod(cell, source.frame.cells[1].astype(jnp.int32))
    origin = source.frame.source[view]
    way = points(source.frame, view, column + column_share, row + row_share) - origin
    way /= jnp.linalg.norm(way, axis=1, keepdims=True)
    return Photons(tuple(origin.T), tuple(way.T), source.energy_keV[energy], view)
