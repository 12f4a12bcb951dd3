"""One lesion between being drawn and being placed: its form, its size, and how it is laid at a place."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from phantomsim.generators.lesions.cluster import Cluster
from phantomsim.generators.lesions.compose import Surfaces, inner_parts, oedema
from phantomsim.generators.lesions.conform import Field, Space, trimmed
from phantomsim.generators.lesions.displace import anatomy
from phantomsim.generators.lesions.forms import CONFORMING, field, form
from phantomsim.generators.lesions.kind_spec import LesionKind
from phantomsim.generators.lesions.mass import midline_shift_mm, pushed
from phantomsim.generators.lesions.room import Room, in_box, overlay_of, taken_by
from phantomsim.generators.lesions.voxels import Form, ball_radius_mm, box_shape, core, draw, sizes, spanned, touches
from phantomsim.grid import Grid
from phantomsim.phantom import Lesion, Overlay, Phantom, boxed

EDGE = "edge of the grid"  # the reason why a place is refused where the lesion would leave the frame
#: Half-widths of boxes [voxels]; few shapes of box, so that little is compiled.
LADDER = (4, 6, 8, 11, 16, 22, 32, 45, 64, 90, 128, 180, 256)
#: Which of a lesion's uniform numbers is for what.
LAYERS, OEDEMA, FORM = slice(1, 5), 5, slice(8, 16)


@dataclass(frozen=True)
class Place:
    """Where a lesion was found to fit: the voxel of its centre, the rest within it, its surfaces."""

    middle: np.ndarray
    within: np.ndarray
    surfaces: Surfaces


@dataclass(frozen=True)
class Draft:
    """A lesion without a place.

    Attributes:
        form: None where it takes its form from the anatomy.
        shape, where: keys of its form and of the places to be tried.
        numbers: uniform; of what else is drawn.
        volume_mL: now; and `largest_mL` by the end of the study, at which places are tried.
        bound_mL: where a trial bounds volumes: the box is that of the largest.
    """

    kind: LesionKind
    form: Form | Cluster | None
    shape: jax.Array
    where: jax.Array
    numbers: np.ndarray
    volume_mL: float = 0.0
    largest_mL: float = 0.0
    doubling_days: float | None = None
    bound_mL: float | None = None

    @classmethod
    def of(cls, kind: LesionKind, shape: jax.Array, where: jax.Array, numbers: np.ndarray) -> Draft:
        own = numbers[FORM] if len(numbers) else np.full(8, 0.5)
        made = None if isinstance(kind.shape, CONFORMING) else form(kind.shape, shape, own)
        return cls(kind, made, shape, where, numbers if len(numbers) else np.full(32, 0.5))

    @property
    def quickly_refused(self) -> bool:
        """Whether most places that do not suit are told without drawing the lesion."""
        return self.form is not None and not isinstance(self.form, Cluster)

    def places(self, tries: int) -> Iterable[np.ndarray]:
        """Four uniform numbers for each place that may be tried."""
        return np.asarray(jax.random.uniform(self.where, (tries, 4)), float)

    def at(self, room: Room, middle: np.ndarray, within: np.ndarray) -> tuple[Place | None, str]:
        """The lesion at a place, or the rule that refuses it."""
        grid = room.phantom.grid
        if self.form is not None:
            reach = self._reach_mm(grid.spacing_mm) / np.asarray(grid.spacing_mm)
            if (middle - reach < 0).any() or (middle + reach > np.array(grid.shape) - 1).any():
                return None, EDGE
            box, start = self._boxed(grid, middle, self.largest_mL)
            if why := self._seems_refused(room, start, box, middle - start + within - 0.5):
                return None, why  # most places fall here, at a tenth of the cost
        found = self.surfaces(room.space, middle, within, self.largest_mL)
        if found is None:
            return None, "room for its volume"
        why = room.refuses(found.whole, found.start)
        if why:
            return None, why
        if self.largest_mL != self.volume_mL:
            smaller = self.surfaces(room.space, middle, within, self.volume_mL)
            assert smaller is not None  # less room is needed
            found = smaller
        return Place(middle, within, found), ""

    def _seems_refused(self, room: Room, start: np.ndarray, box: tuple[int, int, int], centre: np.ndarray) -> str:
        """The rule that the lesion surely breaks, without drawing it; empty where a drawing must tell."""
        if self.form is None or isinstance(self.form, Cluster):
            return ""  # as `quickly_refused` tells
        spacing, volume_mL = room.phantom.grid.spacing_mm, self.largest_mL
        surely, some = core(self.form, volume_mL, centre, spacing, box)
        where = tuple(slice(a + s.start, a + s.stop, s.step) for a, s in zip(start, some))
        if why := room.seems_to_refuse(surely, where):
            return why
        offsets = [(np.arange(n) - c) * d for n, c, d in zip(box, centre, spacing)]
        part = spanned(self.form, ball_radius_mm(volume_mL), offsets)
        low = np.array([s.start for s in part])
        for why, voxels in room.barred(start + low, tuple(s.stop - s.start for s in part)):
            if touches(self.form, volume_mL, centre - low, spacing, voxels):
                return why
        return ""

    def surfaces(self, space: Space, middle: np.ndarray, within: np.ndarray, volume_mL: float) -> Surfaces | None:
        """The lesion of a volume at a place; None where there is no room for it."""
        if self.form is None:
            return fitted(self._field(space, middle), volume_mL, space.phantom.grid)
        return self._free(space.phantom.grid, middle, within, volume_mL)

    def _free(self, grid: Grid, middle: np.ndarray, within: np.ndarray, volume_mL: float) -> Surfaces:
        assert self.form is not None
        made, (box, start) = self.form, self._boxed(grid, middle, volume_mL)
        centre = middle - start + within - 0.5
        if isinstance(made, Cluster):
            return Surfaces(made.scaled(volume_mL).fraction(centre, grid.spacing_mm, box), start)
        inwards = self._inwards(volume_mL)
        drawing = draw(made, volume_mL, centre, grid.spacing_mm, box, inwards, self.kind.edge_mm)

        def around(by_mm: float) -> tuple[np.ndarray, np.ndarray]:
            low, high = self._about(grid, start, box, by_mm)
            lines = [(np.arange(a, b) - s - c) * d for a, b, s, c, d in zip(low, high, start, centre, grid.spacing_mm)]
            some = spanned(made, drawing.radius + by_mm, lines)
            lines = [line[part] for line, part in zip(lines, some)]
            size = sizes(made, lines, drawing.radius, drawing.least, drawing.radius + by_mm)
            return size, low + [part.start for part in some]

        first = start + drawing.start
        return Surfaces(drawing.fraction(), first, drawing.fraction, drawing.radius, drawing.holding, around)

    def _inwards(self, volume_mL: float) -> float:
        """How deep below its surface the lesion has surfaces of layers, in radii."""
        if any(layer.share is not None for layer in self.kind.layers):
            return 1.0
        thick = [layer.thickness_mm.quantile(1.0) for layer in self.kind.layers if layer.thickness_mm]
        return min(1.0, 0.1 + max(thick) / ball_radius_mm(volume_mL)) if thick else 0.0

    def _field(self, space: Space, middle: np.ndarray) -> Field:
        return field(self.kind.shape, self.shape, self.numbers[FORM], space, middle, self.largest_mL)

    def into(self, phantom: Phantom, at: Place, space: Space) -> tuple[Phantom, dict[str, Any]]:
        """The patient with the lesion, its surroundings pushed aside; and what is to be told of it.

        Args:
            space: of a phantom of the same anatomy.
        """
        told: dict[str, Any] = {"kind": self.kind.name, "asked_mL": self.volume_mL}
        if self.doubling_days is not None:
            told["doubling_days"] = self.doubling_days
        if self.kind.doubling_days is not None and self.largest_mL != self.volume_mL:
            told["largest_mL"] = self.largest_mL
        host, effect = self._host(phantom, at.middle), self.kind.mass_effect
        if effect is not None and self.volume_mL >= effect.least_mL:
            before = phantom
            phantom, flow = pushed(phantom, effect, self._growing(space, at), self.volume_mL)
            first = before.twins[0] if before.twins else anatomy(before)
            phantom = dataclasses.replace(phantom, twins=(first, anatomy(phantom)))
            told |= {"midline_shift_mm": midline_shift_mm(flow), "least_jacobian": float(flow.jacobian().min())}
        lesion = self._lesion(phantom, at, host)
        return dataclasses.replace(phantom, lesions=(*phantom.lesions, lesion)), told

    def _growing(self, space: Space, at: Place) -> Callable[[float], tuple[np.ndarray, np.ndarray]]:
        """Fractions, and where their box starts, of the lesion at a smaller volume at its place."""
        grid = space.phantom.grid
        if self.form is None:
            made = self._field(space, at.middle).thickening(at.surfaces.size)
        else:  # nested surfaces of the whole one's form, at voxel centres: the flow's voxels are coarser by far
            assert not isinstance(self.form, Cluster)
            (box, start), radius = self._boxed(grid, at.middle, self.volume_mL), at.surfaces.size
            axes = [
                (np.arange(n) - c) * d for n, c, d in zip(box, at.middle - start + at.within - 0.5, grid.spacing_mm)
            ]
            width = min(grid.spacing_mm)
            value = sizes(self.form, axes, radius, 0.0, radius + 2 * width)
            made = Field(value.astype(np.float32), tuple(int(s) for s in start), width)  # type: ignore[arg-type]

        def lesion(volume_mL: float) -> tuple[np.ndarray, np.ndarray]:
            found = fitted(made, volume_mL, grid)
            return (at.surfaces.whole, at.surfaces.start) if found is None else (found.whole, found.start)

        return lesion

    def _lesion(self, phantom: Phantom, at: Place, host: str) -> Lesion:
        found, grid = at.surfaces, phantom.grid
        index = {name: i for i, name in enumerate(phantom.tissues)}
        total = float(found.whole.sum(dtype=np.float64))
        mass = [
            found.whole.sum(axis=tuple(b for b in range(3) if b != a), dtype=float) @ np.arange(n) / total
            for a, n in enumerate(found.whole.shape)
        ]
        key = jax.random.fold_in(self.shape, 7)
        inner = inner_parts(found, self.kind, self.numbers[LAYERS], key, grid.spacing_mm, index)
        around: tuple[Overlay, ...] = ()
        if self.kind.oedema is not None:
            thick = self.kind.oedema.thickness_mm.quantile(float(self.numbers[OEDEMA]))
            around = oedema(self.kind.oedema, found, thick, phantom, taken_by(phantom), index)
        centre = tuple(grid.world(np.array(mass) + found.start).tolist())
        overlay = overlay_of(found.whole, found.start, index[self.kind.tissue])
        if self.form is not None:  # few shapes of box, so that scanners compile little
            box, start = self._boxed(grid, at.middle, self.volume_mL)
            overlay, *parts = (in_box(part, start, box) for part in (overlay, *inner))
            inner = tuple(parts)
            if around:
                low, high = self._about(grid, start, box, thick)
                around = (in_box(around[0], low, tuple(high - low)),)
        return Lesion(
            overlay, centre, total * grid.voxel_mL, 1.0, self.kind.name, host, self.kind.tissue, inner, around
        )  # type: ignore[arg-type]

    def _host(self, phantom: Phantom, middle: np.ndarray) -> str:
        """The organ of its centre where the phantom knows organs and the host is one, else the tissue."""
        at = tuple(int(i) for i in middle)
        tissue = phantom.tissues[int(np.asarray(phantom.label)[at])]
        if phantom.organs is not None and tissue not in self.kind.host:
            return phantom.organs.names[int(np.asarray(phantom.organs.label)[at])] or tissue
        return tissue

    def _reach_mm(self, spacing_mm: tuple[float, ...]) -> np.ndarray:
        """How far from the voxel of its centre the lesion may be seen, at its largest, along z, y, x [mm]."""
        assert self.form is not None
        if isinstance(self.form, Cluster):
            return (np.asarray(self._box(spacing_mm, self.largest_mL)) // 2) * np.asarray(spacing_mm)
        most = 1.02 * ball_radius_mm(self.largest_mL) * self.form.extent[1] + self.kind.edge_mm
        return most + 1.5 * np.asarray(spacing_mm)  # within the voxel, and the half voxel that its edge lies in

    def _boxed(self, grid: Grid, middle: np.ndarray, volume_mL: float) -> tuple[tuple[int, int, int], np.ndarray]:
        """The box of a lesion and where it starts; it lies in the grid, as wide as that allows."""
        box = np.minimum(self._box(grid.spacing_mm, volume_mL), grid.shape)
        z, y, x = (int(n) for n in box)
        return (z, y, x), np.clip(middle - box // 2, 0, np.array(grid.shape) - box)

    def _about(
        self, grid: Grid, start: np.ndarray, box: tuple[int, int, int], by_mm: float
    ) -> tuple[np.ndarray, np.ndarray]:
        """First voxel and end of a box with what lies about a lesion, in the grid."""
        pad = np.ceil(by_mm * 1.5 / np.asarray(grid.spacing_mm)).astype(int)
        return np.maximum(start - pad, 0), np.minimum(start + box + pad, grid.shape)

    def _box(self, spacing_mm: tuple[float, ...], volume_mL: float) -> tuple[int, int, int]:
        assert self.form is not None
        if isinstance(self.form, Cluster):
            return self.form.scaled(volume_mL).box(spacing_mm)
        if self.bound_mL is not None and volume_mL == self.volume_mL:
            return box_shape(self.bound_mL, self.form.reach, spacing_mm)
        least = box_shape(volume_mL, self.form.reach, spacing_mm)
        half = [n // 2 + math.ceil(self.kind.edge_mm / d) for n, d in zip(least, spacing_mm)]
        return tuple(2 * next((h for h in LADDER if h >= n), n) + 1 for n in half)  # type: ignore[return-value]


def fitted(made: Field, volume_mL: float, grid: Grid) -> Surfaces | None:
    """A form that the anatomy gives, at a volume; None where it has no room for it."""
    size = made.holding(volume_mL / grid.voxel_mL)
    if size is None:
        return None
    whole, start = trimmed(made, made.fraction(size), grid.shape)

    def inside(at_mm: float) -> np.ndarray:
        out = np.zeros(grid.shape, np.float32)
        out[boxed(made.start, made.value.shape)] = made.fraction(at_mm)
        return out[boxed(tuple(start), whole.shape)]

    def holding(voxels: float) -> float:
        found = made.holding(voxels)
        assert found is not None  # fewer voxels than the lesion's
        return found

    return Surfaces(whole, start, inside, size, holding)
