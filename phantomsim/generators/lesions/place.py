"""Put lesions where they may be."""

from __future__ import annotations

import dataclasses
import math

import jax
import numpy as np
from scipy import ndimage

from phantomsim.errors import PlacementError
from phantomsim.generators.lesions.spec import Lesions
from phantomsim.generators.lesions.star import REACH_SD, star
from phantomsim.generators.lesions.voxels import box_shape, core, fractions
from phantomsim.grid import Grid
from phantomsim.keys import Stream, patient_key
from phantomsim.phantom import Facts, Lesion, Overlay, Phantom


def place(phantom: Phantom, lesions: Lesions, seed: int, patient: int) -> Phantom:
    """The patient with lesions, all present; `with_lesions(False)` gives the twin without.

    Centres are uniform over the host eroded by the margin. A place is refused, and counted, where the lesion would
    leave the grid, touch a forbidden tissue or another lesion, or lie too little in its host.

    Args:
        phantom: anatomy.
        lesions: what and where.
        seed, patient: give the key; neither the number of patients nor other patients matter.
    Returns:
        The phantom with `lesions`; `facts.provenance["refused_placements"]` counts refusals.
    Raises:
        TissueError: the phantom never has the host or a forbidden tissue.
        PlacementError: no place was found and `on_failure` is "error".
    """
    key = patient_key(seed, patient, Stream.LESION)
    label = np.asarray(phantom.label)
    room = _Room.of(phantom, label, lesions)
    tissues = phantom.tissues if lesions.tissue in phantom.tissues else (*phantom.tissues, lesions.tissue)
    placed: list[Lesion] = []
    refused = skipped = 0
    for i in range(lesions.count):
        one, tries = _place_one(jax.random.fold_in(key, i), phantom.grid, label, room, lesions, tissues)
        refused += tries
        if one is None and lesions.on_failure == "error":
            raise PlacementError(_failure(phantom.facts.subject, lesions, room, tries, i))
        if one is None:
            skipped += 1
        else:
            placed.append(one)
            room.occupy(one)
    provenance = phantom.facts.provenance | {"refused_placements": refused, "skipped_lesions": skipped}
    facts = Facts(phantom.facts.subject, phantom.facts.covariates, provenance)
    return dataclasses.replace(phantom, lesions=phantom.lesions + tuple(placed), tissues=tissues, facts=facts)


@dataclasses.dataclass
class _Room:
    """Where centres may lie (flat indices into the grid), which tissues are hosts, and what is out of bounds."""

    centres: np.ndarray
    host: np.ndarray  # bool [T]
    forbidden: np.ndarray  # bool [T]
    taken: np.ndarray | None = None  # bool [z, y, x] once a lesion is there
    shape: tuple[int, int, int] = (0, 0, 0)

    @classmethod
    def of(cls, phantom: Phantom, label: np.ndarray, lesions: Lesions) -> _Room:
        host, forbidden = (np.zeros(256, bool) for _ in range(2))
        host[[phantom.tissue_index(name) for name in lesions.hosts]] = True
        forbidden[[phantom.tissue_index(name) for name in lesions.forbidden]] = True
        if "air" in phantom.tissues and "air" not in lesions.hosts:
            forbidden[phantom.tissue_index("air")] = True
        room = cls(_eroded(host[label], phantom.grid, lesions.margin_mm), host, forbidden, None, phantom.grid.shape)
        for lesion in phantom.lesions:
            room.occupy(lesion)
        return room

    def occupy(self, lesion: Lesion) -> None:
        """No later lesion may touch this one."""
        if self.taken is None:
            self.taken = np.zeros(self.shape, bool)
        self.taken[_box(lesion.overlay.start, lesion.overlay.fraction.shape)] |= np.asarray(lesion.overlay.fraction) > 0


def _eroded(host: np.ndarray, grid: Grid, margin_mm: float) -> np.ndarray:
    """Flat indices of host voxels at least `margin_mm` from any other voxel; beyond the grid nothing is host."""
    boxes = ndimage.find_objects(host.view(np.uint8))
    if not boxes:
        return np.zeros(0, np.int64)
    box = boxes[0]
    mask = host[box]
    if margin_mm > 0:
        padded = np.pad(mask, 1)
        mask = _far(padded, grid.spacing_mm, margin_mm)[1:-1, 1:-1, 1:-1]
    index = np.argwhere(mask) + [b.start for b in box]
    return np.ravel_multi_index(tuple(index.T), host.shape)


