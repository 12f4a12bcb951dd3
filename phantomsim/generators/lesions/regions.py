"""Parts of a phantom by name: tissues, organs, the ventricles, the inside of the skull; and distances from them."""

from __future__ import annotations

import fnmatch
from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from phantomsim.errors import TissueError
from phantomsim.grid import Grid
from phantomsim.phantom import Phantom

VENTRICLES = "*ventricle*"
BRAIN = ("grey-matter", "white-matter", "deep-grey-matter", "brain", "csf")
DEEP_MM = 20.0  # cerebrospinal fluid may be a ventricle's from this depth below the inner table on
LEAST_PART = 0.2  # of the largest such piece; smaller ones are left out
PARTED_MM = 1.0  # taken off all round, so that ventricles part from the cisterns that they touch
WHITE_WALL = 0.5  # share of a ventricle's wall that is white matter
COARSE_MM = 2.0  # voxels on which the depth below a wall is measured
FAR_MM = 3.0  # voxels on which distances are measured that only weigh places


def tissue_table(phantom: Phantom, names: Sequence[str]) -> np.ndarray:
    """Which tissue labels have one of the names, bool [256]."""
    table = np.zeros(256, bool)
    table[[i for i, t in enumerate(phantom.tissues) if t in names]] = True
    return table


def organ_names(phantom: Phantom, name: str) -> list[str]:
    """Organs that a name or a pattern such as "lung-*" means; none where it is a tissue's."""
    if phantom.organs is None or name in phantom.tissues:
        return []
    return [o for o in phantom.organs.names if o and fnmatch.fnmatchcase(o, name)]


def known(phantom: Phantom, names: Sequence[str]) -> list[str]:
    """Those names of tissues or organs that the phantom has."""
    return [n for n in names if n in phantom.tissues or organ_names(phantom, n)]


def mask(phantom: Phantom, names: Sequence[str]) -> np.ndarray:
    """Voxels whose label is one of some tissues or organs, bool [z, y, x]; a tissue goes before an organ of its name.

    Raises:
        TissueError: the phantom has none of them.
    """
    if not known(phantom, names):
        told = "" if phantom.organs is None else f"; its organs are {', '.join(phantom.organs.names[1:])}"
        raise TissueError(
            f"{phantom.facts.subject}: the phantom has no tissue or organ {' or '.join(names)}; "
            f"its tissues are {', '.join(phantom.tissues)}{told}"
        )
    found = tissue_table(phantom, names)[np.asarray(phantom.label)]
    organs = [o for name in names for o in organ_names(phantom, name)]
    if organs and phantom.organs is not None:
        table = np.isin(np.arange(256), [phantom.organs.names.index(o) for o in organs])
        found |= table[np.asarray(phantom.organs.label)]
    return found


def inside(phantom: Phantom) -> tuple[np.ndarray, tuple[slice, ...]]:
    """The brain and the fluid about it, its largest piece, bool; and the box that it is given in.

    Raises:
        TissueError: the phantom has no brain.
    """
    found = mask(phantom, BRAIN)
    box = bounds(found)
    pieces, count = ndimage.label(found[box])
    if count > 1:
        sizes = np.bincount(pieces.ravel())
        sizes[0] = 0
        return pieces == sizes.argmax(), box
    return found[box], box


def ventricles(phantom: Phantom) -> np.ndarray:
    """The ventricles, bool [z, y, x]: organs of that name, else told by their looks.

    They are told as fluid deep inside the skull in pieces too thick to be sulci, whose walls are white matter for a
    good part (those of cisterns are grey).

    Raises:
        TissueError: the phantom has none.
    """
    label = np.asarray(phantom.label)
    if organ_names(phantom, VENTRICLES):
        return mask(phantom, (VENTRICLES,)) & tissue_table(phantom, ("csf",))[label]
    brain, box = inside(phantom)
    label = label[box]
    fluid = tissue_table(phantom, ("csf",))[label]
    deep = fluid & (depth_mm(brain, phantom.grid) > DEEP_MM)
    core = deep & ~ndimage.binary_dilation(tissue_table(phantom, ("grey-matter",))[label])
    parted = round(PARTED_MM / max(phantom.grid.spacing_mm))
    core = ndimage.binary_erosion(core, iterations=parted) if parted else core
    found = _walled(core, fluid, tissue_table(phantom, ("white-matter",))[label], brain)
    if found is None:
        raise TissueError(f"{phantom.facts.subject}: the phantom has no ventricles that could be told")
    out = np.zeros(phantom.grid.shape, bool)
    out[box] = ndimage.binary_dilation(found, iterations=2 + parted) & fluid
    return out


