"""To and from the vector geometries of the ASTRA toolbox, as plain arrays; ASTRA itself is not needed and not used.

ASTRA (van Aarle et al., Opt. Express 24 (2016) 25129, doi:10.1364/OE.24.025129) describes each view by one row:

- `"cone_vec"`: source (x, y, z), middle of the detector, step from a column to the next, step from a row to the next;
- `"parallel3d_vec"`: the same, with the direction of the rays in place of the source;
- `"fanflat_vec"`, `"parallel_vec"`: the same in the plane, (x, y) alone and no rows: 6 numbers.

Its axes are ours: x to the right, y up (towards +y), z as a right hand has it, about the same isocentre, and lengths in
whatever unit the volume's window has: mm here. What differs:

- The middle of the detector is that of its cells, (C - 1) / 2; ours is where the central ray meets it.
- Data in 3D are [row, view, column]; ours are [view, row, column].
- Images in 2D begin at the largest y (row 0 is the top), volumes in 3D at the smallest; ours always at the smallest.
- Its geometries by angle have the source at R (sin a, -cos a): a = b + 180 deg, and its columns run against ours.

    vectors = astra.to_vectors(geometry)
    beam = toolbox.create_proj_geom(vectors.kind, vectors.rows, vectors.columns, vectors.table)
    window = toolbox.create_vol_geom(ny, nx, nz, *astra.window_mm((nz, ny, nx), spacing_mm, centre_mm))
"""

from __future__ import annotations

from typing import Literal, NamedTuple, get_args

import numpy as np

from phantomsim.errors import ScannerError
from phantomsim.scanners.ct.geometry import Geometry

Kind = Literal["cone_vec", "parallel3d_vec", "fanflat_vec", "parallel_vec"]
PLANAR = ("fanflat_vec", "parallel_vec")
PARALLEL = ("parallel3d_vec", "parallel_vec")


class Vectors(NamedTuple):
    """What ASTRA's `create_proj_geom` takes.

    Attributes:
        kind: name of the vector geometry.
        rows, columns: cells of the detector; planar kinds have one row and are not told of it.
        table: float64 [view, 12], planar [view, 6]; lengths in mm.
    """

    kind: Kind
    rows: int
    columns: int
    table: np.ndarray


def to_vectors(geometry: Geometry, planar: bool = False) -> Vectors:
    """The vector geometry of a flat detector.

    Args:
        geometry: flat; any orbit.
        planar: whether to leave out z; for one row in the plane z = 0.
    Raises:
        ScannerError: the detector is curved, or does not lie in the plane.
    """
    if geometry.detector != "flat":
        raise ScannerError(
            "the detector is curved; ASTRA's cone_vec and fanflat_vec are flat. Rebin, or make the geometry with"
            " flat_panel or fan(..., detector='flat')"
        )
    middle = geometry.centre_mm - geometry.column_offset * geometry.along_mm
    table = np.concatenate([geometry.source_mm, middle, geometry.along_mm, geometry.up_mm], -1)
    parallel = geometry.beam == "parallel"
    if not planar:
        return Vectors("parallel3d_vec" if parallel else "cone_vec", geometry.rows, geometry.columns, table)
    if geometry.rows != 1 or np.any(table[:, [2, 5, 8]] != 0):
        raise ScannerError(f"{geometry.rows} rows, or a source beyond the plane z = 0; planar takes one row in it")
    table = table[:, [0, 1, 3, 4, 6, 7]]
    return Vectors("parallel_vec" if parallel else "fanflat_vec", 1, geometry.columns, table)


def from_vectors(vectors: Vectors, row_mm: float | None = None) -> Geometry:
    """The geometry of ASTRA's vectors; it has no `orbit`, so only iterative reconstruction can use it.

    Args:
        vectors: of any kind above, lengths in mm.
        row_mm: height of the only row of planar kinds; by default the width of a column [mm].
    Raises:
        ScannerError: an unknown kind, or a table of another width.
    """
    if vectors.kind not in get_args(Kind):
        raise ScannerError(f'no vector geometry "{vectors.kind}"; allowed: {", ".join(get_args(Kind))}')
    table, width = np.asarray(vectors.table, float), 6 if vectors.kind in PLANAR else 12
    if table.ndim != 2 or table.shape[1] != width:
        raise ScannerError(f"{vectors.kind} has a table of shape {table.shape}; must be [view, {width}]")
    if vectors.kind in PLANAR:
        table = _with_z(table, float(np.linalg.norm(table[0, 4:])) if row_mm is None else row_mm)
    source, middle, along, up = np.split(table, 4, -1)
    beam: Literal["cone", "parallel"] = "cone"
    if vectors.kind in PARALLEL:
        beam, source = "parallel", source / np.linalg.norm(source, axis=-1, keepdims=True)
    rows = 1 if vectors.kind in PLANAR else vectors.rows
    return Geometry(source, middle, along, up, vectors.columns, rows, "flat", beam)


def _with_z(table: np.ndarray, row_mm: float) -> np.ndarray:
    """Planar rows as rows of 12, in the plane z = 0 with rows along z."""
    whole = np.zeros((len(table), 12))
    whole[:, [0, 1, 3, 4, 6, 7]] = table
    whole[:, 11] = row_mm
    return whole


def window_mm(
    shape: tuple[int, ...], spacing_mm: tuple[float, ...], centre_mm: np.typing.ArrayLike = (0.0, 0.0, 0.0)
) -> list[float]:
    """Edges of a volume in the order of ASTRA's `create_vol_geom`: min x, max x, min y, max y, and z in 3D [mm].

    Args:
        shape: (z, y, x), or (y, x).
        spacing_mm: along the same axes [mm].
        centre_mm: (x, y, z) of the volume's middle [mm].
    """
    half = 0.5 * np.asarray(shape[::-1]) * np.asarray(spacing_mm[::-1], float)
    centre = np.asarray(centre_mm, float)[: len(shape)]
    return [float(v) for low_high in zip(centre - half, centre + half) for v in low_high]
