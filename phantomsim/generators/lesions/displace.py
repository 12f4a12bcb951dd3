"""The anatomy after a flow: every voxel takes what lay where its matter comes from, as fractions of tissues.

Labels are not moved by the nearest voxel, which tears thin parts: each of the eight voxels around a point gives its
tissues by its weight, and the label is the tissue that has most, the next two are overlays.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from scipy import ndimage

from phantomsim.generators.lesions.flow import Flow
from phantomsim.generators.partial import EVEN, Mixture
from phantomsim.phantom import Anatomy, Lesion, Organs, Overlay, Phantom, boxed

STILL = 0.02  # voxels: what moves less stays
CHUNK = 2**18
LEAST = 0.05  # share of a voxel's source that must have moved; below, the voxel keeps what it has


def displaced(phantom: Phantom, flow: Flow, moves: np.ndarray) -> Phantom:
    """The patient with its anatomy and the lesions that are there moved; volumes of lesions are measured again.

    Args:
        moves: by tissue, whether it moves, bool [256]; the others stay where they are.
    Returns:
        The same phantom without `twins`, of which the caller keeps the earlier one.
    """
    where, source = _moving(phantom, flow, moves)
    label, overlays = _tissues(phantom, where, source, moves)
    density = phantom.density
    if np.ndim(density) == 3:
        density = np.array(density)
        density.reshape(-1)[where] = ndimage.map_coordinates(np.asarray(phantom.density), source, order=1)
    organs = phantom.organs
    if organs is not None:
        names = np.array(organs.label)
        index = np.clip(np.rint(source).astype(int), 0, np.array(names.shape)[:, None] - 1)
        names.reshape(-1)[where] = np.asarray(organs.label)[tuple(index)]
        organs = Organs(names, organs.names)
    lesions = tuple(_lesion(s, phantom, where, source) for s in phantom.lesions)
    return dataclasses.replace(
        phantom, label=label, density=density, overlays=overlays, organs=organs, lesions=lesions, twins=None
    )


def anatomy(phantom: Phantom) -> Anatomy:
    """What of a phantom moves."""
    return Anatomy(phantom.label, phantom.density, phantom.overlays, phantom.organs)


def _moving(phantom: Phantom, flow: Flow, moves: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Flat indices of voxels that move, and where they come from, index (z, y, x) [3, N]."""
    grid = phantom.grid
    first = grid.index(flow.grid.world((0, 0, 0)))
    step = np.asarray(flow.grid.spacing_mm) / np.asarray(grid.spacing_mm)
    low = [max(0, int(np.floor(f - s / 2 + 0.5))) for f, s in zip(first, step)]
    high = [
        min(n, int(np.ceil(f + s * (m - 0.5) + 0.5))) for n, f, s, m in zip(grid.shape, first, step, flow.grid.shape)
    ]
    at = [(np.arange(lo, hi) - f) / s for lo, hi, f, s in zip(low, high, first, step)]
    shift = np.stack([_upsampled(u, at) / d for u, d in zip(flow.back_mm, grid.spacing_mm)])
    label = np.asarray(phantom.label)[tuple(slice(lo, hi) for lo, hi in zip(low, high))]
    moving = (np.abs(shift) > STILL).any(axis=0) & moves[label]
    index = np.argwhere(moving).T + np.array(low)[:, None]
    return np.ravel_multi_index(tuple(index), grid.shape), index + shift[:, moving]


def _upsampled(field: np.ndarray, at: list[np.ndarray]) -> np.ndarray:
    """Linear interpolation on a product of coordinates; the edge repeats outside."""
    out = field
    for axis, x in enumerate(at):
        low = np.clip(np.floor(x).astype(int), 0, max(out.shape[axis] - 2, 0))
        high = np.minimum(low + 1, out.shape[axis] - 1)
        part = np.clip(x - low, 0, 1).astype(np.float32).reshape([-1 if a == axis else 1 for a in range(3)])
        out = np.take(out, low, axis) * (1 - part) + np.take(out, high, axis) * part
    return out