def _walled(core: np.ndarray, fluid: np.ndarray, white: np.ndarray, brain: np.ndarray) -> np.ndarray | None:
    """The larger pieces with walls of white matter; None where there are none."""
    pieces, count = ndimage.label(core)
    sizes = np.bincount(pieces.ravel(), minlength=count + 1)
    kept, most = np.zeros(count + 1, bool), 0
    for i in np.argsort(-sizes[1:])[:12] + 1:  # from large to small; the rest are crumbs
        if sizes[i] < LEAST_PART * most:
            break
        cut = tuple(slice(max(0, b.start - 4), b.stop + 4) for b in bounds(pieces == i))
        shell = ndimage.binary_dilation(pieces[cut] == i, iterations=3) & ~fluid[cut] & brain[cut]
        if shell.any() and white[cut][shell].mean() >= WHITE_WALL:
            kept[i], most = True, max(most, int(sizes[i]))
    return kept[pieces] if kept.any() else None


def depth_mm(region: np.ndarray, grid: Grid) -> np.ndarray:
    """Distance of voxel centres from the outside of a region, on coarse voxels, interpolated [mm], float32 [z, y, x].

    Below 0 outside, but no measure of how far.
    """
    step = [max(1, round(COARSE_MM / d)) for d in grid.spacing_mm]
    padded = np.pad(region, [(s, s + (-n) % s) for n, s in zip(region.shape, step)])
    coarse = _pooled(padded, step)
    spacing = [d * s for d, s in zip(grid.spacing_mm, step)]
    half = 0.5 * min(spacing)
    distance = ndimage.distance_transform_edt(coarse >= 0.5, spacing).astype(np.float32) - half
    return _fine(distance, region.shape, step)  # outside: half a voxel below 0, so that the zero lies on the face


def far_mm(thing: np.ndarray, grid: Grid, points: np.ndarray) -> np.ndarray:
    """Distance of some voxels from a thing, on coarse voxels [mm].

    Args:
        thing: bool [z, y, x].
        points: indices (z, y, x) [N, 3].
    """
    box = bounds(thing)
    if box[0].stop == box[0].start or not len(points):
        return np.full(len(points), np.inf)
    low = np.minimum([b.start for b in box], points.min(axis=0))
    high = np.maximum([b.stop for b in box], points.max(axis=0) + 1)
    step = [max(1, round(FAR_MM / d)) for d in grid.spacing_mm]
    cut = thing[tuple(slice(int(a), int(b)) for a, b in zip(low, high))]
    coarse = _pooled(np.pad(cut, [(0, (-n) % s) for n, s in zip(cut.shape, step)]), step) > 0
    distance = ndimage.distance_transform_edt(~coarse, [d * s for d, s in zip(grid.spacing_mm, step)])
    return distance[tuple(((points - low) // step).T)]


def bounds(region: np.ndarray) -> tuple[slice, ...]:
    """The smallest box around a region; an empty one where there is nothing."""
    found = []
    for axis in range(3):
        line = np.flatnonzero(region.any(axis=tuple(a for a in range(3) if a != axis)))
        found.append(slice(int(line[0]), int(line[-1]) + 1) if len(line) else slice(0, 0))
    return tuple(found)


def _pooled(region: np.ndarray, step: list[int]) -> np.ndarray:
    """Share of each coarse voxel that is in the region."""
    total = np.zeros([n // s for n, s in zip(region.shape, step)], np.uint16)
    for z, y, x in np.ndindex(*step):
        total += region[z :: step[0], y :: step[1], x :: step[2]]
    return total.astype(np.float32) / np.float32(np.prod(step))


def _fine(coarse: np.ndarray, shape: tuple[int, ...], step: list[int]) -> np.ndarray:
    """Linear interpolation to the voxels that were pooled, after the padding of one coarse voxel in front."""
    out = coarse
    for axis, (n, s) in enumerate(zip(shape, step)):
        at = (np.arange(n) + 0.5) / s + 0.5  # index in coarse voxels, the first of which is the padding
        low = np.clip(np.floor(at).astype(int), 0, out.shape[axis] - 2)
        part = (at - low).astype(np.float32).reshape([-1 if a == axis else 1 for a in range(3)])
        out = np.take(out, low, axis) * (1 - part) + np.take(out, low + 1, axis) * part
    return out
