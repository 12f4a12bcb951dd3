"""Where the rays of upright detectors cross the slabs of a volume (host side, float64, once per geometry).

With columns along z and rows level, all rays of one column of one view lie in one vertical plane. Seen from above it
is a line; it crosses slab i of the axis that it is most parallel to at a place, at a height of the first row and with a
spacing of the rows that are all linear in i. All are in voxels here.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from phantomsim.errors import ScannerError
from phantomsim.scanners.ct.geometry import Geometry


class Box(NamedTuple):
    """A volume's place: voxels (x, y, z), their pitch [mm], and the middle of the first one [mm]."""

    count: np.ndarray  # type: ignore[assignment]
    pitch: np.ndarray
    first: np.ndarray

    @classmethod
    def of(cls, shape: tuple[int, ...], spacing_mm: np.typing.ArrayLike, centre_mm: np.typing.ArrayLike) -> Box:
        """From shape and spacing (z, y, x) and centre (x, y, z)."""
        count, pitch = np.asarray(shape[::-1]), np.asarray(spacing_mm, float)[::-1]
        return cls(count, pitch, np.asarray(centre_mm, float) - 0.5 * (count - 1) * pitch)


class Fan(NamedTuple):
    """All columns of all views as seen from above; each [view, column]; lengths in mm.

    Attributes:
        source: a point of the line (x, y), the focal spot where there is one [view, column, 2].
        direction: horizontal unit vectors through a column's low edge, middle and high edge [3, view, column, 2].
        height, rise: z of the middle of the rows at `source`, and its change per mm along the line.
        spread, widen: spacing of the rows at `source`, and its change per mm along the line.
    """

    source: np.ndarray
    direction: np.ndarray
    height: np.ndarray
    rise: np.ndarray
    spread: np.ndarray
    widen: np.ndarray


class Crossings(NamedTuple):
    """Lines against the slabs i = 0 .. of one axis; all linear in i: value = field + field_step * i.

    Attributes:
        middle: of the column, in voxels of the other horizontal axis.
        half: half its width, 0 for point rays.
        z: the lower edge of the first row (its middle for point rays), in voxels.
        pitch: of the rows, in voxels.
        stride_mm: horizontal path within a slab, 0 for a line that lies behind its source.
    """

    middle: np.ndarray
    middle_step: np.ndarray
    half: np.ndarray
    half_step: np.ndarray
    z: np.ndarray
    z_step: np.ndarray
    pitch: np.ndarray
    pitch_step: np.ndarray
    stride_mm: np.ndarray


def fan(geometry: Geometry) -> Fan:
    """The columns of an upright geometry seen from above."""
    edges = np.stack([geometry.columns_from_centre + part for part in (-0.5, 0.0, 0.5)])
    shape = (geometry.views, geometry.columns)
    up = np.broadcast_to(geometry.up_mm[:, None, 2], shape)
    if geometry.beam == "parallel":
        return _parallel(geometry, edges, up)
    points = np.stack([geometry.cells(columns=line, rows=np.zeros(1))[:, 0] for line in edges])
    away = points - geometry.source_mm[:, None]
    distance = np.linalg.norm(away[..., :2], axis=-1)
    source = np.broadcast_to(geometry.source_mm[:, None], (*shape, 3))
    return Fan(
        source[..., :2],
        away[..., :2] / distance[..., None],
        source[..., 2],
        away[1, ..., 2] / distance[1],
        np.zeros(shape),
        up / distance[1],
    )


def _parallel(geometry: Geometry, edges: np.ndarray, up: np.ndarray) -> Fan:
    level = np.linalg.norm(geometry.source_mm[:, :2], axis=-1)[:, None]
    if np.any(level == 0):
        raise ScannerError("parallel rays run straight along z in some view; upright detectors need level ones")
    points = geometry.cells(columns=edges[1], rows=np.zeros(1))[:, 0]
    rise = np.broadcast_to(geometry.source_mm[:, None, 2] / level, up.shape)
    unit = np.broadcast_to((geometry.source_mm[:, :2] / level)[:, None], points[..., :2].shape)
    return Fan(points[..., :2], np.stack([unit] * 3), points[..., 2], rise, up, np.zeros(up.shape))


def mainly_x(rays: Fan) -> np.ndarray:
    """Which lines are stepped through slabs of x [view, column]; the others through slabs of y."""
    middle = np.abs(rays.direction[1])
    return middle[..., 0] >= middle[..., 1]


