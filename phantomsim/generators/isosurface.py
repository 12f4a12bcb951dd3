"""The surface where a field has one value: marching tetrahedra.

Every cube between eight voxels is cut into six tetrahedra along its long diagonal (Kuhn), the same way in all cubes, so
that neighbours agree; inside a tetrahedron the surface is one or two triangles (Doi and Koide 1991). Unlike marching
cubes no case is ambiguous: the surface is closed and every edge has two faces, whatever the field.
"""

from __future__ import annotations

import itertools

import numpy as np

from phantomsim.formats.mesh import Mesh
from phantomsim.grid import Grid

KEEP_OFF = 0.03  # parts of an edge that corners stay away from voxel centres, so that no triangle shrinks to a point


def _even(order: tuple[int, ...]) -> bool:
    return sum(a > b for a, b in itertools.combinations(order, 2)) % 2 == 0


def _cases() -> dict[int, list[tuple[tuple[int, int], ...]]]:
    """For each set of inside corners, as bits, triangles of edges (pairs of corners), that look outwards."""
    cases: dict[int, list[tuple[tuple[int, int], ...]]] = {}
    for a, b, c, d in filter(_even, itertools.permutations(range(4))):
        cases.setdefault(1 << a, [((a, b), (a, c), (a, d))])
        cases.setdefault(15 - (1 << a), [((a, b), (a, d), (a, c))])
        quad = ((a, c), (a, d), (b, d), (b, c))
        cases.setdefault((1 << a) | (1 << b), [quad[:3], (quad[0], quad[2], quad[3])])
    return cases


_CASES = _cases()
#: Corners of the six tetrahedra as steps along z, y, x, and whether each is turned the right way round.
_TETRAHEDRA = [
    (np.array([[0, 0, 0], np.eye(3, dtype=int)[p[0]], np.eye(3, dtype=int)[list(p[:2])].sum(0), [1, 1, 1]]), _even(p))
    for p in itertools.permutations(range(3))
]


def isosurface(field: np.ndarray, grid: Grid, level: float) -> Mesh:
    """The closed surface around what is above a level; beyond the grid the field is 0.

    Args:
        field: [z, y, x].
        level: above 0.
    Returns:
        Triangles that look outwards; none where nothing is above the level.
    """
    padded = np.pad(np.asarray(field, np.float32), 1)
    flat = padded.reshape(-1)
    inside = flat > level
    strides = np.array([padded.shape[1] * padded.shape[2], padded.shape[2], 1])
    base = _mixed(inside.reshape(padded.shape))
    found = []
    for steps, right in _TETRAHEDRA:
        corners = base[:, None] + steps @ strides
        case = inside[corners] @ (1 << np.arange(4))
        for bits, triangles in _CASES.items():
            here = corners[case == bits]
            for triangle in triangles:
                found.append(here[:, np.array(triangle if right else triangle[::-1])])
    ends = np.sort(np.concatenate(found), axis=-1)  # [triangle, corner, end of the edge]
    keys, faces = np.unique(ends[..., 0] * len(flat) + ends[..., 1], return_inverse=True)
    low, high = np.divmod(keys, len(flat))
    share = np.clip((level - flat[low]) / (flat[high] - flat[low]), KEEP_OFF, 1 - KEEP_OFF)[:, None]
    points = [np.stack(np.unravel_index(n, padded.shape), axis=1) - 1.0 for n in (low, high)]
    mesh = Mesh(grid.world(points[0] * (1 - share) + points[1] * share), faces.reshape(-1, 3))
    return mesh if _right_handed(grid) else Mesh(mesh.points_mm, mesh.faces[:, ::-1])


def _right_handed(grid: Grid) -> bool:
    """Indices run z, y, x and points x, y, z: the order itself mirrors once."""
    return float(np.linalg.det(np.asarray(grid.direction))) < 0


def _mixed(inside: np.ndarray) -> np.ndarray:
    """Flat index of the first corner of each cube that has corners on both sides."""
    count = np.zeros(tuple(n - 1 for n in inside.shape), np.uint8)
    for steps in itertools.product((0, 1), repeat=3):
        count += inside[tuple(slice(s, n - 1 + s) for s, n in zip(steps, inside.shape))]
    return np.ravel_multi_index(np.nonzero((count > 0) & (count < 8)), inside.shape)