def _far(mask: np.ndarray, spacing_mm: tuple[float, ...], margin_mm: float) -> np.ndarray:
    """Voxels whose distance to the nearest voxel outside the mask is at least the margin."""
    return ndimage.distance_transform_edt(mask, spacing_mm) >= margin_mm


def _place_one(
    key: jax.Array, grid: Grid, label: np.ndarray, room: _Room, lesions: Lesions, tissues: tuple[str, ...]
) -> tuple[Lesion | None, int]:
    """One lesion, or None; and how many places were refused."""
    draw_volume, draw_shape, draw_place = jax.random.split(key, 3)
    low, high = lesions.bounds_mL
    volume = low * (high / low) ** float(jax.random.uniform(draw_volume)) if high > low else low
    shape = star(draw_shape, lesions.irregularity, lesions.smoothness)
    box = box_shape(high, math.exp(REACH_SD * lesions.irregularity), grid.spacing_mm)
    if not len(room.centres):
        return None, 0
    draws = np.asarray(jax.random.uniform(draw_place, (lesions.max_tries, 4)), float)
    for refused, (u, *within) in enumerate(draws):
        middle = np.array(
            np.unravel_index(room.centres[min(int(u * len(room.centres)), len(room.centres) - 1)], label.shape)
        )
        start = middle - np.asarray(box) // 2
        if (start < 0).any() or (start + box > label.shape).any():
            continue
        centre = np.asarray(box) // 2 + np.array(within) - 0.5
        if not _allowed(core(shape, volume, centre, grid.spacing_mm, box), label, room, start, 0.0):
            continue  # most places fall here, at a tenth of the cost
        fraction = fractions(shape, volume, centre, grid.spacing_mm, box)
        if _allowed(fraction, label, room, start, lesions.inside_host):
            host = tissues[int(label[tuple(middle)])]
            return _lesion(fraction, start, grid, lesions, tissues, host), refused
    return None, lesions.max_tries


def _allowed(fraction: np.ndarray, label: np.ndarray, room: _Room, start: np.ndarray, inside_host: float) -> bool:
    where = _box(tuple(start), fraction.shape)
    touched, here = fraction > 0, label[where]
    if (room.forbidden[here] & touched).any() or (room.taken is not None and (room.taken[where] & touched).any()):
        return False
    return float(fraction[room.host[here]].sum()) >= inside_host * float(fraction.sum()) * (1 - 1e-6)


def _lesion(
    fraction: np.ndarray, start: np.ndarray, grid: Grid, lesions: Lesions, tissues: tuple[str, ...], host: str
) -> Lesion:
    total = float(fraction.sum(dtype=np.float64))
    weights = [fraction.sum(axis=tuple(a for a in range(3) if a != axis), dtype=np.float64) for axis in range(3)]
    mass = np.array([w @ np.arange(len(w)) / total for w in weights]) + start
    overlay = Overlay(tissues.index(lesions.tissue), fraction, tuple(int(s) for s in start))  # type: ignore[arg-type]
    centre = tuple(grid.world(mass).tolist())
    return Lesion(overlay, centre, total * grid.voxel_mL, 1.0, lesions.kind, host, lesions.tissue)  # type: ignore[arg-type]


def _box(start: tuple[int, ...], shape: tuple[int, ...]) -> tuple[slice, ...]:
    return tuple(slice(int(s), int(s) + n) for s, n in zip(start, shape))


def _failure(subject: str, lesions: Lesions, room: _Room, tries: int, number: int) -> str:
    host = " or ".join(lesions.hosts)
    if not len(room.centres):
        return f"{subject}: no voxel of {host} lies {lesions.margin_mm:g} mm inside it; lower margin_mm or change host"
    return (
        f"{subject}: lesion {number + 1} of {lesions.count} ({lesions.bounds_mL[1]:g} mL) found no place in {host} in "
        f"{tries} tries; lower volume_mL, margin_mm or inside_host, forbid less, or raise max_tries"
    )
