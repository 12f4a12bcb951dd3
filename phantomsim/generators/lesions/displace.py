"""The anatomy after a flow: every voxel takes what lay where its matter comes from, as fractions of tissues.

Labels are not moved by the nearest voxel, which tears thin parts: each of the eight voxels around a point gives its
tissues by its weight, and the label is the tissue that has most, the next two are overlays.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np
from scipy import ndimage

from phantomsim.generators.lesions.boxes import bounds, within
from phantomsim.generators.lesions.flow import Flow
from phantomsim.generators.lesions.shares import NONE, Layers, even, flat_index, gathered, overlaid, pure
from phantomsim.generators.partial import EVEN, LAYERS
from phantomsim.phantom import Anatomy, Lesion, Organs, Overlay, Phantom, boxed

STILL = 0.02  # voxels: what moves less stays
CHUNK = 2**16  # voxels of several tissues that are mixed at a time
LEAST = 0.05  # share of a voxel's source that must have moved; below, the voxel keeps what it has

Moves = list[tuple[np.ndarray, np.ndarray]]  # flat indices of voxels, and where they come from, index (z, y, x) [3, N]


def displaced(phantom: Phantom, flow: Flow, moves: np.ndarray) -> Phantom:
    """The patient with its anatomy and the lesions that are there moved; volumes of lesions are measured again.

    Args:
        moves: by tissue, whether it moves, bool [256]; the others stay where they are.
    Returns:
        The same phantom without `twins`, of which the caller keeps the earlier one.
    """
    box = _box(phantom, flow)
    moved = list(_moving(phantom, flow, moves, box))
    label, overlays = _tissues(phantom, moved, moves, box)
    density = phantom.density
    if np.ndim(density) == 3:
        density = _resampled(np.asarray(density), moved)
    organs = phantom.organs
    if organs is not None:
        names, old = np.array(organs.label), np.asarray(organs.label)
        for where, source in moved:
            names.reshape(-1)[where] = old.reshape(-1)[flat_index(np.rint(source).astype(np.int32), old.shape)]
        organs = Organs(names, organs.names)
    lesions = tuple(_lesion(s, phantom, moved) for s in phantom.lesions)
    return dataclasses.replace(
        phantom, label=label, density=density, overlays=overlays, organs=organs, lesions=lesions, twins=None
    )


def anatomy(phantom: Phantom) -> Anatomy:
    """What of a phantom moves."""
    return Anatomy(phantom.label, phantom.density, phantom.overlays, phantom.organs)


def _box(phantom: Phantom, flow: Flow) -> tuple[slice, ...]:
    """The voxels that the flow's coarse ones cover."""
    first = phantom.grid.index(flow.grid.world((0, 0, 0)))
    step = np.asarray(flow.grid.spacing_mm) / np.asarray(phantom.grid.spacing_mm)
    low = np.maximum(np.floor(first - step / 2 + 0.5).astype(int), 0)
    high = np.minimum(np.ceil(first + step * (np.array(flow.grid.shape) - 0.5) + 0.5).astype(int), phantom.grid.shape)
    return tuple(slice(int(a), int(b)) for a, b in zip(low, high))


