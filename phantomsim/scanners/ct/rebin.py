"""From fans to parallel rays, row by row, filtered: the first half of a helical reconstruction.

The ray of fan angle g from the source at angle b runs in the direction b + g, at the distance R sin g from the axis
(Kak and Slaney 1988, section 3.4.3). Between views and between columns rays are interpolated by cubic
convolution (Keys, IEEE Trans. ASSP 29 (1981) 1153, doi:10.1109/TASSP.1981.1163711), and its blur along
the columns is made up for in the kernel.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from phantomsim.errors import ScannerError
from phantomsim.scanners.ct.geometry import Geometry
from phantomsim.scanners.ct.kernels import rebinned_filter


@dataclass(frozen=True)
class HalfTurns:
    """Directions of parallel rays over half a turn, and the half turns in which they were measured again.

    Line i of an odd half turn is the same line in space as line i of an even one, run through backwards.

    Attributes:
        z_mm: least and greatest z of the source in each half turn [half turn, 2].
        ring: views in a turn that closes (axial turns); 0: one helix.
        lines: by line: `fan` (fan angle in even half turns, minus that in odd ones), `root_mm` (half the chord of the
            source's circle), `row_slope` (height of a row over the distance from the source) and `columns` (that see it
            in even and odd half turns [2, line]).
        kept: the same of the lines that the image needs; without columns.
        halves: by half turn: `sense` (1 even, -1 odd), and what holds at its first direction and fan angle 0:
            `start_mm` (z of the source) and `view` (number of the view).
        numbers: `turned` (of each direction since the first of its half turn [direction]), `first_angle` (of the first
            direction), `per_view` (angle between views), `last_view`, `feed_mm` (per radian), `filter`.
    """

    z_mm: np.ndarray
    ring: int
    lines: dict[str, np.ndarray]
    kept: dict[str, np.ndarray]
    halves: dict[str, np.ndarray]
    numbers: dict[str, object]


def half_turns(geometry: Geometry, kernel: str, reach_mm: float) -> HalfTurns:
    """Lay out the parallel rays of a helix or of axial turns, for an image of a radius `reach_mm` (host side).

    Raises:
        ScannerError: no cone beam on a circle or helix, or less than a turn.
    """
    orbit = geometry.orbit
    if orbit is None or geometry.beam == "parallel" or geometry.views < orbit.views_per_turn:
        raise ScannerError("weighted filtered backprojection needs a cone beam over one or more whole turns")
    ring = orbit.views_per_turn if orbit.feed_mm == 0 else 0
    per_view = 2 * np.pi / orbit.views_per_turn
    feed = orbit.feed_mm / (2 * np.pi)
    lines = _lines(geometry)
    cut = max(0, (len(lines["fan"]) - 3) // 2 - int(reach_mm / geometry.column_at_isocentre_mm))
    directions = -(-orbit.views_per_turn // 2)
    early = 0 if ring else 1  # a half turn before the first view: fans reach back into it
    number = np.arange(2 * (geometry.views // ring) if ring else -(-2 * geometry.views // orbit.views_per_turn) + 2)
    view = (number - early) * orbit.views_per_turn / 2
    start = orbit.table_mm[number // 2 * ring] if ring else orbit.table_mm[0] + view * per_view * feed
    fan = np.abs(lines["fan"]).max()
    response = rebinned_filter(kernel, len(lines["fan"]), geometry.column_at_isocentre_mm)
    return HalfTurns(
        np.sort(np.stack([start - fan * feed, start + (np.pi + fan) * feed], -1), -1),
        ring,
        lines,
        {name: value[cut : len(value) - cut] for name, value in lines.items() if name != "columns"},
        {"sense": 1.0 - 2.0 * (number % 2), "start_mm": start, "view": view},
        {
            "turned": np.arange(directions) * np.pi / directions,
            "first_angle": orbit.angle[0] - early * np.pi,
            "per_view": per_view,
            "last_view": np.inf if ring else geometry.views - 1.0,
            "feed_mm": feed,
            "filter": response * np.pi / directions,
        },
    )


def _lines(geometry: Geometry) -> dict[str, np.ndarray]:
    """Parallel lines of the columns' pitch at the isocentre; see `HalfTurns.lines`."""
    pitch = geometry.column_at_isocentre_mm
    count = 2 * int(geometry.field_mm / 2 / pitch) + 1
    across = (np.arange(count) - (count - 1) / 2) * pitch
    fan = np.arcsin(across / geometry.radius_mm)
    flat = geometry.detector == "flat"
    column = (np.tan(fan) if flat else fan) / geometry.fan_step
    middle = (geometry.columns - 1) / 2 + geometry.column_offset
    slope = geometry.row_mm / geometry.distance_mm * (np.cos(fan) if flat else np.ones(count))
    columns = np.stack([middle + column, middle - column])
    return {"fan": fan, "root_mm": geometry.radius_mm * np.cos(fan), "row_slope": slope, "columns": columns}


