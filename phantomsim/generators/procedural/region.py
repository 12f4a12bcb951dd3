"""What a region of the body is to the generator: its organs, how they are drawn, and where volumes are solved."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import jax
import numpy as np

from phantomsim.generators.procedural.canvas import Draw, Numbers
from phantomsim.generators.procedural.painted import Painted
from phantomsim.generators.procedural.wholes import whole
from phantomsim.grid import Grid
from phantomsim.phantom import Organs, Overlay


@dataclass(frozen=True)
class Region:
    """An anatomy.

    Attributes:
        organs: tissue by organ, in the order of the labels; the first is air.
        draw: paints a patient; what it reads of a voxel is its place alone, so that any slab can be drawn by itself.
        plan_shape, plan_voxel_mm, plan_centre_mm: the coarse grid of the whole region on which volumes are solved.
        grow: numbers that are too dear to find anew for every slab (branching trees), from covariates and a key.
        wobbles: standard normal numbers that `draw` finds as "wobble".
        wholes: organs that together are one piece in everyone.
        lowest_mm: lowest z that is drawn, where that is below the coarse grid.
    """

    organs: dict[str, str]
    draw: Draw
    plan_shape: tuple[int, int, int]
    plan_voxel_mm: float
    plan_centre_mm: tuple[float, float, float] = (0.0, 0.0, 0.0)
    grow: Callable[[Numbers, jax.Array], Numbers] | None = None
    wobbles: int = 64
    wholes: tuple[tuple[str, ...], ...] = ()
    lowest_mm: float | None = None

    def z_mm(self) -> tuple[float, float]:
        """Lowest and highest z that is drawn [mm]; beyond it shapes go on as formulas do, not as bodies."""
        half = 0.5 * self.plan_shape[0] * self.plan_voxel_mm
        low, high = self.plan_centre_mm[2] - half, self.plan_centre_mm[2] + half
        return (low if self.lowest_mm is None else self.lowest_mm), high

    @property
    def tissues(self) -> tuple[str, ...]:
        """Names of the tissues, each once, air first."""
        return tuple(dict.fromkeys(self.organs.values()))

    def made_whole(self, painted: Painted, voxel_mm: float) -> Painted:
        """A painted grid without loose pieces of `wholes`."""
        names = list(self.organs)
        return whole(painted, tuple(tuple(names.index(o) for o in w) for w in self.wholes), voxel_mm)

    def phantom_parts(self, painted: Painted, grid: Grid) -> tuple[np.ndarray, tuple[Overlay, ...], Organs]:
        """Tissue labels [z, y, x], the overlay of second tissues, and organs."""
        index = np.array([self.tissues.index(t) for t in self.organs.values()], np.uint8)
        first, second = index[np.asarray(painted.first)], index[np.asarray(painted.second)]
        share = np.where(first == second, np.float32(0), np.asarray(painted.share))
        organs = Organs(np.asarray(painted.first), ("", *list(self.organs)[1:]))
        return first, _second(second, share), organs


def _second(second: np.ndarray, share: np.ndarray) -> tuple[Overlay, ...]:
    """The overlay in the smallest box that holds all that is shared."""
    used = [np.flatnonzero(share.any(axis=tuple(b for b in range(3) if b != a))) for a in range(3)]
    if not all(len(u) for u in used):
        return ()
    box = tuple(slice(int(u[0]), int(u[-1]) + 1) for u in used)
    start = (box[0].start, box[1].start, box[2].start)
    return (Overlay(np.ascontiguousarray(second[box]), np.ascontiguousarray(share[box]), start),)
