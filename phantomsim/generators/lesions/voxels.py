"""From a form to fractions of voxels, with the requested volume.

A form has `size(offset_mm, radius_mm)`: a number for every point such that the lesion of a radius is where it is below
that radius; and `slope`, a bound on how fast it changes per millimetre, `reach`, the largest distance from the centre
that any such form has in units of the radius, and `extent`, bounds on this one's radii in the same unit. One made
of parts that are not alike steep has `apart`, too: how far points are from the surface at least [mm], negative inside.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from phantomsim.errors import PlacementError
from phantomsim.generators.lesions.boxes import chosen
from phantomsim.generators.lesions.held import Held, holding
from phantomsim.phantom import boxed

SAMPLES_PER_RADIUS = 12  # of the sub-grid; per voxel edge at least LEAST and at most MOST
LEAST, MOST = 2, 12
LOOKS = 8  # voxels per radius that a fast look takes
CORE = 0.95  # of the radius: what a fast look takes for the lesion
SURELY = 0.99  # of the radius: the one that holds the volume in voxels differs by some thousandths
MAX_SAMPLES = 2**23  # of all voxels at the edge together; beyond, each gets fewer


class Form(Protocol):
    """A shape that can be drawn at any size."""

    @property
    def reach(self) -> float: ...

    @property
    def slope(self) -> float: ...

    @property
    def extent(self) -> tuple[float, float]: ...

    def size(self, offset_mm: np.ndarray, radius_mm: float) -> np.ndarray: ...

    def shell(self, z: np.ndarray, y: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, tuple[float, float]]: ...


@runtime_checkable
class Parted(Protocol):
    """A form of parts that are not alike steep: one bound on its slope would call most voxels its edge."""

    def apart(self, offset_mm: np.ndarray, radius_mm: float) -> np.ndarray: ...


def ball_radius_mm(volume_mL: float) -> float:
    """Radius of the ball of a volume [mm]."""
    return (3000.0 * volume_mL / (4 * math.pi)) ** (1 / 3)


def box_shape(volume_mL: float, reach: float, spacing_mm: tuple[float, ...]) -> tuple[int, int, int]:
    """Voxels z, y, x of a box that holds any lesion of at most that volume about any centre within a voxel."""
    radius = ball_radius_mm(volume_mL) * reach
    return tuple(2 * (math.ceil(radius / d) + 1) + 1 for d in spacing_mm)  # type: ignore[return-value]


@dataclass(frozen=True)
class Drawing:
    """A form in a box, sampled once, of which several surfaces can be had.

    Attributes:
        coarse: size at the voxel centres [mm], float32 [z, y, x]; infinite near the surface.
        start: of these voxels in the box, which have all of the lesion.
        edge: flat indices of the voxels near the surface, which are sampled on a sub-grid.
        fuzzy: sizes at the samples of those [mm], float32 [N, samples].
        least: size below which voxels are whole inside the lesion [mm].
        width: over which a sample fades [mm of size].
        radius: size of the surface that holds the requested volume in these voxels [mm].
    """

    coarse: np.ndarray
    start: np.ndarray
    edge: np.ndarray
    fuzzy: np.ndarray
    least: float
    width: float
    radius: float

    def fraction(self, radius_mm: float | None = None) -> np.ndarray:
        """Volume fraction inside a surface, the lesion's own if none is given, float32, of the voxels of `coarse`."""
        radius = self.radius if radius_mm is None else radius_mm
        out = (self.coarse < radius).astype(np.float32)
        out.ravel()[self.edge] = _cover(self.fuzzy, radius, self.width).mean(axis=1)
        return out

    def holding(self, voxels: float) -> float:
        """The size [mm] of the surface inside the lesion that holds so many voxels."""
        flat, fuzzy = np.sort(self.coarse, axis=None), Held.of(self.fuzzy, self.width)
        samples = self.fuzzy.shape[1]

        def held(size: float) -> float:
            return float(np.searchsorted(flat, np.float32(size))) + fuzzy.below(size) / samples

        return holding(held, voxels, 0.0, self.radius)


