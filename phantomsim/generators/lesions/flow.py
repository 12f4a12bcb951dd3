"""How a lesion pushes the brain aside: an incompressible flow inside a rigid skull.

While the lesion grows, what it displaces must go somewhere: the skull does not give way and brain keeps its volume, but
fluid can leave. So the velocity has a source in the lesion, a sink in the fluid, none in the brain, and no component
through the skull; of all such flows the one with the least energy is the gradient of a potential, div grad p = source,
dp/dn = 0 at the wall (Kelvin's theorem of minimum energy; Lamb, Hydrodynamics, article 45). In an unbounded medium it
is the radial expansion that moves a point at distance r to (r^3 + a^3)^(1/3). The flow of a smooth velocity is
one-to-one, so nothing folds. It is solved on coarse voxels in a few steps, with lesion and fluid where they are then.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from phantomsim.errors import PlacementError
from phantomsim.generators.lesions.pieces import in_pieces
from phantomsim.generators.lesions.potential import carried, linear, padded, potential, velocity
from phantomsim.grid import Grid

STEPS = 5  # in which the lesion grows
SUBSTEPS = 2  # of the midpoint rule in each
TOLERANCE, MOST_ITERATIONS = 1e-4, 2000  # of the potential: shifts of the midline are right to 0.001 mm
MOST_FLUID = 0.7  # of the fluid that may leave
#: Part of the lesion's volume in which its source lies: what is outside moves alike, and its blur stays inside.
INNER = 0.7
THICK = 10.0  # the sink goes with the fluid's share around a voxel to this power: brain beside sulci is hardly drained


@dataclass(frozen=True)
class Flow:
    """Where points come from, on coarse voxels.

    Attributes:
        grid: of the coarse voxels.
        back_mm: vector (z, y, x of the grid) from a point to where its matter was [mm], float32 [3, z, y, x].
        forth_mm: the same from where matter was to where it is; 0 where it was not followed.
        moved: the coarse voxels in which anything moves, bool.
    """

    grid: Grid
    back_mm: np.ndarray
    forth_mm: np.ndarray
    moved: np.ndarray

    def jacobian(self) -> np.ndarray:
        """Determinant of the map from where matter is to where it was, at coarse voxels that move, float [N]."""
        gradients = [np.gradient(u, *self.grid.spacing_mm) for u in self.back_mm]
        matrix = np.stack([np.stack(g, -1) for g in gradients], -2) + np.eye(3)
        return np.linalg.det(matrix)[ndimage.binary_erosion(self.moved)]


def flow(
    grid: Grid,
    moves: np.ndarray,
    yields: np.ndarray,
    lesion: Callable[[float], np.ndarray],
    volume_mL: float,
    share: float,
    followed: np.ndarray,
) -> Flow:
    """Solve for how a growing lesion moves its surroundings.

    Args:
        grid: coarse voxels.
        moves: share of each that can move at all, float [z, y, x].
        yields: share that gives way.
        lesion: fractions on `grid` of the lesion at a volume [mL], nested.
        volume_mL: of the lesion in the end.
        share: of it that displaces.
        followed: coarse voxels whose matter is followed forwards, bool.
    Raises:
        PlacementError: there is not enough that gives way, or the lesion does not touch what moves.
    """
    region = _piece(moves >= 0.5, lesion(volume_mL))
    room = float((yields * region).sum()) * grid.voxel_mL
    if room * MOST_FLUID < share * volume_mL:
        raise PlacementError(
            f"a lesion of {volume_mL:g} mL displaces {share * volume_mL:.3g} mL, but only {room * MOST_FLUID:.3g} mL "
            "of fluid can give way; lower volume_mL or mass_effect.share, or set mass_effect = false"
        )
    points = np.argwhere(region).astype(np.float32)
    back, forth = _at_rest(grid.shape), np.argwhere(region & followed).astype(np.float32)  # in voxels
    begun = forth
    room_about = np.maximum(ndimage.uniform_filter(region.astype(float), 3, mode="constant"), 1e-6)
    space, last = padded(region), np.array(grid.shape, np.float32) - 1
    per_mm2 = 1 / np.array(grid.spacing_mm, np.float32) ** 2
    guess, before = np.zeros_like(space), np.zeros_like(space)
    volumes = volume_mL * (1 - share + share * np.arange(STEPS + 1) / STEPS)
    for now, then in itertools.pairwise(volumes):
        grown = lesion(float(now)) * region
        here = ndimage.map_coordinates(yields, back, order=1, mode="nearest") * region
        fluid = here * (ndimage.uniform_filter(here, 3, mode="constant") / room_about) ** THICK * (1 - grown)
        amount = (then - now) / grid.voxel_mL
        middle = lesion(INNER * float(now)) * region
        source = amount * (middle / middle.sum() - fluid / fluid.sum())
        source = (source - source[region].mean()) * region
        found = np.asarray(potential(space, padded(source), guess, per_mm2, TOLERANCE, MOST_ITERATIONS))
        guess, before = 2 * found - before if before.any() else found, found
        faces = velocity(space, found, per_mm2)
        came = in_pieces(carried, points, faces, last, -1.0, SUBSTEPS)  # along this step, then along those before
        forth = in_pieces(carried, forth, faces, last, 1.0, SUBSTEPS)
        back[:, region] = [in_pieces(linear, came, b, last) for b in padded(back)]
    spacing = np.asarray(grid.spacing_mm, np.float32).reshape(3, 1)
    went = np.zeros(back.shape, np.float32)
    went[:, region & followed] = (forth - begun).T * spacing
    return Flow(grid, (back - _at_rest(grid.shape)) * spacing[..., None, None], went, region)


def _at_rest(shape: tuple[int, ...]) -> np.ndarray:
    return np.stack(np.meshgrid(*(np.arange(n) for n in shape), indexing="ij")).astype(np.float32)


def _piece(region: np.ndarray, lesion: np.ndarray) -> np.ndarray:
    """The connected part that the lesion lies in."""
    pieces, _ = ndimage.label(region)
    held = np.bincount(pieces.ravel(), weights=(lesion * region).ravel())
    held[0] = 0
    if held.max(initial=0) <= 0:
        raise PlacementError("the lesion touches nothing that mass_effect.moves names")
    return pieces == held.argmax()


def coarse_grid(grid: Grid, box: tuple[slice, ...], step: int) -> Grid:
    """Voxels of `step` fine ones, that cover a box of the fine grid."""
    shape = tuple(math.ceil((b.stop - b.start) / step) for b in box)
    first = [b.start + (step - 1) / 2 for b in box]
    spacing = tuple(d * step for d in grid.spacing_mm)
    return Grid(shape, spacing, tuple(grid.world(first).tolist()), grid.direction)  # type: ignore[arg-type]
