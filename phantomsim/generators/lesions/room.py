"""Where the lesions of a patient may lie, and what each rule says of a place."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from scipy import ndimage

from phantomsim.errors import TissueError
from phantomsim.generators.lesions import regions
from phantomsim.generators.lesions.boxes import bounds, inner
from phantomsim.generators.lesions.conform import Space
from phantomsim.generators.lesions.distances import Depth, eroded, far_mm
from phantomsim.generators.lesions.forms import CONFORMING
from phantomsim.generators.lesions.heights import BelowSkull, BelowVertex, Planes
from phantomsim.generators.lesions.kind_spec import LesionKind, Near, Place
from phantomsim.generators.lesions.shape_spec import CisternForm, CrescentForm, LensForm, VentricleForm
from phantomsim.generators.lesions.voxels import CORE
from phantomsim.phantom import Lesion, Overlay, Phantom, boxed

NEVER_MM = 1000.0  # no place of a body is further from anything
MANY, DOUBT = 500, 0.03  # voxels of a core from which shares are told, and by how much these may be wrong
BLOCK = 4096  # centres whose weights are summed before one of them is looked for


@dataclass
class Room:
    """The places and rules of one patient and kind; rebuilt where the anatomy moves.

    Attributes:
        phantom: as it is now, without what is being placed.
        place: the rules.
        host: bool [z, y, x].
        box: of the host.
        centres: flat indices in the box of voxels where a centre may lie.
        weight: of those, where some are preferred more than others.
        forbidden: by tissue, bool [256].
        partly: whether a part of a forbidden tissue in a voxel bars it; not of forms that lie against walls.
        taken: by lesions, bool [z, y, x], once one is there.
        lacking: the rule that leaves no centre; empty where there are some.
    """

    phantom: Phantom
    place: Place
    host: np.ndarray
    box: tuple[slice, ...]
    centres: np.ndarray
    weight: np.ndarray | None
    forbidden: np.ndarray
    partly: bool = True
    taken: np.ndarray | None = None
    lacking: str = ""

    @classmethod
    def of(cls, phantom: Phantom, kind: LesionKind) -> Room:
        """Raises TissueError where the phantom has none of the hosts."""
        host = regions.mask(phantom, kind.host)
        forbidden = regions.tissue_table(phantom, kind.place.forbidden)
        if "air" in phantom.tissues and "air" not in kind.host:
            forbidden[phantom.tissue_index("air")] = True
        box = bounds(host)
        mask = eroded(host[box], phantom.grid.spacing_mm, kind.place.margin_mm)
        within_margin = bool(mask.any())
        partly = not isinstance(kind.shape, CONFORMING)
        room = cls(phantom, kind.place, host, box, np.zeros(0, int), None, forbidden, partly)
        room.space = Space(phantom, _reach_mm(kind))
        room._prefer(kind.place.near if within_margin else (), mask)
        room.lacking = "" if len(room.centres) else "near" if within_margin else "margin_mm"
        room.taken = taken_by(phantom)
        return room

    space: Space = field(init=False)
    _passed: np.ndarray = field(init=False)

    def occupy(self, lesion: Lesion) -> None:
        """No later lesion may touch this one, or what comes with it."""
        if self.taken is None:
            self.taken = np.zeros(self.phantom.grid.shape, bool)
        for part in (lesion.overlay, *lesion.around):
            self.taken[boxed(part.start, part.fraction.shape)] |= np.asarray(part.fraction) > 0

    def draw(self, u: float) -> np.ndarray:
        """A place for a centre from a uniform number: index (z, y, x)."""
        if self.weight is None:
            which = min(int(u * len(self.centres)), len(self.centres) - 1)
        else:
            block = min(int(np.searchsorted(self._passed, u * self._passed[-1], "right")), len(self._passed) - 1)
            first, before = block * BLOCK, self._passed[block - 1] if block else 0.0
            some = np.cumsum(self.weight[first : first + BLOCK], dtype=float) + before
            which = first + min(int(np.searchsorted(some, u * self._passed[-1], "right")), len(some) - 1)
        shape = [b.stop - b.start for b in self.box]
        return np.array(np.unravel_index(self.centres[which], shape)) + [b.start for b in self.box]

    def barred(self, start: np.ndarray, shape: tuple[int, ...]) -> Iterator[tuple[str, tuple[np.ndarray, ...]]]:
        """Voxels (z, y, x) of a box that a lesion may not touch, and why."""
        where = boxed(tuple(start), shape)
        yield "forbidden tissue", np.nonzero(self._barred(where))
        if self.taken is not None:
            yield "another lesion", np.nonzero(self.taken[where])

    def seems_to_refuse(self, core: np.ndarray, where: tuple[slice, ...]) -> str:
        """The rule that a lesion surely breaks, as some voxels of its `core` tell; empty where they tell of none.

        Args:
            core: bool [z, y, x], of the voxels of the grid that `where` takes.
        """
        mostly = self.forbidden[np.asarray(self.phantom.label)[where]]  # parts are looked at before it is drawn
        if why := self._occupied(mostly, core, where):
            return why
        count, part = float(core.sum()), CORE**3
        if count < MANY:
            return ""
        inside = float((core & self.host[where]).sum())
        if part * inside / count + (1.0 - part) < self.place.inside_host - DOUBT:  # were all beyond the core inside
            return "inside_host"
        return "one_side" if self._astride(core, where, (1.0 + 10.0 * DOUBT) * count / part) else ""

    def _occupied(self, barred: np.ndarray, touched: np.ndarray, where: tuple[slice, ...]) -> str:
        if (barred & touched).any():
            return "forbidden tissue"
        return "another lesion" if self.taken is not None and (self.taken[where] & touched).any() else ""

    def _barred(self, where: tuple[slice, ...]) -> np.ndarray:
        """Voxels of a box that have a forbidden tissue."""
        found = regions.among(np.asarray(self.phantom.label)[where], self.forbidden)
        for overlay in self.phantom.overlays if self.partly else ():
            own = boxed(overlay.start, overlay.fraction.shape)
            mine = inner(where, own)
            tissue = overlay.tissue if np.ndim(overlay.tissue) == 0 else np.asarray(overlay.tissue)[mine]
            found[inner(own, where)] |= self.forbidden[tissue] & (np.asarray(overlay.fraction)[mine] > 0)
        return found

    def refuses(self, fraction: np.ndarray, start: np.ndarray) -> str:
        """The rule that a lesion breaks; empty where it breaks none.

        Args:
            fraction: [z, y, x] of a box that lies in the grid.
        """
        where = boxed(tuple(start), fraction.shape)
        touched = fraction > 0
        if why := self._occupied(self._barred(where), touched, where):
            return why
        inside = float(fraction[self.host[where]].sum())
        if inside < self.place.inside_host * float(fraction.sum()) * (1 - 1e-6):
            return "inside_host"
        if self._astride(fraction, where, float(fraction.sum(dtype=float))):
            return "one_side"
        for name, gap in self.place.clear_mm.items():
            if gap > 0 and self._nearer(name, touched, where, gap):
                return f"clear_mm.{name}"
        return "keep_host" if self._host_left(inside) < self.place.keep_host else ""

    def _astride(self, fraction: np.ndarray, where: tuple[slice, ...], voxels: float) -> bool:
        """Whether too much of a lesion of so many voxels lies beyond the brain's middle plane, which is its box's."""
        if self.place.one_side <= 0.5:
            return False
        axis, box = self.phantom.grid.sideways, self.space.inside()[1]
        middle, at = 0.5 * (box[axis].start + box[axis].stop - 1), where[axis]
        along = fraction.sum(axis=tuple(a for a in range(3) if a != axis), dtype=float)
        left = np.clip(middle - np.arange(at.start, at.stop, at.step) + 0.5, 0.0, 1.0) @ along
        return bool(min(left, along.sum() - left) > (1.0 - self.place.one_side) * voxels * (1.0 + 1e-6))

    def _nearer(self, name: str, touched: np.ndarray, where: tuple[slice, ...], gap_mm: float) -> bool:
        """Whether something lies within a gap of the lesion."""
        if not regions.known(self.phantom, (name,)):
            return False
        pad = [math.ceil(gap_mm / d) for d in self.phantom.grid.spacing_mm]
        wide = tuple(slice(max(0, w.start - p), w.stop + p) for w, p in zip(where, pad))
        thing = self._thing(name)[wide]
        if not thing.any():
            return False
        distance = ndimage.distance_transform_edt(~thing, self.phantom.grid.spacing_mm)
        own = tuple(slice(w.start - v.start, w.start - v.start + n) for w, v, n in zip(where, wide, touched.shape))
        return bool(distance[own][touched].min() < gap_mm)

    def _thing(self, name: str) -> np.ndarray:
        kept = self.__dict__.setdefault("_things", {})
        if name not in kept:
            kept[name] = regions.mask(self.phantom, (name,))
        return kept[name]

    def _host_left(self, inside: float) -> float:
        """Share of the host's voxels that all lesions leave."""
        if self.place.keep_host == 0:
            return 1.0
        gone = 0 if self.taken is None else int((self.taken & self.host).sum())
        return 1 - (gone + inside) / max(int(self.host.sum()), 1)

    def _prefer(self, near: tuple[Near, ...], mask: np.ndarray) -> None:
        """Set the centres, of the voxels of a mask in the box, and their weights."""
        distances, mask = [self._distance(one.of) for one in near], mask.copy() if near else mask
        beyond: list[list[np.ndarray]] = [[] for _ in near]
        for z, plane in enumerate(mask if near else ()):  # a plane stays in the cache
            if not plane.any():
                continue
            here = [distance[z] for distance in distances]
            for one, distance in zip(near, here):
                plane &= distance <= one.max_mm
                if one.min_mm > 0:
                    plane &= distance >= one.min_mm
            for one, distance, found in zip(near, here, beyond):
                if one.scale_mm is not None:
                    some = distance.ravel()[np.flatnonzero(plane)]
                    found.append(np.maximum(some - np.float32(one.min_mm), 0))
        self.centres = np.flatnonzero(mask)
        fading = [(one.scale_mm, found) for one, found in zip(near, beyond) if one.scale_mm is not None]
        if fading and len(self.centres):
            weight = np.ones(len(self.centres), np.float32)
            for scale_mm, found in fading:
                weight *= np.exp(np.concatenate(found) / np.float32(-scale_mm))  # type: ignore[operator]
            self.weight = weight
            self._passed = np.cumsum(np.add.reduceat(weight, np.arange(0, len(weight), BLOCK), dtype=float))

    def _distance(self, name: str) -> Planes:
        """Of the voxels of the box from what a preference names [mm]."""
        grid = self.phantom.grid
        if name == "surface":
            return Depth.of(self.host[self.box], grid)
        if name == "ventricles":
            found, box = self.space.ventricles()
            return far_mm(found, box, grid, self.box)
        if name == "vertex":
            return BelowVertex.of(self.space, self.box)
        if name == "inner-table":
            return BelowSkull(*self.space.depth(), self.box)
        if not regions.known(self.phantom, (name,)):
            raise TissueError(f"{self.phantom.facts.subject}: near.of names {name}, which the phantom does not have")
        thing = self._thing(name)
        return far_mm(thing, tuple(slice(0, n) for n in thing.shape), grid, self.box)


