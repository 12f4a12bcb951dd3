"""Parts of a phantom by name: tissues, organs, the ventricles, the inside of the skull; and distances from them."""

from __future__ import annotations

import fnmatch
import functools
from collections.abc import Sequence
from types import EllipsisType

import numpy as np
from scipy import ndimage

from phantomsim.errors import TissueError
from phantomsim.generators.lesions.boxes import bounds, cut_out, grown, inner, pooled, widened, within
from phantomsim.generators.lesions.distances import Depth, coarse_step
from phantomsim.generators.lesions.known import near
from phantomsim.phantom import Phantom

VENTRICLES = "*ventricle*"
BRAIN = ("grey-matter", "white-matter", "deep-grey-matter", "brain", "csf")
DEEP_MM = 20.0  # cerebrospinal fluid may be a ventricle's from this depth below the inner table on
LEAST_PART = 0.2  # of the largest such piece; smaller ones are left out
PARTED_MM = 1.0  # taken off all round, so that ventricles part from the cisterns that they touch
WHITE_WALL = 0.5  # share of a ventricle's wall that is white matter
NEAR = 6  # voxels about the deep of the brain in which walls of ventricles are looked at
PLANES = 4  # that are looked at together: caches hold them
FEW = 6  # runs of labels up to which voxels are compared with each: quicker than a look-up


def tissue_table(phantom: Phantom, names: Sequence[str]) -> np.ndarray:
    """Which tissue labels have one of the names, bool [256]."""
    table = np.zeros(256, bool)
    table[[i for i, t in enumerate(phantom.tissues) if t in names]] = True
    return table


def among(label: np.ndarray, table: np.ndarray) -> np.ndarray:
    """Voxels whose label is in a table, bool [z, y, x]."""
    steps = np.diff(np.concatenate([[False], table, [False]]).view(np.int8))
    runs = list(zip(np.flatnonzero(steps == 1), np.flatnonzero(steps == -1)))
    if len(runs) > FEW:
        return table[label]
    found = np.zeros(label.shape, bool)
    if not runs:
        return found
    z, y, x = (slice(0, n) for n in label.shape) if table[0] else bounds(label)  # without the air about the body
    for first in range(z.start, z.stop, PLANES):
        some = (slice(first, min(first + PLANES, z.stop)), y, x)
        part = np.ascontiguousarray(label[some])  # whole, which is quicker than row by row
        # What is below a run wraps to the top.
        each = [part - np.uint8(low) < int(end - low) for low, end in runs]
        found[some] = functools.reduce(lambda a, b: np.bitwise_or(a, b, out=a), each)
    return found


def organ_names(phantom: Phantom, name: str) -> list[str]:
    """Organs that a name or a pattern such as "lung-*" means; none where it is a tissue's."""
    if phantom.organs is None or name in phantom.tissues:
        return []
    return [o for o in phantom.organs.names if o and fnmatch.fnmatchcase(o, name)]


def known(phantom: Phantom, names: Sequence[str]) -> list[str]:
    """Those names of tissues or organs that the phantom has."""
    return [n for n in names if n in phantom.tissues or organ_names(phantom, n)]


def mask(phantom: Phantom, names: Sequence[str], box: tuple[slice, ...] | EllipsisType = ...) -> np.ndarray:
    """Voxels of a box whose label is one of some tissues or organs; a tissue goes before an organ of its name.

    Raises:
        TissueError: the phantom has none of them.
    """
    require(phantom, names)
    found = among(np.asarray(phantom.label)[box], tissue_table(phantom, names))
    organs = [o for name in names for o in organ_names(phantom, name)]
    if organs and phantom.organs is not None:
        table = np.isin(np.arange(256), [phantom.organs.names.index(o) for o in organs])
        found |= among(np.asarray(phantom.organs.label)[box], table)
    return found


