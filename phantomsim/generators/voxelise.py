"""Closed meshes on a grid: for every column of voxels, where it enters and leaves the mesh.

Each triangle is scanned row by row like a polygon on a screen. Where a row crosses an edge is worked out from the
edge's two ends in one order, whichever triangle asks, and rows and columns are taken half open; so two triangles that
share an edge share every column between them, none twice and none left out, as if the columns were shifted by a hair. A
closed mesh therefore leaves every column as often as it enters it, exactly.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from phantomsim.errors import GridError
from phantomsim.formats.mesh import Mesh
from phantomsim.grid import Grid

#: Voxels; moves walls that lie exactly on voxel centres off them, beyond rounding, the same way for all meshes.
SHIFT = np.array([1.0, 1.414, 1.732]) * 1e-7
MAX_PAIRS = 2**21  # crossings that are worked on together; bounds memory


@dataclass(frozen=True)
class Crossings:
    """Where columns along z cross a mesh, sorted by height.

    Attributes:
        shape: of the grid, z, y, x.
        plane: first voxel centre above the crossing, int32 [N], 0 to shape[0]; at shape[0] none is.
        column: y * shape[2] + x, int64 [N].
        step: change of the winding number going up, int8 [N].
    """

    shape: tuple[int, int, int]
    plane: np.ndarray
    column: np.ndarray
    step: np.ndarray

    def slabs(self, planes: int) -> Iterator[tuple[slice, slice, np.ndarray]]:
        """The grid in slabs of `planes` planes: rows and columns of the smallest box around the mesh, and which voxel
        centres lie inside, bool [z, y, x] of that box; no plane at all where the slab is empty.

        Raises:
            GridError: a column enters more often than it leaves: the mesh has holes.
        """
        y, x = np.divmod(self.column, self.shape[2])
        rows, columns = (
            slice(int(v.min(initial=0)), int(v.max(initial=-1)) + 1) if len(v) else slice(0) for v in (y, x)
        )
        width = columns.stop - columns.start
        column = (y - rows.start) * width + x - columns.start
        winding = np.zeros((rows.stop - rows.start) * width, np.int8)  # modulo 256, at which no anatomy overlaps itself
        for first in range(0, self.shape[0], planes):
            last = min(first + planes, self.shape[0])
            low, high = np.searchsorted(self.plane, (first, last))
            count = last - first if high > low or winding.any() else 0
            levels = np.zeros((count, len(winding)), np.int8)
            at = (self.plane[low:high] - first).astype(np.int64) * len(winding) + column[low:high]
            np.add.at(levels.reshape(-1), at, self.step[low:high])
            for level in levels:  # by planes: several times faster than cumsum along the first axis
                level += winding
                winding = level
            yield rows, columns, (levels != 0).reshape(count, rows.stop - rows.start, width)
        winding = winding.copy()
        rest = np.searchsorted(self.plane, self.shape[0])
        np.add.at(winding, column[rest:], self.step[rest:])
        if winding.any():
            raise GridError("the mesh is not closed: columns enter it that do not leave it")


def crossings(mesh: Mesh, grid: Grid) -> Crossings:
    """Where the columns of a grid's voxel centres cross a closed mesh."""
    corners = grid.index(mesh.points_mm)[:, ::-1] + SHIFT  # x, y, z in voxels
    found = [c for part in _portions(corners, mesh.faces, grid.shape) for c in _scan(corners, part, grid.shape)]
    plane, column, step = (np.concatenate(c) for c in zip(*found)) if found else (np.zeros(0, int),) * 3
    order = np.argsort(plane, kind="stable")
    return Crossings(grid.shape, plane[order].astype(np.int32), column[order], step[order].astype(np.int8))


def inside(mesh: Mesh, grid: Grid) -> np.ndarray:
    """Which voxel centres lie inside a closed mesh, bool [z, y, x]. Where a mesh overlaps itself is inside too.

    Raises:
        GridError: the mesh has holes.
    """
    out = np.zeros(grid.shape, bool)
    for rows, columns, within in crossings(mesh, grid).slabs(grid.shape[0]):
        out[: len(within), rows, columns] = within
    return out


def _rows(low: np.ndarray, high: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """First row at or above `low`, and first at or above `high`, within the grid."""
    return tuple(np.clip(np.ceil(v), 0, count).astype(np.int64) for v in (low, high))  # type: ignore[return-value]


def _portions(corners: np.ndarray, faces: np.ndarray, shape: tuple[int, int, int]) -> Iterator[np.ndarray]:
    """Faces in portions of bounded work, without those between two rows."""
    y = corners[:, 1][faces]
    start, end = _rows(y.min(axis=1), y.max(axis=1), shape[1])
    tall = end > start
    work = np.cumsum((end - start)[tall])
    cuts = np.searchsorted(work, np.arange(MAX_PAIRS, int(work[-1]) if len(work) else 0, MAX_PAIRS))
    yield from np.split(faces[tall], cuts)


def _scan(corners: np.ndarray, faces: np.ndarray, shape: tuple[int, int, int]) -> Iterator[tuple[np.ndarray, ...]]:
    """Plane, column and step of the crossings of some faces."""
    y = corners[:, 1][faces]
    start, end = _rows(y.min(axis=1), y.max(axis=1), shape[1])
    face, row = _expand(start, end)
    down, up = (_edge(corners, faces[face], row, upward) for upward in (False, True))
    left, right = np.minimum(down[0], up[0]), np.maximum(down[0], up[0])
    first, last = _rows(left, right, shape[2])
    slope = (up[1] - down[1]) / np.where(up[0] == down[0], 1.0, up[0] - down[0])
    flat = np.minimum(down[1], up[1]), np.maximum(down[1], up[1])
    sign = np.where(up[0] > down[0], -1, 1)
    edges = np.searchsorted(np.cumsum(last - first), np.arange(MAX_PAIRS, int((last - first).sum()), MAX_PAIRS))
    for part in np.split(np.arange(len(face)), edges):
        line, x = _expand(first[part], last[part])
        line = part[line]
        z = np.clip(down[1][line] + slope[line] * (x - down[0][line]), flat[0][line], flat[1][line])
        plane = np.clip(np.ceil(z), 0, shape[0]).astype(np.int64)
        yield plane, row[line] * shape[2] + x, sign[line]


def _expand(start: np.ndarray, end: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Every whole number of each range, and which range it is of."""
    count = end - start
    which = np.repeat(np.arange(len(start)), count)
    return which, np.arange(len(which)) - np.repeat(np.cumsum(count) - count - start, count)


def _edge(corners: np.ndarray, faces: np.ndarray, row: np.ndarray, upward: bool) -> tuple[np.ndarray, np.ndarray]:
    """Where the one edge of each face that crosses its row, going up or down in y, does so: x and z."""
    a, b = faces, faces[:, [1, 2, 0]]
    ya, yb = corners[a, 1], corners[b, 1]
    crosses = (ya <= row[:, None]) != (yb <= row[:, None])
    which = (crosses & ((yb > ya) == upward)).argmax(axis=1)[:, None]
    a, b = (np.take_along_axis(e, which, 1)[:, 0] for e in (a, b))
    p, q = corners[np.minimum(a, b)], corners[np.maximum(a, b)]  # one order, whichever face asks
    t = (row - p[:, 1]) / (q[:, 1] - p[:, 1])
    return p[:, 0] + t * (q[:, 0] - p[:, 0]), p[:, 2] + t * (q[:, 2] - p[:, 2])
