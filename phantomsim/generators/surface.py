"""Closed surfaces of a phantom's organs, tissues and lesions, for printing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from scipy import ndimage

from phantomsim.formats.mesh import Mesh
from phantomsim.generators.isosurface import isosurface
from phantomsim.grid import Grid
from phantomsim.phantom import Phantom

SMOOTH_VOXELS = 0.7  # SD of the Gaussian that takes the steps off; half a voxel's corners
SIMPLIFY_VOXELS = (0.1, 0.03)  # how far triangles that are merged may lie from those that were; the first that will do
TOLERANCE = 0.005  # of the volume, twice: from the phantom to the surface, from that to the simpler one
TRIES = 3
LEAST = 1e-3  # fractions below are none
POINTS = 2**19  # at which a field is looked at to know which volume lies above each level


def surfaces(phantom: Phantom) -> Iterator[tuple[str, str, float, Mesh]]:
    """Kind ("tissue", "organ" or "lesion"), name, volume in the phantom [mL] and surface of each part that is there.

    Air has none. Lesions that are not present have none.
    """
    for name in phantom.tissues:
        if name != "air":
            yield from _one("tissue", name, np.asarray(phantom.fraction(name)), phantom.grid)
    if phantom.organs is not None:
        for name in phantom.organs.names[1:]:
            yield from _one("organ", name, phantom.organs.mask(name), phantom.grid)
    for number, lesion in enumerate(phantom.lesions, 1):
        share = np.zeros(phantom.grid.shape, np.float32)
        box = np.asarray(lesion.overlay.fraction) * lesion.present
        share[tuple(slice(int(s), int(s) + n) for s, n in zip(lesion.overlay.start, box.shape))] = box
        yield from _one("lesion", f"{number}-{lesion.tissue}", share, phantom.grid)


def _one(kind: str, name: str, share: np.ndarray, grid: Grid) -> Iterator[tuple[str, str, float, Mesh]]:
    box = ndimage.find_objects((share > 0).astype(np.uint8))
    if box:
        wide = tuple(slice(max(0, b.start - 3), b.stop + 3) for b in box[0])
        part = np.asarray(share[wide], np.float32)
        own = grid.crop(tuple(b.start for b in wide), part.shape)  # type: ignore[arg-type]
        mesh = surface(part, own)
        if len(mesh.faces):
            yield kind, name, float(part.sum(dtype=float)) * grid.voxel_mL, mesh


def surface(share: np.ndarray, grid: Grid) -> Mesh:
    """A smooth closed surface that holds the volume of a part.

    Args:
        share: volume fractions, float32 [z, y, x].
    Returns:
        Triangles in mm, RAS+; none where all is thinner than can be drawn.
    """
    sigma = SMOOTH_VOXELS * min(grid.spacing_mm)
    smooth = ndimage.gaussian_filter(share, [sigma / d for d in grid.spacing_mm], mode="constant")
    values, voxels_each = _scattered(smooth)
    wanted = aim = float(share.sum(dtype=float))
    for _ in range(TRIES):  # what is linear in tetrahedra is not quite so in cubes
        mesh = isosurface(smooth, grid, _level(values, aim / voxels_each))
        found = mesh.volume_mL() / grid.voxel_mL if len(mesh.faces) else 0.0
        if found == 0 or abs(found - wanted) <= TOLERANCE * wanted:
            break
        aim *= wanted / found
    return simplified(mesh, [s * min(grid.spacing_mm) for s in SIMPLIFY_VOXELS]) if len(mesh.faces) else mesh


def _scattered(field: np.ndarray) -> tuple[np.ndarray, float]:
    """A field's values at points strewn evenly over where it is not 0, falling; and the voxels that each stands for."""
    near = np.argwhere(ndimage.maximum_filter(field, 3) > LEAST)
    each = max(1, POINTS // max(1, len(near)))
    strewn = np.random.default_rng(0).random((3, each, len(near)), np.float32) - 0.5 + near.T[:, None]
    values = ndimage.map_coordinates(field, strewn.reshape(3, -1), order=1, mode="constant")
    return np.sort(values)[::-1], 1 / each


def _level(falling: np.ndarray, count: float) -> float:
    """The value that as many of the values lie above."""
    if not len(falling) or falling[0] <= LEAST:
        return 0.5
    return float(np.clip(falling[min(int(count), len(falling) - 1)], LEAST, 0.999 * falling[0]))


def simplified(mesh: Mesh, tolerances_mm: Sequence[float]) -> Mesh:
    """Fewer triangles, none further off than the first tolerance that leaves the volume; else as it is."""
    import manifold3d

    points, faces = np.ascontiguousarray(mesh.points_mm), np.ascontiguousarray(mesh.faces, dtype=np.uint64)
    body = manifold3d.Manifold(manifold3d.Mesh64(points, faces))
    if body.status() != manifold3d.Error.NoError:
        return mesh
    for tolerance in tolerances_mm:
        simple = body.simplify(tolerance)
        if abs(simple.volume() / body.volume() - 1) <= TOLERANCE:
            out = simple.to_mesh64()
            return Mesh(np.asarray(out.vert_properties)[:, :3].copy(), np.asarray(out.tri_verts).astype(np.int64))
    return mesh