def crossings(rays: Fan, geometry: Geometry, box: Box, axis: int, chosen: Any, cell: bool) -> Crossings:
    """Tables of some columns against the slabs of an axis.

    Args:
        rays: of `fan(geometry)`.
        axis: 0 for slabs of x, 1 for slabs of y.
        chosen: which columns: [view, column] of bool, or anything that indexes [view, column].
        cell: edges of cells instead of their middles.
    """
    other = 1 - axis
    source = rays.source[chosen]
    along, across = rays.direction[:, *_index(chosen), axis], rays.direction[:, *_index(chosen), other]
    ahead = box.first[axis] - source[..., axis]
    tangent = across / along
    if geometry.beam == "parallel":  # the edges of a column lie to the side, not at an angle
        side = np.array([-0.5, 0.0, 0.5]).reshape(-1, *[1] * (source.ndim - 1)) * _shadow(rays, geometry, axis, chosen)
    else:
        side = np.zeros_like(tangent)
    start = (source[..., other] + side + ahead * tangent - box.first[other]) / box.pitch[other]
    step = tangent * box.pitch[axis] / box.pitch[other]
    middle, middle_step = 0.5 * (start[0] + start[2]), 0.5 * (step[0] + step[2])
    half, half_step = 0.5 * (start[2] - start[0]), 0.5 * (step[2] - step[0])
    turned = np.sign(half + half_step * (box.count[axis] - 1) / 2)
    if not cell:
        middle, middle_step, turned = start[1], step[1], np.zeros_like(half)
    half, half_step = half * turned, half_step * turned
    reach, stride = ahead / along[1], box.pitch[axis] / along[1]
    dz = box.pitch[2]
    pitch = (rays.spread[chosen] + rays.widen[chosen] * reach) / dz
    pitch_step = rays.widen[chosen] * stride / dz
    rows = geometry.rows / 2 if cell else (geometry.rows - 1) / 2
    z = (rays.height[chosen] + rays.rise[chosen] * reach - box.first[2]) / dz - rows * pitch
    z_step = rays.rise[chosen] * stride / dz - rows * pitch_step
    seen = _ahead(start[1], step[1], reach, stride, box, axis) if geometry.beam == "cone" else True
    path = np.abs(stride) * seen
    return Crossings(middle, middle_step, half, half_step, z, z_step, pitch, pitch_step, path)


def _index(chosen: np.ndarray | tuple) -> tuple:
    return chosen if isinstance(chosen, tuple) else (chosen,)


def _shadow(rays: Fan, geometry: Geometry, axis: int, chosen: np.ndarray) -> np.ndarray:
    """Width of a column of parallel rays, measured along the other axis [mm]."""
    along = np.broadcast_to(geometry.along_mm[:, None, :2], rays.source.shape)[chosen]
    unit = rays.direction[1][chosen]
    other = 1 - axis
    return along[..., other] - along[..., axis] * unit[..., other] / unit[..., axis]


def _ahead(
    start: np.ndarray, step: np.ndarray, reach: np.ndarray, stride: np.ndarray, box: Box, axis: int
) -> np.ndarray:
    """Whether the part of a line that is inside the volume lies ahead of the source, not behind it."""
    last = box.count[axis] - 0.5
    with np.errstate(divide="ignore", invalid="ignore"):
        ends = np.stack([(-1 - start) / step, (box.count[1 - axis] - start) / step])
    ends = np.where(step == 0, np.array([-0.5, last]).reshape(2, *[1] * start.ndim), ends)
    middle = np.clip(ends, -0.5, last).mean(0)
    return reach + stride * middle > 0


def check(geometry: Geometry, box: Box) -> None:
    """Raise ScannerError where a focal spot lies inside the volume."""
    if geometry.beam == "parallel":
        return
    corner = box.first - 0.5 * box.pitch
    inside = np.all((geometry.source_mm > corner) & (geometry.source_mm < corner + box.count * box.pitch), -1)
    if inside.any():
        raise ScannerError(
            f"the focal spot lies inside the volume in view {int(np.argmax(inside))}"
            f" ({np.round(geometry.source_mm[np.argmax(inside)], 1).tolist()} mm): use a smaller volume, move it, or"
            " move the source away"
        )