def require(phantom: Phantom, names: Sequence[str]) -> None:
    """Raises TissueError where the phantom has none of some tissues or organs."""
    if not known(phantom, names):
        there = (*phantom.tissues, *(() if phantom.organs is None else phantom.organs.names[1:]))
        told = f"the phantom has no tissue or organ {' or '.join(names)}; {near(names, there)}"
        raise TissueError(f"{phantom.facts.subject}: {told}")


def inside(phantom: Phantom) -> tuple[np.ndarray, tuple[slice, ...], np.ndarray]:
    """The brain and the fluid about it, its largest piece, bool; the box that it is given in; shares of coarse voxels.

    Raises:
        TissueError: the phantom has no brain.
    """
    body = bounds(np.asarray(phantom.label))
    found, box = cut_out(mask(phantom, BRAIN, body), body)
    step = coarse_step(phantom.grid)
    share = pooled(found, step)  # pieces are told on coarse voxels, which is quicker
    pieces, count = ndimage.label(share > 0)
    if count < 2:
        return found, box, share
    largest = pieces == np.bincount(pieces.ravel(), share.ravel())[1:].argmax() + 1
    share *= largest
    for axis, (s, b) in enumerate(zip(step, box)):
        largest = np.repeat(largest, s, axis).take(np.arange(b.stop - b.start), axis)
    return found & largest, box, share


def ventricles(
    phantom: Phantom, brain: np.ndarray, depth: Depth, box: tuple[slice, ...]
) -> tuple[np.ndarray, tuple[slice, ...]]:
    """The ventricles, bool of a box, and the box: organs of that name, else told by their looks.

    They are told as fluid deep inside the skull in pieces too thick to be sulci, whose walls are white matter for a
    good part (those of cisterns are grey).

    Args:
        brain, depth, box: the inside of the skull, its depth, and where it lies.
    Raises:
        TissueError: the phantom has none.
    """
    label = np.asarray(phantom.label)[box]
    if organ_names(phantom, VENTRICLES):
        return cut_out(mask(phantom, (VENTRICLES,), box) & among(label, tissue_table(phantom, ("csf",))), box)
    deep = np.stack([depth[z] > DEEP_MM for z in range(len(brain))])
    near = widened(bounds(deep), NEAR, deep.shape)  # what lies further from the deep is not looked at
    part = np.ascontiguousarray(label[near])
    fluid, grey, white = (
        among(part, tissue_table(phantom, (name,))) for name in ("csf", "grey-matter", "white-matter")
    )
    core = deep[near] & fluid & ~grown(grey, 1)
    parted = round(PARTED_MM / max(phantom.grid.spacing_mm))
    core = ~grown(~core, parted)
    found = _walled(core, fluid, white, brain[near])
    if found is None:
        raise TissueError(f"{phantom.facts.subject}: the phantom has no ventricles that could be told")
    about = widened(bounds(found), 2 + parted, found.shape)
    return cut_out(grown(found[about], 2 + parted) & fluid[about], within(about, within(near, box)))


def _walled(core: np.ndarray, fluid: np.ndarray, white: np.ndarray, brain: np.ndarray) -> np.ndarray | None:
    """The larger pieces with walls of white matter; None where there are none."""
    if not core.any():
        return None
    own = bounds(core)
    pieces, count = ndimage.label(core[own])
    sizes = np.bincount(pieces.ravel(), minlength=count + 1)
    boxes = ndimage.find_objects(pieces)
    kept, most = np.zeros(count + 1, bool), 0
    for i in np.argsort(-sizes[1:])[:12] + 1:  # from large to small; the rest are crumbs
        if sizes[i] < LEAST_PART * most:
            break
        cut = widened(within(boxes[i - 1], own), 4, core.shape)
        piece = np.zeros([c.stop - c.start for c in cut], bool)
        piece[inner(own, cut)] = pieces[inner(cut, own)] == i
        shell = grown(piece, 3) & ~fluid[cut] & brain[cut]
        if shell.any() and white[cut][shell].mean() >= WHITE_WALL:
            kept[i], most = True, max(most, int(sizes[i]))
    if not kept.any():
        return None
    found = np.zeros(core.shape, bool)
    found[own] = kept[pieces]
    return found