def _reach_mm(kind: LesionKind) -> float:
    """How deep below the skull a kind's places and form depend on the depth [mm]."""
    if isinstance(kind.shape, LensForm | CrescentForm):
        return math.inf
    bounds = [near for near in kind.place.near if near.of == "inner-table"]
    far = [near.min_mm if near.scale_mm is None and near.max_mm >= NEVER_MM else near.max_mm for near in bounds]
    if isinstance(kind.shape, CisternForm | VentricleForm) or any(n.of == "ventricles" for n in kind.place.near):
        far.append(1.0 + regions.DEEP_MM)  # ventricles are told by what is deeper than that
    return max(far, default=0.0)


def taken_by(phantom: Phantom) -> np.ndarray | None:
    """Voxels of the lesions that are there, and of what comes with them; None where there are none."""
    if not phantom.lesions:
        return None
    taken = np.zeros(phantom.grid.shape, bool)
    for lesion in phantom.lesions:
        for part in (lesion.overlay, *lesion.around):
            taken[boxed(part.start, part.fraction.shape)] |= np.asarray(part.fraction) > 0
    return taken


def overlay_of(fraction: np.ndarray, start: np.ndarray, tissue: int) -> Overlay:
    """An overlay from arrays."""
    return Overlay(tissue, fraction, tuple(int(s) for s in start))  # type: ignore[arg-type]


def in_box(overlay: Overlay, start: np.ndarray, shape: tuple[int, ...]) -> Overlay:
    """An overlay in a wider box."""
    if overlay.fraction.shape == tuple(shape):
        return overlay
    fraction = np.zeros(shape, np.float32)
    first = tuple(int(a - b) for a, b in zip(overlay.start, start))
    fraction[boxed(first, overlay.fraction.shape)] = overlay.fraction  # type: ignore[arg-type]
    return overlay_of(fraction, start, overlay.tissue)  # type: ignore[arg-type]
