"""A drawn lesion: its surfaces, what it is made of inside, and what swells around it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import jax
import numpy as np

from phantomsim.generators.lesions import regions
from phantomsim.generators.lesions.boxes import chosen
from phantomsim.generators.lesions.kind_spec import Layer, LesionKind, Mottle, Oedema
from phantomsim.generators.lesions.room import overlay_of
from phantomsim.phantom import Overlay, Phantom

WAVES = 48  # of a mottle
CHUNK = 2**12  # points at a time, which stay in the cache


@dataclass(frozen=True)
class Surfaces:
    """A lesion in its box, and the nested surfaces of its form.

    Attributes:
        whole: volume fraction, float32 [z, y, x].
        start: of the box, index (z, y, x).
        inside: fraction inside the surface of a size [mm]; None where the form has no inner surfaces.
        size: of its own surface [mm].
        holding: the size of the surface that holds so many voxels.
        around: size at the voxel centres of a wider box [mm], and its start, by how much wider it is [mm].
    """

    whole: np.ndarray
    start: np.ndarray
    inside: Callable[[float], np.ndarray] | None = None
    size: float = 0.0
    holding: Callable[[float], float] | None = None
    around: Callable[[float], tuple[np.ndarray, np.ndarray]] | None = None


def inner_parts(
    found: Surfaces, kind: LesionKind, numbers: np.ndarray, key: jax.Array, spacing_mm: tuple[float, ...], index: dict
) -> tuple[Overlay, ...]:
    """The layers and the mottle of a lesion; together they are never more than it.

    Args:
        numbers: uniform, one a layer.
        index: of tissues by name.
    """
    left, parts = found.whole.copy(), []
    for layer, u in zip(kind.layers, numbers):
        part = np.minimum(_layer(found, layer, float(u)), left)
        left = left - part
        parts.append(overlay_of(part, found.start, index[layer.tissue]))
    if kind.mottle is not None:
        part = left * mottle(kind.mottle, key, found, spacing_mm)
        parts.append(overlay_of(part.astype(np.float32), found.start, index[kind.mottle.tissue]))
    return tuple(parts)


def _layer(found: Surfaces, layer: Layer, u: float) -> np.ndarray:
    if found.inside is None or found.holding is None:
        raise ValueError("this form has no layers")
    if layer.share is not None:
        core = layer.share.quantile(u) * float(found.whole.sum(dtype=float))
        return found.inside(found.holding(core))
    assert layer.thickness_mm is not None
    return found.whole - np.minimum(found.inside(max(found.size - layer.thickness_mm.quantile(u), 0.0)), found.whole)


def mottle(spec: Mottle, key: jax.Array, found: Surfaces, spacing_mm: tuple[float, ...]) -> np.ndarray:
    """Local share of the second tissue: plane waves of random directions, so that it is the same on any grid."""
    ways, lengths, phases = jax.random.split(key, 3)
    direction = np.array(jax.random.normal(ways, (WAVES, 3)), np.float32)
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    length = spec.coarsest_mm * 4.0 ** -np.asarray(jax.random.uniform(lengths, (WAVES,)), np.float32)
    phase = np.asarray(jax.random.uniform(phases, (WAVES,)), np.float32) * (2 * np.pi)
    weight = found.whole.sum(dtype=float)
    centre = [
        found.whole.sum(axis=tuple(b for b in range(3) if b != a), dtype=float) @ np.arange(n) / weight
        for a, n in enumerate(found.whole.shape)
    ]
    lines = [(np.arange(n) - c) * d for n, c, d in zip(found.whole.shape, centre, spacing_mm)]
    flat, points = chosen(found.whole > 0, lines)
    turns = (direction / length[:, None] * np.float32(2 * np.pi)).T
    value = np.empty(len(points), np.float32)
    for first in range(0, len(points), CHUNK):
        part = slice(first, first + CHUNK)
        waves = points[part] @ turns
        waves += phase
        value[part] = np.cos(waves, out=waves).sum(axis=1)  # XLA's cosine takes twice as long
    out = np.zeros(found.whole.shape, np.float32)
    out.ravel()[flat] = spec.share * np.clip(1 + 0.6 * np.sqrt(2 / WAVES) * value, 0, 2)
    return out


def oedema(
    spec: Oedema, found: Surfaces, thick: float, phantom: Phantom, taken: np.ndarray | None, index: dict
) -> tuple[Overlay, ...]:
    """What swells around a lesion, less and less outwards; only in tissues that swell, and clear of other lesions."""
    if found.around is None or thick <= 0 or not regions.known(phantom, spec.host):
        return ()
    size, start = found.around(thick)
    where = tuple(slice(int(s), int(s) + n) for s, n in zip(start, size.shape))
    share = np.subtract(found.size + thick, size, dtype=np.float32)
    share *= spec.share / thick
    np.clip(share, 0, spec.share, out=share)
    share *= regions.among(np.asarray(phantom.label)[where], regions.tissue_table(phantom, spec.host))
    if taken is not None:
        share[taken[where]] = 0
    shift = [int(a - b) for a, b in zip(found.start, start)]
    low = [max(0, s) for s in shift]
    high = [min(n, s + m) for n, s, m in zip(size.shape, shift, found.whole.shape)]
    mine = tuple(slice(a, b) for a, b in zip(low, high))
    share[mine] *= 1 - found.whole[tuple(slice(a - s, b - s) for a, b, s in zip(low, high, shift))]
    return (overlay_of(share, start, index[spec.tissue]),)