def draw(
    shape: Form,
    volume_mL: float,
    centre: np.ndarray,
    spacing_mm: tuple[float, ...],
    box: tuple[int, int, int],
    inwards: float = 0.0,
    edge_mm: float = 0.0,
) -> Drawing:
    """Sample a form in a box and find the surface that holds a volume.

    Voxels near the surface are sampled on a sub-grid, each sample counting by how far it lies inside the surface in
    units of its own size. The size of the shape is then set so that the sum is exact; for fine voxels it moves by some
    thousandths only.

    Args:
        centre: of the lesion, index (z, y, x) in the box.
        spacing_mm: of voxels z, y, x.
        box: from `box_shape`.
        inwards: how deep below its surface the form is sampled finely, in radii; 1 where inner surfaces are wanted.
        edge_mm: width over which the lesion fades.
    Raises:
        PlacementError: the lesion does not fit the box, or is too small for the voxels.
    """
    radius = ball_radius_mm(volume_mL)
    try:  # half a voxel is enough as a rule, and quick; a mesh or mask whose volume is not quite known needs more
        return _drawn(
            shape, radius, min(0.1 * radius, 0.5 * min(spacing_mm)), centre, spacing_mm, box, inwards, edge_mm
        )
    except PlacementError:
        return _drawn(shape, radius, 0.1 * radius, centre, spacing_mm, box, inwards, edge_mm)


def _drawn(
    shape: Form,
    radius: float,
    margin: float,
    centre: np.ndarray,
    spacing_mm: tuple[float, ...],
    box: tuple[int, int, int],
    inwards: float,
    edge_mm: float,
) -> Drawing:
    """See `draw`; the surface that holds the volume is looked for within a margin of the radius [mm]."""
    offsets = [(np.arange(n) - c) * d for n, c, d in zip(box, centre, spacing_mm)]
    half = 1.2 * math.hypot(*spacing_mm) * 0.5
    reach = half * shape.slope + margin + edge_mm
    least = radius - max(reach, inwards * radius)
    some = spanned(shape, radius + reach, offsets)
    lines = [line[part] for line, part in zip(offsets, some)]
    coarse = sizes(shape, lines, radius, least, radius + reach)
    edge, points = chosen((coarse >= least) & (coarse <= radius + reach), lines)
    if isinstance(shape, Parted) and not inwards:
        near = np.abs(shape.apart(points, radius)) <= half + margin + edge_mm
        edge, points = edge[near], points[near]
    coarse.ravel()[edge] = np.inf
    fine = [int(np.clip(math.ceil(SAMPLES_PER_RADIUS * d / radius), LEAST, MOST)) for d in spacing_mm]
    while math.prod(fine) * len(edge) > MAX_SAMPLES and max(fine) > LEAST:
        fine = [max(LEAST, n - 1) for n in fine]
    step = [((np.arange(n) + 0.5) / n - 0.5) * d for n, d in zip(fine, spacing_mm)]
    sub = _points(*step).reshape(-1, 3).astype(np.float32)
    fuzzy = shape.size(points[:, None, :] + sub, radius)
    width = max(max(d / n for n, d in zip(fine, spacing_mm)), edge_mm)
    wanted = 4 / 3 * math.pi * radius**3 / math.prod(spacing_mm) - np.count_nonzero(coarse < radius)
    size = _solve(fuzzy, wanted, width, radius, reach)
    return Drawing(coarse, np.array([part.start for part in some]), edge, fuzzy, radius - reach, width, size)


def fractions(
    shape: Form, volume_mL: float, centre: np.ndarray, spacing_mm: tuple[float, ...], box: tuple[int, int, int]
) -> np.ndarray:
    """Volume fraction of each voxel of a box, float32 [z, y, x]; their sum x voxel volume is the requested volume.

    Args, Raises: as `draw`.
    """
    drawing = draw(shape, volume_mL, centre, spacing_mm, box)
    out = np.zeros(box, np.float32)
    out[boxed(tuple(drawing.start), drawing.coarse.shape)] = drawing.fraction()
    return out


