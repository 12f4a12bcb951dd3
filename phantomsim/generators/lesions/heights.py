"""How far the voxels of a box lie below the skull and below the top of the brain, plane by plane."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from phantomsim.generators.lesions.boxes import inner
from phantomsim.generators.lesions.conform import Space
from phantomsim.generators.lesions.distances import Depth


class Planes(Protocol):
    """Distances [mm], float32 [y, x], of each plane of a box: an array, or what makes planes when asked."""

    def __getitem__(self, z: int, /) -> np.ndarray: ...


@dataclass(frozen=True)
class BelowVertex:
    """From the highest voxels of the brain.

    Attributes:
        square_mm2: along z, y, x, float32.
    """

    square_mm2: tuple[np.ndarray, ...]

    @classmethod
    def of(cls, space: Space, box: tuple[slice, ...]) -> BelowVertex:
        grid, (brain, whole) = space.phantom.grid, space.inside()
        up = np.asarray(grid.direction)[2, ::-1]
        axis = int(np.argmax(np.abs(up)))
        last = brain.shape[axis] - 1 if up[axis] > 0 else 0
        plane = np.argwhere(np.take(brain, last, axis)).mean(axis=0)
        top = np.insert(plane, axis, last) + [b.start for b in whole]
        offset = [(np.arange(b.start, b.stop) - t) * d for b, t, d in zip(box, top, grid.spacing_mm)]
        return cls(tuple(o.astype(np.float32) ** 2 for o in offset))

    def __getitem__(self, z: int, /) -> np.ndarray:
        above, y, x = self.square_mm2
        return np.sqrt(y[:, None] + x + above[z])


@dataclass(frozen=True)
class BelowSkull:
    """From the inner table: below 0 outside the skull, infinite where it is not looked at.

    Attributes:
        depth, whole: from `Space.depth`.
        box: of the voxels.
    """

    depth: Depth
    whole: tuple[slice, ...]
    box: tuple[slice, ...]

    def __getitem__(self, z: int, /) -> np.ndarray:
        plane = (slice(self.box[0].start + z, self.box[0].start + z + 1), *self.box[1:])
        shape, found = tuple(b.stop - b.start for b in plane), self.depth.within(inner(plane, self.whole))
        if found.shape == shape:
            return found[0]
        out = np.full(shape, np.inf, np.float32)
        out[inner(self.whole, plane)] = found
        return out[0]