def _tissues(
    phantom: Phantom, where: np.ndarray, source: np.ndarray, moves: np.ndarray
) -> tuple[np.ndarray, tuple[Overlay, ...]]:
    layers, fixed = _layers(phantom), ~moves[: len(phantom.tissues)]
    mixture = Mixture(phantom.grid.shape)
    mixture.label[...] = np.asarray(phantom.label)
    still = np.zeros(mixture.label.size, bool)
    for _, share in layers[1:]:
        still |= share > 0
    still[where] = False
    own = np.flatnonzero(still)
    for part in np.array_split(own, max(1, len(own) // CHUNK)):
        mixture.blend(part, _shares(layers, part, None, len(phantom.tissues)))
    flat = mixture.label.reshape(-1)
    whole, label = _whole(layers, phantom.grid.shape, where, source, moves)
    flat[where[whole]] = label[whole]
    for part in np.array_split(np.flatnonzero(~whole), max(1, int((~whole).sum()) // CHUNK)):
        shares = _gathered(layers, phantom.grid.shape, source[:, part], len(phantom.tissues))
        # What does not move gives nothing to what does, and keeps its share of the voxels in which it is.
        own = _shares(layers, where[part], None, len(shares))
        kept = np.where(fixed[:, None], own, 0)
        shares[fixed] = 0
        total = shares.sum(axis=0)
        lost = total < LEAST
        shares *= (1 - kept.sum(axis=0)) / np.where(lost, 1, total)
        shares += kept
        shares[:, lost] = own[:, lost]
        flat[where[part]] = shares.argmax(axis=0)
        mixed = shares.max(axis=0) < EVEN
        mixture.blend(where[part][mixed], shares[:, mixed])
    return mixture.label, mixture.overlays()


def _whole(
    layers: list[tuple[np.ndarray, np.ndarray]],
    shape: tuple[int, ...],
    where: np.ndarray,
    source: np.ndarray,
    moves: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Voxels that come whole from one moving tissue, bool [N], and which that is: most of them, and quick."""
    label, share = layers[0]
    pure = np.where(share >= 1, label, 255)
    low = np.floor(source).astype(np.int32)
    edge = ((low < 0) | (low >= np.array(shape)[:, None] - 1)).any(axis=0)
    first = np.where(edge, 0, (low[0] * shape[1] + low[1]) * shape[2] + low[2])
    found = pure[first]
    same = moves[found] & (pure[where] < 255) & ~edge
    for z, y, x in np.ndindex(2, 2, 2):
        same &= pure[first + (z * shape[1] + y) * shape[2] + x] == found
    return same, found


def _layers(phantom: Phantom) -> list[tuple[np.ndarray, np.ndarray]]:
    """Tissue and share of every voxel, flat: the label's first, then each overlay's."""
    label = np.asarray(phantom.label)
    rest, found = np.ones(label.shape, np.float32), []
    for overlay in phantom.overlays:
        box = boxed(overlay.start, overlay.fraction.shape)
        tissue, share = np.zeros(label.shape, np.uint8), np.zeros(label.shape, np.float32)
        tissue[box], share[box] = np.asarray(overlay.tissue), np.asarray(overlay.fraction)
        rest -= share
        found.append((tissue.reshape(-1), share.reshape(-1)))
    return [(label.reshape(-1), rest.reshape(-1)), *found]


def _shares(
    layers: list[tuple[np.ndarray, np.ndarray]], at: np.ndarray, weight: np.ndarray | None, tissues: int
) -> np.ndarray:
    """Fractions of all tissues of some voxels, float32 [T, N], times a weight."""
    out = np.zeros((tissues, len(at)), np.float32)
    column = np.arange(len(at))
    for tissue, share in layers:
        here = share[at]
        out[tissue[at], column] += here if weight is None else here * weight
    return out


def _gathered(
    layers: list[tuple[np.ndarray, np.ndarray]], shape: tuple[int, ...], source: np.ndarray, tissues: int
) -> np.ndarray:
    """Fractions of tissues at points between voxels, from the eight around each, float32 [T, N]."""
    low = np.floor(source).astype(int)
    part = (source - low).astype(np.float32)
    out = np.zeros((tissues, source.shape[1]), np.float32)
    for corner in np.ndindex(2, 2, 2):
        index = np.clip(low + np.array(corner)[:, None], 0, np.array(shape)[:, None] - 1)
        weight = np.prod([p if c else 1 - p for p, c in zip(part, corner)], axis=0)
        out += _shares(layers, np.ravel_multi_index(tuple(index), shape), weight, tissues)
    return out


def _lesion(lesion: Lesion, phantom: Phantom, where: np.ndarray, source: np.ndarray) -> Lesion:
    """A lesion that was there before, moved."""
    shape = phantom.grid.shape

    def moved(overlay: Overlay) -> Overlay:
        whole = np.zeros(shape, np.float32)
        whole[boxed(overlay.start, overlay.fraction.shape)] = np.asarray(overlay.fraction)
        new = whole.copy()
        new.reshape(-1)[where] = ndimage.map_coordinates(whole, source, order=1)
        low = np.array(overlay.start) - 8
        size = np.minimum(np.array(overlay.fraction.shape) + 16, shape)
        low = np.clip(low, 0, np.array(shape) - size)
        cut = tuple(slice(int(a), int(a + n)) for a, n in zip(low, size))
        return Overlay(overlay.tissue, new[cut], tuple(int(a) for a in low))  # type: ignore[arg-type]

    parts = [moved(o) for o in (lesion.overlay, *lesion.inner, *lesion.around)]
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
