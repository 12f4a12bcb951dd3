"""From a mesh as it was exported to a closed solid: corners welded, faces turned outwards, holes told, parts united."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.sparse import coo_array, csgraph

from phantomsim.errors import FormatError
from phantomsim.formats.mesh import Mesh

WELD_MM = 1e-5  # corners nearer than this are one; float32 is good to 3e-5 mm at 256 mm from the origin


def solid(mesh: Mesh, name: str, repair: bool = False) -> Mesh:
    """A closed mesh that looks outwards, made of parts that do not overlap.

    Parts that overlap are united by manifold3d (https://github.com/elalish/manifold, Apache-2.0); where it finds one
    not to be a manifold they stay as they are. Parts that look inwards and lie inside another are its cavities.

    Args:
        name: of the file, for errors.
        repair: close holes by fans around their middles.
    Raises:
        FormatError: holes, or a surface with one side only.
    """
    mesh = wound(welded(mesh))
    if repair:
        mesh = wound(filled(mesh))
    check_closed(mesh, name)
    if mesh.volume_mL() < 0:
        mesh = Mesh(mesh.points_mm, mesh.faces[:, ::-1])
    parts = split(mesh)
    boxes = [(p.points_mm.min(axis=0), p.points_mm.max(axis=0)) for p in parts]
    hollow = [p.volume_mL() < 0 for p in parts]
    within = [any(not hollow[j] and _in(box, boxes[j]) for j in range(len(parts))) for box in boxes]
    outward = [Mesh(p.points_mm, p.faces[:, ::-1]) if h else p for p, h in zip(parts, hollow)]
    cavity = [h and w for h, w in zip(hollow, within)]
    return united(outward, cavity) if _any_meet(boxes) else joined(outward)


def welded(mesh: Mesh) -> Mesh:
    """Corners at one place made one; faces without area, and the second of two equal faces, left out."""
    first, which = _distinct(np.rint(mesh.points_mm / WELD_MM))
    faces = which[mesh.faces]
    faces = faces[(faces[:, 0] != faces[:, 1]) & (faces[:, 1] != faces[:, 2]) & (faces[:, 2] != faces[:, 0])]
    turned = np.take_along_axis(faces, (faces.argmin(axis=1)[:, None] + np.arange(3)) % 3, axis=1)
    return Mesh(mesh.points_mm[first], turned[np.sort(_distinct(turned)[0])])


def wound(mesh: Mesh) -> Mesh:
    """Neighbouring faces made to look to the same side, as most of each part did."""
    # Every face twice, as it is and turned round; faces that agree are joined, so each part falls into two halves.
    edge, side, along = _edges(mesh.faces)
    pair = _pairs(edge)
    a, b, agree = side[pair] // 3, side[pair + 1] // 3, along[pair] != along[pair + 1]
    n = len(mesh.faces)
    other = np.where(agree, b, b + n)
    half = _pieces(np.concatenate([a, a + n]), np.concatenate([other, (other + n) % (2 * n)]), 2 * n)
    votes = np.bincount(half[:n], minlength=half.max(initial=0) + 1)
    turn = votes[half[:n]] < votes[half[n:]]
    return Mesh(mesh.points_mm, np.where(turn[:, None], mesh.faces[:, ::-1], mesh.faces))


def check_closed(mesh: Mesh, name: str) -> None:
    """Raises FormatError, with where, for a mesh with holes or with one side only."""
    rim = boundary(mesh)
    if len(rim):
        corners, at = np.unique(rim, return_inverse=True)
        a, b = at.reshape(rim.shape).T
        holes = _pieces(a, b, len(corners)).max() + 1
        near = ", ".join(f"({x:.1f}, {y:.1f}, {z:.1f})" for x, y, z in mesh.points_mm[rim[:3, 0]])
        raise FormatError(
            f"{name}: the mesh has {holes} holes ({len(rim)} open edges, near {near} mm). Close them in a mesh editor; "
            "parts of from-meshes may say `repair = true`"
        )
    edge, _, along = _edges(mesh.faces)
    if len(edge) == 0 or np.bincount(edge, np.where(along, 1, -1)).any():
        raise FormatError(f"{name}: the surface has no inside: faces that meet do not agree. Mend it in a mesh editor")


def boundary(mesh: Mesh) -> np.ndarray:
    """Edges of an odd number of faces, as they run in one of those [N, 2]."""
    edge, side, _ = _edges(mesh.faces)
    odd = np.bincount(edge) % 2 == 1
    first = odd[edge] & np.append(True, edge[1:] != edge[:-1])[: len(edge)]
    return _sides(mesh.faces)[side[first]]


def filled(mesh: Mesh) -> Mesh:
    """Holes closed by a fan around the middle of each."""
    rim = boundary(mesh)
    if not len(rim):
        return mesh
    corners, at = np.unique(rim, return_inverse=True)
    at = at.reshape(rim.shape)
    hole = _pieces(at[:, 0], at[:, 1], len(corners))
    middle = np.stack([np.bincount(hole, x) for x in mesh.points_mm[corners].T], axis=1) / np.bincount(hole)[:, None]
    fan = np.stack([rim[:, 1], rim[:, 0], len(mesh.points_mm) + hole[at[:, 0]]], axis=1)
    return Mesh(np.concatenate([mesh.points_mm, middle]), np.concatenate([mesh.faces, fan]))


def split(mesh: Mesh) -> list[Mesh]:
    """The parts that hang together by edges."""
    edge, side, _ = _edges(mesh.faces)
    pair = _pairs(edge)
    part = _pieces(side[pair] // 3, side[pair + 1] // 3, len(mesh.faces))
    groups = np.split(mesh.faces[np.argsort(part, kind="stable")], np.cumsum(np.bincount(part))[:-1])
    found = [np.unique(faces, return_inverse=True) for faces in groups]
    return [Mesh(mesh.points_mm[used], at.reshape(-1, 3)) for used, at in found]


def united(parts: Sequence[Mesh], cavity: Sequence[bool]) -> Mesh:
    """The union of the parts that are none, without the cavities."""
    import manifold3d

    bodies = [
        manifold3d.Manifold(
            manifold3d.Mesh64(np.ascontiguousarray(p.points_mm), np.ascontiguousarray(p.faces, dtype=np.uint64))
        )
        for p in parts
    ]
    if any(b.status() != manifold3d.Error.NoError for b in bodies):
        return joined([Mesh(p.points_mm, p.faces[:, ::-1]) if c else p for p, c in zip(parts, cavity)])
    whole = manifold3d.Manifold.batch_boolean([b for b, c in zip(bodies, cavity) if not c], manifold3d.OpType.Add)
    for hole in (b for b, c in zip(bodies, cavity) if c):
        # What only stands beside another part was exported inside out.
        whole = whole - hole if (whole ^ hole).volume() > hole.volume() / 2 else whole + hole
    out = whole.to_mesh64()
    return Mesh(np.asarray(out.vert_properties)[:, :3].copy(), np.asarray(out.tri_verts).astype(np.int64))


def joined(parts: Sequence[Mesh]) -> Mesh:
    """All parts as one mesh, none changed."""
    starts = np.cumsum([0, *(len(p.points_mm) for p in parts)])
    return Mesh(
        np.concatenate([p.points_mm for p in parts]), np.concatenate([p.faces + s for p, s in zip(parts, starts)])
    )


def _sides(faces: np.ndarray) -> np.ndarray:
    """From and to of the three sides of each face [3 F, 2]."""
    return np.stack([faces, np.roll(faces, -1, axis=1)], axis=-1).reshape(-1, 2)


def _edges(faces: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For each side of each face, sorted by edge: the edge's number, the side's (face x 3), whether it runs along."""
    sides = _sides(faces)
    low, high = sides.min(axis=1), sides.max(axis=1)
    _, edge = np.unique(low * (faces.max(initial=0) + 1) + high, return_inverse=True)
    order = np.argsort(edge, kind="stable")
    return edge[order], order, (sides[:, 0] == low)[order]


def _pairs(edge: np.ndarray) -> np.ndarray:
    """Where, in what is sorted by edge, an edge of exactly two faces begins."""
    twice = np.bincount(edge)[edge] == 2 if len(edge) else np.zeros(0, bool)
    return np.flatnonzero(twice[1:] & (edge[1:] == edge[:-1]))


def _pieces(a: np.ndarray, b: np.ndarray, count: int) -> np.ndarray:
    """Which connected piece each of `count` nodes is in, by edges from a to b."""
    return csgraph.connected_components(coo_array((np.ones(len(a), bool), (a, b)), (count, count)), directed=False)[1]


def _distinct(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Indices of the first of each distinct row, and which of them each row is."""
    order = np.lexsort(rows.T)
    new = np.append(True, (rows[order[1:]] != rows[order[:-1]]).any(axis=1))[: len(rows)]
    which = np.empty(len(rows), np.int64)
    which[order] = np.cumsum(new) - 1
    return order[new], which


def _in(inner: tuple[np.ndarray, np.ndarray], outer: tuple[np.ndarray, np.ndarray]) -> bool:
    return bool((inner[0] >= outer[0]).all() and (inner[1] <= outer[1]).all())


def _any_meet(boxes: list[tuple[np.ndarray, np.ndarray]]) -> bool:
    """Whether any two boxes overlap or touch; sorted by their lower x, so that far ones are not compared."""
    low, high = (np.array(b) for b in zip(*boxes))
    order = np.argsort(low[:, 0])
    low, high = low[order], high[order]
    for i in range(len(low) - 1):
        near = slice(i + 1, int(np.searchsorted(low[:, 0], high[i, 0], "right")))
        if ((low[near] <= high[i]) & (high[near] >= low[i])).all(axis=1).any():
            return True
    return False
