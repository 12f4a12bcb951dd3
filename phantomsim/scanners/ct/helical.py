"""Weighted filtered backprojection of helices, and of axial turns side by side.

Stierstorfer et al., Phys. Med. Biol. 49 (2004) 2209, doi:10.1088/0031-9155/49/11/007: fans are rebinned to parallel
rays, each row is filtered along its own rays, and a voxel takes from every half turn that sees it, weighted by where it
lies on the detector (1 in the middle, falling smoothly to 0 at the first and last row) over the sum of the weights of
all half turns of that direction. No voxel changes from one turn to the next at once, so there are no stairs.

The half turns of one direction share their lines seen from above. What they give together is
worked out on a table of (line, place along it, slice), and a pixel takes whole stacks of slices from the two lines and
the two places next to it. Along z a slice is averaged over its thickness, rows taken as boxes.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from phantomsim.scanners.ct.geometry import Geometry
from phantomsim.scanners.ct.rebin import half_turns, rebinned

FULL = 0.6  # share of the detector's half height in which a voxel has weight 1; Stierstorfer's Q
FAINT = 1e-6  # weight just beyond the detector: counts only where no half turn sees a voxel
FAR = 1e6  # rows: how far the outermost rows go on
LEVEL_MM, LEVEL_ROWS = 20.0, 2.0  # at most, between places along a line; and by which a slice moves on the detector
SHIFT = 0.25  # rows, at most (at the top, nearest to the source), between a line and the middle of its group
BLOCK = 40  # slices at a time
PART = 0.125  # of the collimation: thicker slices are made of parts, each weighted by itself

Numbers = dict[str, jax.Array]


def reconstruct(
    projections: jax.Array,
    geometry: Geometry,
    kernel: str,
    shape: tuple[int, int, int],
    spacing_mm: tuple[float, float, float],
    centre_mm: np.typing.ArrayLike = (0.0, 0.0, 0.0),
) -> jax.Array:
    """Reconstruct slices; arguments and result as of `fdk.reconstruct`.

    A slice thinner than a row at the isocentre is made as thick as one. Where no half turn sees a voxel, the
    outermost row of the nearest one goes on.

    Raises:
        ScannerError: parallel beams, or less than a turn.
    """
    centre = np.asarray(centre_mm, float)
    z, y, x = ((np.arange(n) - (n - 1) / 2) * d + c for n, d, c in zip(shape, spacing_mm, centre[::-1]))
    reach = min(float(np.hypot(np.abs(x).max(), np.abs(y).max())), geometry.field_mm / 2)
    turns = half_turns(geometry, kernel, reach)
    levels = _levels(geometry, reach)
    edges, mix = _edges(geometry, z, spacing_mm[0])
    first, most = _seen(geometry, turns.z_mm, edges, reach)
    numbers = {
        **turns.numbers,
        **_groups(turns.kept, geometry, reach),
        "levels": levels,
        "mix": mix,
        "line": [1 / geometry.column_at_isocentre_mm, (len(turns.kept["fan"]) - 1) / 2],
        "level": [1 / (levels[1] - levels[0]), (len(levels) - 1) / 2],
        "field_mm": geometry.field_mm / 2,
    }
    arrays, lines, halves, *rest = _floats((numbers, turns.lines, turns.halves, edges, x, y))
    scans = projections.reshape(-1, *projections.shape[-3:]).transpose(1, 3, 2, 0)
    rows = rebinned(scans, lines, halves, arrays, turns.ring, len(turns.kept["fan"]))
    images = _blocks(rows, jnp.asarray(first, jnp.int32), arrays, halves, *rest, most)
    joined = images.transpose(1, 0, 2, 3, 4).reshape(scans.shape[-1], -1, *shape[1:])[:, : shape[0]]
    return joined.reshape(*projections.shape[:-3], *shape)


def _floats(tree: Any) -> Any:
    return jax.tree.map(lambda a: jnp.asarray(a, jnp.float32), tree, is_leaf=lambda a: isinstance(a, list))


def _groups(lines: dict[str, np.ndarray], geometry: Geometry, reach_mm: float) -> dict[str, np.ndarray]:
    """Neighbouring lines whose rows lie alike, in groups as large as `SHIFT` allows: the middle of each [group]."""
    pitch, feed = geometry.column_at_isocentre_mm, abs(geometry.orbit.feed_mm) / (2 * np.pi) if geometry.orbit else 0.0
    nearest = geometry.radius_mm - min(reach_mm, 0.95 * geometry.radius_mm)
    row_mm = geometry.row_mm / geometry.distance_mm * nearest
    by_feed, by_chord = feed * pitch / geometry.radius_mm / row_mm, geometry.rows / 2 * reach_mm * pitch / nearest**2
    count = len(lines["fan"])
    size = min(int(np.clip(2 * SHIFT / (by_feed + by_chord), 4, 64)), count)
    middle = np.minimum(np.arange(0, count, size) + (size - 1) / 2, count - 1)
    return {name: np.interp(middle, np.arange(count), value) for name, value in lines.items()}


def _levels(geometry: Geometry, reach_mm: float) -> np.ndarray:
    """Places along a line, from the middle of its chord [mm] [level]."""
    nearest = geometry.radius_mm - min(reach_mm, 0.95 * geometry.radius_mm)
    by_rows = LEVEL_ROWS * nearest * 2 / geometry.rows
    return np.linspace(-reach_mm, reach_mm, 2 + int(2 * reach_mm / min(LEVEL_MM, by_rows)))


def _edges(geometry: Geometry, z_mm: np.ndarray, pitch_mm: float) -> tuple[np.ndarray, np.ndarray]:
    """Edges of the parts of each block's slices [mm] [block, part + 1], and share of parts in slices [part, slice]."""
    thickness = max(pitch_mm, geometry.row_mm / geometry.magnification)
    parts = int(np.ceil(pitch_mm / (PART * geometry.collimation_mm)))
    more = int(np.ceil((thickness - pitch_mm) / 2 / pitch_mm)) * parts
    blocks = -(-len(z_mm) // BLOCK)
    count = -(-len(z_mm) // blocks)
    edge = (np.arange(-more, count * parts + more + 1) / parts - 0.5) * pitch_mm
    middle = np.arange(count) * pitch_mm
    overlap = np.minimum(edge[1:, None], middle + thickness / 2) - np.maximum(edge[:-1, None], middle - thickness / 2)
    mix = np.maximum(overlap, 0) / np.maximum(overlap, 0).sum(0)
    return z_mm[0] + np.arange(blocks)[:, None] * count * pitch_mm + edge, mix


def _seen(geometry: Geometry, z_mm: np.ndarray, edges: np.ndarray, reach_mm: float) -> tuple[np.ndarray, int]:
    """First half turn that sees each block, and how many are enough for every block.

    Args:
        z_mm: least and greatest z of the source in each half turn [half turn, 2].
    """
    high = geometry.row_edges[-1] * (geometry.radius_mm + reach_mm)
    away = np.maximum(z_mm[:, 0] - edges[:, -1:], edges[:, :1] - z_mm[:, 1])
    near = away < np.maximum(high, away.min(1)[:, None] + 1e-6)
    first, last = near.argmax(1), near.shape[1] - 1 - near[:, ::-1].argmax(1)
    most = int((last - first).max()) + 1
    return np.clip(first, 0, len(z_mm) - most), most


@partial(jax.jit, static_argnames="most")
def _blocks(
    rows: jax.Array,
    first: jax.Array,
    numbers: Numbers,
    halves: Numbers,
    edges: jax.Array,
    x: jax.Array,
    y: jax.Array,
    most: int,
) -> jax.Array:
    """Images of all blocks [block, scan, slice, y, x], each of `most` half turns from `first`; see `rebin.rebinned`."""
    across_mm, up_mm = jnp.meshgrid(x, y)
    inside = across_mm**2 + up_mm**2 <= numbers["field_mm"] ** 2

    def block(data: tuple[jax.Array, jax.Array]) -> jax.Array:
        start, heights = data
        seen = {name: jax.lax.dynamic_slice_in_dim(value, start, most) for name, value in halves.items()}

        def direction(total: jax.Array, data: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, None]:
            table = _table(jax.lax.dynamic_slice_in_dim(data[0], start, most), data[1], heights, seen, numbers)
            angle = numbers["first_angle"] + data[1]
            cos, sin = jnp.cos(angle), jnp.sin(angle)
            across = (across_mm * cos + up_mm * sin).reshape(-1)
            along = (across_mm * sin - up_mm * cos).reshape(-1)
            return total + _read(table, across, along, numbers), None

        zero = jnp.zeros((across_mm.size, rows.shape[-1] * numbers["mix"].shape[1]), jnp.float32)
        image = jax.lax.scan(direction, zero, (rows, numbers["turned"]))[0]
        return jnp.where(inside, image.T.reshape(rows.shape[-1], -1, *inside.shape), 0.0)

    return jax.lax.map(block, (first, edges))


def _table(rows: jax.Array, turned: jax.Array, edges: jax.Array, halves: Numbers, numbers: Numbers) -> jax.Array:
    """What all half turns of one direction give together [line, level, scan x slice].

    A group of neighbouring lines shares one matrix from rows to parts of slices.

    Args:
        rows: filtered rows [half turn, line, row, scan]; `halves` are numbers of these half turns.
        turned: from the first direction of each half turn to this one [rad].
        edges: of the parts of slices [mm] [part + 1].
    """
    half, lines, count, scans = rows.shape
    groups = len(numbers["fan"])
    size = -(-lines // groups)
    ahead = turned - halves["sense"][:, None] * numbers["fan"]
    view = halves["view"][:, None] + ahead / numbers["per_view"]
    measured = (view > -0.5) & (view < numbers["last_view"] + 0.5)
    source = halves["start_mm"][:, None] + numbers["feed_mm"] * ahead
    distance = numbers["root_mm"][:, None] + halves["sense"][:, None, None] * numbers["levels"]
    per_mm = 1 / (numbers["row_slope"][:, None] * distance)
    place = (edges - source[..., None, None]) * per_mm[..., None] + count / 2
    weight = _weight(place, count) * measured[..., None, None]
    share = weight / jnp.maximum(weight.sum(0), 1e-30) / (place[..., 1:] - place[..., :-1])
    low, high = jnp.arange(count + 0.0).at[0].set(-FAR), jnp.arange(1.0, count + 1).at[-1].set(FAR)
    below, above = (jnp.expand_dims(p, 2) for p in (place[..., :-1], place[..., 1:]))
    overlap = jnp.minimum(high[:, None, None], above) - jnp.maximum(low[:, None, None], below)
    matrix = (jnp.maximum(overlap, 0) * share[:, :, None]).reshape(half, groups, count, -1)
    padded = jnp.pad(rows, ((0, 0), (0, groups * size - lines), (0, 0), (0, 0)))
    grouped = padded.reshape(half, groups, size, count, scans)
    parts = jnp.einsum("hgtrb,hgrx->gtbx", grouped, matrix, precision="highest")
    parts = parts.reshape(groups * size, scans, *share.shape[2:])[:lines]
    mixed = jnp.einsum("tblp,ps->tlbs", parts, numbers["mix"], precision="highest")
    return mixed.reshape(lines, len(numbers["levels"]), -1)


def _weight(place: jax.Array, rows: int) -> jax.Array:
    """Weight of the parts between edges [..., part + 1] by their distance from the middle of a detector of `rows`."""
    middle = jnp.abs((place[..., 1:] + place[..., :-1]) / rows - 1)
    fall = jnp.clip((1 - middle) / (1 - FULL), 0, 1)
    near = jnp.clip(1 - middle / 4, 0.01, 1) ** 2
    return fall * fall * (3 - 2 * fall) + FAINT * (near * near) ** 2


def _read(table: jax.Array, across: jax.Array, along: jax.Array, numbers: Numbers) -> jax.Array:
    """Stacks of slices at pixels [pixel, stack], linear between lines and levels."""
    lines, levels, stack = table.shape
    line = jnp.clip(across * numbers["line"][0] + numbers["line"][1], 0, lines - 1)
    level = jnp.clip(along * numbers["level"][0] + numbers["level"][1], 0, levels - 1)
    i = jnp.minimum(line.astype(jnp.int32), lines - 2)
    j = jnp.minimum(level.astype(jnp.int32), levels - 2)
    stacks = table.reshape(-1, stack)
    value = jnp.zeros((len(across), stack), jnp.float32)
    for a, share in ((0, 1 - (line - i)), (1, line - i)):
        for b, part in ((0, 1 - (level - j)), (1, level - j)):
            at = (i + a) * levels + j + b
            value += (share * part)[:, None] * stacks.at[at].get(mode="promise_in_bounds")
    return value