def core(
    shape: Form, volume_mL: float, centre: np.ndarray, spacing_mm: tuple[float, ...], box: tuple[int, int, int]
) -> tuple[np.ndarray, tuple[slice, ...]]:
    """Which of some voxels of the box the lesion surely touches, bool [z, y, x], and which these are.

    A fast look before `fractions`.
    """
    radius = ball_radius_mm(volume_mL)
    some = tuple(slice(0, n, max(1, int(radius / d / LOOKS))) for n, d in zip(box, spacing_mm))
    offsets = [((np.arange(n) - c) * d)[s] for n, c, d, s in zip(box, centre, spacing_mm, some)]
    return sizes(shape, offsets, radius, 0.0, radius) < CORE * radius, some


def touches(
    shape: Form, volume_mL: float, centre: np.ndarray, spacing_mm: tuple[float, ...], voxels: tuple[np.ndarray, ...]
) -> bool:
    """Whether the middle of one of some voxels (z, y, x) lies in the lesion: a fast look at what it may not touch."""
    radius = ball_radius_mm(volume_mL)
    points = np.stack([(i - c) * d for i, c, d in zip(voxels, centre, spacing_mm)][::-1], axis=-1).astype(np.float32)
    near = np.einsum("ij,ij->i", points, points) <= (radius * shape.extent[1]) ** 2
    return bool((shape.size(points[near], radius) < SURELY * radius).any())


def spanned(shape: Form, most_mm: float, offsets: list[np.ndarray]) -> tuple[slice, ...]:
    """The part of a product grid beyond which sizes are surely above `most`; offsets as of `sizes`."""
    far = shape.extent[1] * most_mm
    return tuple(slice(*(int(i) for i in np.searchsorted(line, (-far, far)))) for line in offsets)


def sizes(shape: Form, offsets: list[np.ndarray], radius_mm: float, least_mm: float, most_mm: float) -> np.ndarray:
    """Size at the points of a product grid [mm], float32 [z, y, x]: 0 where surely below `least`, inf above `most`.

    Args:
        offsets: from the lesion's centre along z, y, x [mm].
    """
    out = np.full([len(line) for line in offsets], np.inf, np.float32)
    some = spanned(shape, most_mm, offsets)
    lines = [line[part].astype(np.float32) for line, part in zip(offsets, some)]  # good to a ten-thousandth of a mm
    square, (short, long) = shape.shell(*np.ix_(*lines))
    inside, near = square < (short * max(least_mm, 0.0)) ** 2, square <= (long * most_mm) ** 2
    part = np.where(inside, np.float32(0), np.float32(np.inf))
    flat, points = chosen(near & ~inside, lines)
    part.ravel()[flat] = shape.size(points, radius_mm)
    out[some] = part
    return out


def _points(z: np.ndarray, y: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Product grid of points (x, y, z), [z, y, x, 3]."""
    return np.stack(np.broadcast_arrays(x[None, None, :], y[None, :, None], z[:, None, None]), axis=-1)


def _cover(distance: np.ndarray, size: float, width: float) -> np.ndarray:
    return np.clip((size - distance) / width + 0.5, 0.0, 1.0)


def _solve(distance: np.ndarray, wanted: float, width: float, radius: float, reach: float) -> float:
    """The size [mm] at which the edge voxels hold what is wanted [voxels]."""
    low, high = max(radius - reach, 0.0), radius + reach
    edge, samples = Held.of(distance, width), distance.shape[1]
    if not edge.below(low) <= wanted * samples <= edge.below(high):
        raise PlacementError(f"a lesion of radius {radius:.3g} mm cannot be drawn on this grid; use finer voxels")
    return holding(edge.below, wanted * samples, low, high)