@partial(jax.jit, static_argnames=("ring", "kept"))
def rebinned(
    scans: jax.Array,
    lines: dict[str, jax.Array],
    halves: dict[str, jax.Array],
    numbers: dict[str, jax.Array],
    ring: int,
    kept: int,
) -> jax.Array:
    """Rebin and filter.

    Args:
        scans: line integrals [view, column, row, scan].
        lines, halves, numbers, ring: of `HalfTurns`.
        kept: lines in the middle that are given back.
    Returns:
        Filtered rows, float32 [direction, half turn, line, row, scan].
    """
    views, columns, rows, count = scans.shape
    flat = scans.reshape(views * columns, rows * count)
    slant = 1 / jnp.sqrt(1 + (lines["row_slope"] * (jnp.arange(rows)[:, None] - (rows - 1) / 2)) ** 2)
    n = 2 * (len(numbers["filter"]) - 1)
    odd = (halves["sense"] < 0).astype(jnp.int32)
    whole = jnp.floor(halves["view"])

    def direction(turned: jax.Array) -> jax.Array:
        ahead = (turned - halves["sense"][:, None] * lines["fan"]) / numbers["per_view"]
        i, view_taps = _cubic(ahead + (halves["view"] - whole)[:, None])
        j, column_taps = _cubic(lines["columns"][odd])
        found = jnp.zeros((*i.shape, rows * count), jnp.float32)
        for a in range(4):
            view = _inside(i + a - 1, whole.astype(jnp.int32)[:, None], views, ring)
            for b in range(4):
                at = view * columns + jnp.clip(j + b - 1, 0, columns - 1)
                found += (view_taps[a] * column_taps[b])[..., None] * flat.at[at].get(mode="promise_in_bounds")
        weighted = jnp.moveaxis(found.reshape(*i.shape, rows, count), 1, -1) * slant[:, None]
        spectrum = jnp.fft.rfft(weighted, n) * numbers["filter"]
        cut = (i.shape[1] - kept) // 2
        return jnp.moveaxis(jnp.fft.irfft(spectrum, n)[..., cut : cut + kept], -1, 1)

    return jax.lax.map(direction, numbers["turned"])


def _inside(ahead: jax.Array, first: jax.Array, views: int, ring: int) -> jax.Array:
    """Number of a view that lies `ahead` of another; in a ring turns close, on a helix the ends go on."""
    if not ring:
        return jnp.clip(first + ahead, 0, views - 1)
    start = first // ring * ring
    return start + jnp.mod(first - start + ahead, ring)


def _cubic(place: jax.Array) -> tuple[jax.Array, tuple[jax.Array, ...]]:
    """Index below a place, and weights of the four neighbours from one before it on: Keys's kernel, a = -1/2."""
    low = jnp.floor(place)
    t = place - low
    taps = (
        ((-0.5 * t + 1) * t - 0.5) * t,
        (1.5 * t - 2.5) * t * t + 1,
        ((-1.5 * t + 2) * t + 0.5) * t,
        (0.5 * t - 0.5) * t * t,
    )
    return low.astype(jnp.int32), taps