def _moving(
    phantom: Phantom, flow: Flow, moves: np.ndarray, box: tuple[slice, ...]
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Voxels that move, plane by plane, which stays in the cache; see `Moves`."""
    grid, label = phantom.grid, np.asarray(phantom.label)
    first = phantom.grid.index(flow.grid.world((0, 0, 0)))
    step = np.asarray(flow.grid.spacing_mm) / np.asarray(grid.spacing_mm)
    at = [(np.arange(b.start, b.stop) - f) / s for b, f, s in zip(box, first, step)]
    rows = [
        _upsampled(_upsampled(u / np.float32(d), at[1], 1), at[2], 2) for u, d in zip(flow.back_mm, grid.spacing_mm)
    ]
    y, x = (np.arange(b.start, b.stop, dtype=np.float32) for b in box[1:])
    rest = [np.float32(0), y[:, None], x]
    for z, u in zip(range(box[0].start, box[0].stop), at[0]):
        low, part = _between(np.array([u]), rows[0].shape[0])
        shift = [r[low[0]] * (1 - part[0]) + r[min(low[0] + 1, len(r) - 1)] * part[0] for r in rows]
        far = np.maximum(np.maximum(np.abs(shift[0]), np.abs(shift[1])), np.abs(shift[2])) > STILL
        here = np.flatnonzero(far & moves[label[z][box[1:]]])
        row, column = np.divmod(here, len(x))
        where = (z * grid.shape[1] + row + box[1].start) * grid.shape[2] + column + box[2].start
        rest[0] = np.float32(z)
        yield where, np.stack([(r + s).ravel()[here] for r, s in zip(rest, shift)])


def _between(at: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Of two neighbours the lower, and the share of the upper; the edge repeats outside."""
    low = np.clip(np.floor(at).astype(int), 0, max(count - 2, 0))
    return low, np.clip(at - low, 0, 1).astype(np.float32)


def _upsampled(field: np.ndarray, at: np.ndarray, axis: int) -> np.ndarray:
    """Linear interpolation along one axis."""
    low, part = _between(at, field.shape[axis])
    part = part.reshape([-1 if a == axis else 1 for a in range(3)])
    high = np.minimum(low + 1, field.shape[axis] - 1)
    return np.take(field, low, axis) * (1 - part) + np.take(field, high, axis) * part


def _tissues(
    phantom: Phantom, moved: Moves, moves: np.ndarray, box: tuple[slice, ...]
) -> tuple[np.ndarray, tuple[Overlay, ...]]:
    """Labels and overlays; most voxels come whole from one tissue, which is quick to see."""
    label, whole_of, single = np.array(phantom.label), even(phantom, box), pure(phantom)
    still = np.zeros(NONE + 1, bool)
    still[:NONE] = moves[:NONE]
    layers = overlaid(phantom)
    kept = len(layers)
    while len(layers) < LAYERS - 1:
        layers.append((np.zeros(label.size, np.uint8), np.zeros(label.size, np.float32)))
    mixed: Moves = []
    for where, source in moved:
        low = np.floor(source).astype(np.int32)
        found = whole_of[flat_index(low, label.shape)]
        whole = still[found] & (single[where] < NONE)
        label.reshape(-1)[where[whole]] = found[whole]
        for _, share in layers[:kept]:
            share[where] = 0
        mixed.append((where[~whole], source[:, ~whole]))
    _blend(phantom, mixed, moves, label, layers)
    about = box if not kept else tuple(slice(0, n) for n in label.shape)
    found_in = [_trimmed(tissue.reshape(label.shape), share.reshape(label.shape), about) for tissue, share in layers]
    return label, tuple(o for o in found_in if o is not None)


def _blend(phantom: Phantom, mixed: Moves, moves: np.ndarray, label: np.ndarray, layers: Layers) -> None:
    """Set the voxels that hold several tissues, in a label and in the layers of overlays."""
    before, overlays = np.asarray(phantom.label), overlaid(phantom)
    where, source = np.concatenate([w for w, _ in mixed]), np.concatenate([s for _, s in mixed], axis=1)
    for i in range(0, len(where), CHUNK):
        at = where[i : i + CHUNK]
        names, shares, own = gathered(before, overlays, source[:, i : i + CHUNK], at)
        # What does not move gives nothing to what does, and keeps its share of the voxels in which it is.
        fixed = ~moves[names]
        kept = np.where(fixed[:, None], own, 0)
        shares[fixed] = 0
        total = shares.sum(axis=0)
        lost = total < LEAST
        shares *= (1 - kept.sum(axis=0)) / np.where(lost, 1, total)
        shares += kept
        shares[:, lost] = own[:, lost]
        column, several = np.arange(len(at)), np.zeros(0, bool)
        for k in range(min(LAYERS, len(names))):
            most = shares.argmax(axis=0)
            if k == 0:
                label.reshape(-1)[at] = names[most]
                several = shares[most, column] < EVEN
            else:
                tissue, share = layers[k - 1]
                tissue[at[several]] = names[most[several]]
                share[at[several]] = shares[most, column][several]
            shares[most, column] = 0


def _trimmed(tissue: np.ndarray, share: np.ndarray, about: tuple[slice, ...]) -> Overlay | None:
    """An overlay, which lies in a box, in the smallest one; None where it is empty."""
    box = within(bounds(share[about] > 0), about)
    if box[0].stop == box[0].start:
        return None
    z, y, x = (b.start for b in box)
    return Overlay(tissue[box].copy(), share[box].copy(), (z, y, x))


def _resampled(values: np.ndarray, moved: Moves) -> np.ndarray:
    """Values that have moved, by linear interpolation."""
    out = np.array(values)
    for where, source in moved:
        out.reshape(-1)[where] = ndimage.map_coordinates(values, source, order=1, mode="nearest")
    return out


def _lesion(lesion: Lesion, phantom: Phantom, moved: Moves) -> Lesion:
    """A lesion that was there before, moved."""
    shape = phantom.grid.shape

    def carried(overlay: Overlay) -> Overlay:
        whole = np.zeros(shape, np.float32)
        whole[boxed(overlay.start, overlay.fraction.shape)] = np.asarray(overlay.fraction)
        new = _resampled(whole, moved)
        low = np.array(overlay.start) - 8
        size = np.minimum(np.array(overlay.fraction.shape) + 16, shape)
        low = np.clip(low, 0, np.array(shape) - size)
        cut = tuple(slice(int(a), int(a + n)) for a, n in zip(low, size))
        return Overlay(overlay.tissue, new[cut], tuple(int(a) for a in low))  # type: ignore[arg-type]

    parts = [carried(o) for o in (lesion.overlay, *lesion.inner, *lesion.around)]
    fraction = np.asarray(parts[0].fraction, float)
    total = fraction.sum()
    middle = (
        np.array(
            [
                (fraction.sum(axis=tuple(b for b in range(3) if b != a)) @ np.arange(n)) / total
                for a, n in enumerate(fraction.shape)
            ]
        )
        + parts[0].start
    )
    inner = len(lesion.inner) + 1
    return dataclasses.replace(
        lesion,
        overlay=parts[0],
        inner=tuple(parts[1:inner]),
        around=tuple(parts[inner:]),
        centre_mm=tuple(phantom.grid.world(middle).tolist()),
        volume_mL=float(total) * phantom.grid.voxel_mL,
    )
