"""What can be measured of an anatomy, real or made, by the same ruler."""

from __future__ import annotations

import contextlib

import numpy as np
from scipy import ndimage
from scipy.spatial import ConvexHull, QhullError

from phantomsim.generators.body import largest_piece
from phantomsim.generators.clean import TOUCHING
from phantomsim.generators.deformable import layer
from phantomsim.generators.deformable.spec import Deformable

GIRTH_FROM_MM, GIRTH_TO_MM, GIRTH_STEP_MM = 0.0, 70.0, 4.0  # heights above the centre where the girth is sought
GIRTH_REACH_MM = 160.0  # of its planes, from the centre


def measure(
    spec: Deformable,
    structures: tuple[str, ...],
    of_structure: np.ndarray,
    label: np.ndarray,
    spacing_mm: tuple[float, ...],
    rotation: np.ndarray | None = None,
) -> dict[str, float]:
    """Volumes of the generator's quantities, the layer's thickness, the girth, and pieces of what should be whole.

    Args:
        label: structure numbers [z, y, x].
        rotation: of the person against the mean; the layer's rays and the girth's planes are turned by it.
    Returns:
        By name with unit: quantities, the layer, `girth_mm` (the head's circumference), `pieces_NAME` for the first
        structure of each whole.
    """
    names = [g.name for g in spec.groups]
    group = of_structure[label]
    found = volumes_mL(spec, group, float(np.prod(spacing_mm)) / 1000)
    centre = centre_mm(np.isin(group, [names.index(g) for g in spec.training.centre_on]), spacing_mm)
    if spec.layer:
        made_of = np.isin(of_structure, [names.index(g) for g in spec.layer.of])
        found[spec.layer.name] = layer.along_rays(
            label, np.zeros(3), spacing_mm, made_of, spec.layer.elevation_deg, rotation, centre
        )
    # Label maps of scans have voxels that float about the body, which would widen its outline.
    found["girth_mm"] = girth_mm(largest_piece(group)[0] > 0, spacing_mm, centre, rotation)
    for whole in spec.whole:
        found[f"pieces_{whole[0]}"] = float(pieces(label, [structures.index(s) for s in whole]))
    return found


def volumes_mL(spec: Deformable, group: np.ndarray, voxel_mL: float) -> dict[str, float]:
    """Volumes of the generator's quantities [mL], counted in group numbers [z, y, x]."""
    names = [g.name for g in spec.groups]
    counts = np.bincount(group.ravel(), minlength=len(names)) * voxel_mL
    return {q: float(sum(counts[names.index(g)] for g in parts)) for q, parts in spec.quantities.items()}


def centre_mm(mask: np.ndarray, spacing_mm: tuple[float, ...]) -> np.ndarray:
    """Centre of mass (z, y, x), from the middle of voxel 0 [mm]."""
    sums = [mask.sum(axis=tuple(b for b in range(3) if b != a), dtype=float) for a in range(3)]
    return np.array([s @ np.arange(len(s)) / s.sum() * d for s, d in zip(sums, spacing_mm)])


def girth_mm(
    body: np.ndarray, spacing_mm: tuple[float, ...], centre_mm: np.ndarray, rotation: np.ndarray | None = None
) -> float:
    """Longest convex outline of planes above the centre [mm]: axial ones, or those that are axial once turned back.

    The hull goes through the centres of edge samples; an outline half a step further out is pi steps longer.

    Args:
        rotation: of the person against the mean, [3, 3] (z, y, x): heads that nod are not cut aslant.
    """
    turn = np.eye(3) if rotation is None else np.asarray(rotation)
    step = float(np.mean(spacing_mm[1:]))
    across = np.arange(-GIRTH_REACH_MM, GIRTH_REACH_MM + step, step)
    y, x = np.meshgrid(across, across, indexing="ij")
    longest = 0.0
    for height in np.arange(GIRTH_FROM_MM, GIRTH_TO_MM, GIRTH_STEP_MM):
        places = np.stack([np.full_like(y, height), y, x], axis=-1) @ turn.T + centre_mm
        index = np.rint(places / np.array(spacing_mm)).astype(int)
        there = ((index >= 0) & (index < body.shape)).all(axis=-1)
        plane = body[tuple(np.moveaxis(np.clip(index, 0, np.array(body.shape) - 1), -1, 0))] & there
        edge = np.argwhere(plane & ~ndimage.binary_erosion(plane)) * step
        if len(edge) < 3:
            continue
        with contextlib.suppress(QhullError):  # all in one line, as at the tip of an ear
            longest = max(longest, float(ConvexHull(edge).area))  # of a plane figure, `area` is the outline's length
    return longest + np.pi * step


def pieces(label: np.ndarray, numbers: list[int]) -> int:
    """Number of pieces of a set of structures, touching by faces, edges or corners."""
    mask = np.isin(label, numbers)
    boxes = ndimage.find_objects(mask.astype(np.uint8))
    return int(ndimage.label(mask[boxes[0]], TOUCHING)[1]) if boxes else 0
