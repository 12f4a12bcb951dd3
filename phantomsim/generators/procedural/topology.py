"""What every body obeys: organs of one piece, one inside the other, on their own side."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from phantomsim.generators.procedural.cohort import Cohort
from phantomsim.laws import Law

_NEAR = np.ones((3, 3, 3), bool)  # voxels that share a corner touch


def pieces(mask: np.ndarray, least_voxels: int = 2) -> int:
    """Number of pieces of at least some voxels (what is thinner than a voxel breaks up into crumbs)."""
    boxes = ndimage.find_objects(mask.astype(np.uint8))
    if not boxes:
        return 0
    labels, _ = ndimage.label(mask[boxes[0]], _NEAR)
    return int((np.bincount(labels.ravel())[1:] >= least_voxels).sum())


def in_one_piece(people: Cohort, *organs: str, least_voxels: int = 2) -> Law:
    """Patients in whom some organs together are not of one piece."""
    found = [pieces(people.mask(i, *organs), least_voxels) != 1 for i in range(len(people.first))]
    what = f"patients of {len(found)} whose {' + '.join(organs)} is not of one piece"
    return Law(what, "topology", 0.0, float(sum(found)), 0.0)


def apart(people: Cohort, inner: tuple[str, ...], outer: tuple[str, ...]) -> Law:
    """Patients in whom any voxel of one group touches one of another (an organ and the room, say)."""
    found = []
    for i in range(len(people.first)):
        near = ndimage.binary_dilation(people.mask(i, *outer), ndimage.generate_binary_structure(3, 1))
        found.append(bool((near & people.mask(i, *inner)).any()))
    what = f"patients of {len(found)} where {', '.join(inner)} touch {', '.join(outer)}"
    return Law(what, "containment", 0.0, float(sum(found)), 0.0)


def beside(people: Cohort, left: str, right: str) -> Law:
    """Patients in whom the middle of the left organ is not to the left (x lower) of the right one's."""
    found = [not _middle_x(people.mask(i, left)) < _middle_x(people.mask(i, right)) for i in range(len(people.first))]
    what = f"patients of {len(found)} whose {left} is not left of their {right}"
    return Law(what, "left-right order", 0.0, float(sum(found)), 0.0)


def _middle_x(mask: np.ndarray) -> float:
    return float(np.nonzero(mask)[2].mean()) if mask.any() else float("nan")
