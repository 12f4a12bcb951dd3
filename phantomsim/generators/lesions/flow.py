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
from scipy import ndimage, sparse

from phantomsim.errors import PlacementError
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
    points = np.argwhere(region).T.astype(np.float32)
    back, forth = _at_rest(grid.shape), np.argwhere(region & followed).T.astype(np.float32)  # in voxels
    begun = forth
    room_about = np.maximum(ndimage.uniform_filter(region.astype(float), 3, mode="constant"), 1e-6)
    system = _system(region, grid.spacing_mm)
    guess, last = np.zeros(int(region.sum())), np.zeros(int(region.sum()))
    volumes = volume_mL * (1 - share + share * np.arange(STEPS + 1) / STEPS)
    for now, then in itertools.pairwise(volumes):
        grown = lesion(float(now)) * region
        here = ndimage.map_coordinates(yields, back, order=1, mode="nearest") * region
        fluid = here * (ndimage.uniform_filter(here, 3, mode="constant") / room_about) ** THICK * (1 - grown)
        amount = (then - now) / grid.voxel_mL
        middle = lesion(INNER * float(now)) * region
        source = middle / middle.sum() - fluid / fluid.sum()
        velocity, found = _velocity(system, region, amount * source, grid.spacing_mm, guess)
        guess, last = 2 * found - last if last.any() else found, found
        came = points.copy()  # backwards along this step, then along those before
        for _ in range(SUBSTEPS):
            came = _stepped(came, velocity, -1 / SUBSTEPS)
            forth = _stepped(forth, velocity, 1 / SUBSTEPS)
        was = [ndimage.map_coordinates(b, came, order=1, mode="nearest") for b in back]
        back[:, region] = was
    spacing = np.asarray(grid.spacing_mm, np.float32).reshape(3, 1)
    went = np.zeros(back.shape, np.float32)
    went[:, region & followed] = (forth - begun) * spacing
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


def _system(region: np.ndarray, spacing: tuple[float, ...]) -> sparse.csr_matrix:
    """Minus the Laplacian with walls at the region's border, by faces between its voxels."""
    number = np.full(region.shape, -1)
    number[region] = np.arange(region.sum())
    rows, columns, values = [], [], []
    for axis, d in enumerate(spacing):
        a, b = np.delete(number, -1, axis).ravel(), np.delete(number, 0, axis).ravel()
        both = (a >= 0) & (b >= 0)
        a, b = a[both], b[both]
        w = np.full(len(a), 1 / d**2)
        for r, c, v in ((a, b, -w), (b, a, -w), (a, a, w), (b, b, w)):
            rows.append(r)
            columns.append(c)
            values.append(v)
    n = int(region.sum())
    made = sparse.coo_matrix((np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))), (n, n))
    return made.tocsr()


def _solved(system: sparse.csr_matrix, wanted: np.ndarray, guess: np.ndarray) -> np.ndarray:
    """Conjugate gradients with the diagonal as preconditioner."""
    scale = 1 / np.maximum(system.diagonal(), 1e-9)
    found, left = guess.copy(), wanted - system @ guess
    way = scale * left
    size, enough = left @ way, TOLERANCE * np.linalg.norm(wanted)
    for _ in range(MOST_ITERATIONS):
        if np.linalg.norm(left) <= enough:
            break
        ahead = system @ way
        step = size / (way @ ahead)
        found += step * way
        left -= step * ahead
        scaled = scale * left
        size, before = left @ scaled, size
        way *= size / before
        way += scaled
    return found


def _velocity(
    system: sparse.csr_matrix, region: np.ndarray, source: np.ndarray, spacing: tuple[float, ...], guess: np.ndarray
) -> tuple[list[np.ndarray], np.ndarray]:
    """Velocity through the faces of voxels along each axis [voxels per step], and the potential."""
    potential = _solved(system, source[region] - source[region].mean(), guess)
    whole = np.zeros(region.shape)
    whole[region] = potential
    found = []
    for axis, d in enumerate(spacing):
        # Face i lies before voxel i; matter flows down the potential.
        fall = np.zeros([n + (a == axis) for a, n in enumerate(region.shape)], np.float32)
        inner = tuple(slice(1, -1) if a == axis else slice(None) for a in range(3))
        both = np.delete(region, -1, axis) & np.delete(region, 0, axis)
        fall[inner] = np.where(both, -np.diff(whole, axis=axis), 0) / d**2
        found.append(fall)
    return found, potential


def _stepped(points: np.ndarray, velocity: list[np.ndarray], time: float) -> np.ndarray:
    """Points after a time along the velocity, by the midpoint rule."""
    middle = points + time / 2 * _at(velocity, points)
    return points + time * _at(velocity, middle)


def _at(velocity: list[np.ndarray], points: np.ndarray) -> np.ndarray:
    found = []
    for axis, faces in enumerate(velocity):
        shift = np.array([0.5 if a == axis else 0.0 for a in range(3)], np.float32)[:, None]
        found.append(ndimage.map_coordinates(faces, points + shift, order=1, mode="nearest"))
    return np.stack(found)


def coarse_grid(grid: Grid, box: tuple[slice, ...], step: int) -> Grid:
    """Voxels of `step` fine ones, that cover a box of the fine grid."""
    shape = tuple(math.ceil((b.stop - b.start) / step) for b in box)
    first = [b.start + (step - 1) / 2 for b in box]
    spacing = tuple(d * step for d in grid.spacing_mm)
    return Grid(shape, spacing, tuple(grid.world(first).tolist()), grid.direction)  # type: ignore[arg-type]
