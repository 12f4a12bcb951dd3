"""Filtered backprojection of a circle or arc with curved, flat or parallel detectors; `helical` does the rest.

Feldkamp, Davis and Kress, J. Opt. Soc. Am. A 1 (1984) 612, doi:10.1364/JOSAA.1.000612, for flat detectors; for curved
ones as in Kak and Slaney, Principles of Computerized Tomographic Imaging (1988), section 3.4.1, with the cosine of the
cone angle, and rows found along each ray. For one row in the plane of the source it is exact fan-beam FBP.

Along z every slice is averaged over its thickness, rows taken as boxes. How rows fall into slices depends on
one distance alone (from the source for a curved detector, from its plane for a flat one), so one small matrix per level
of distance does it for all columns, and a pixel takes whole stacks of slices from the two levels and the two columns
next to it.
"""

from __future__ import annotations

import dataclasses
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from phantomsim.scanners.ct import helical, redundancy
from phantomsim.scanners.ct.geometry import Geometry
from phantomsim.scanners.ct.kernels import fan_filter, flat_filter

LEVEL_MM = 12.0  # at most, between levels of distance; linear in between
LEVEL_ROWS = 1.0  # at most, by which a slice moves on the detector from one level to the next


def reconstruct(
    projections: jax.Array,
    geometry: Geometry,
    kernel: str,
    shape: tuple[int, int, int],
    spacing_mm: tuple[float, float, float],
    centre_mm: np.typing.ArrayLike = (0.0, 0.0, 0.0),
) -> jax.Array:
    """Reconstruct slices.

    Args:
        projections: float32 line integrals [view, row, column], or of several scans [scan, view, row, column]:
            where a pixel reads is found once for all, so that more scans cost little more.
        geometry: of the scan.
        kernel: a name of `phantomsim.scanners.ct.kernels`.
        shape, spacing_mm: slices, rows and columns of the image, along z, y, x [mm].
        centre_mm: (x, y, z) of the image's middle from the isocentre [mm].
    Returns:
        float32 [z, y, x] or [scan, z, y, x], in the unit of `projections` per mm; zero outside the circle that
        every view sees whole.
    Raises:
        ScannerError: no circle or helix, or an arc too short to see every line.
    """
    if geometry.beam == "cone" and np.ptp(geometry.source_mm[:, 2]) > 0:
        return helical.reconstruct(projections, geometry, kernel, shape, spacing_mm, centre_mm)
    share = redundancy.weights(geometry) * abs(geometry.angles[1] - geometry.angles[0])
    geometry, pad = _widened(geometry)
    scans = jnp.pad(projections.reshape(-1, *projections.shape[-3:]), ((0, 0), (0, 0), (0, 0), pad))
    centre = np.asarray(centre_mm, float) - [0, 0, geometry.source_mm[0, 2] if geometry.beam == "cone" else 0]
    z, y, x = ((np.arange(n) - (n - 1) / 2) * d + c for n, d, c in zip(shape, spacing_mm, centre[::-1]))
    kind = "parallel" if geometry.beam == "parallel" else geometry.detector
    field = geometry.field_mm / 2
    numbers = {
        **_detector(geometry, kernel),
        **_levels(geometry, z, spacing_mm[0], min(float(np.hypot(np.abs(x).max(), np.abs(y).max())), field)),
        "share": np.pad(share, ((0, 0), pad)),
        "turn": np.stack([np.cos(geometry.angles), np.sin(geometry.angles)], -1),
        "field_mm": field,
    }
    arrays = {name: jnp.asarray(value, jnp.float32) for name, value in numbers.items()}
    images = _fdk(scans, arrays, jnp.asarray(x, jnp.float32), jnp.asarray(y, jnp.float32), kind)
    return images.reshape(*projections.shape[:-3], *shape)


def _widened(geometry: Geometry) -> tuple[Geometry, tuple[int, int]]:
    """A shifted detector made up with empty columns to reach as far on both sides: filtering fills them."""
    extra = int(2 * abs(geometry.column_offset)) if redundancy.shifted(geometry) else 0
    toward = np.sign(geometry.column_offset)
    offset = geometry.column_offset - toward * extra / 2
    wide = dataclasses.replace(geometry, columns=geometry.columns + extra, column_offset=offset)
    return wide, (0, extra) if toward > 0 else (extra, 0)


def _detector(geometry: Geometry, kernel: str) -> dict[str, object]:
    """What depends on the detector's kind: the filter, weights before it [row, column], where a pixel reads."""
    middle = (geometry.columns - 1) / 2 + geometry.column_offset
    if geometry.beam == "parallel":
        response = flat_filter(kernel, geometry.columns, geometry.column_mm)
        ones = np.ones((geometry.rows, geometry.columns))
        return {"filter": response, "weights": ones, "radius_mm": 0.0, "column": [1 / geometry.column_mm, middle]}
    slant = np.sqrt(1 + geometry.row_slopes[:, None] ** 2)
    if geometry.detector == "curved":
        response = fan_filter(kernel, geometry.columns, geometry.fan_step, geometry.radius_mm)
        weights = geometry.radius_mm * np.cos(geometry.fan) / slant
    else:
        response = flat_filter(kernel, geometry.columns, geometry.column_at_isocentre_mm) * geometry.radius_mm**2
        weights = 1 / np.sqrt(slant**2 + np.tan(geometry.fan) ** 2)
    return {
        "filter": response,
        "weights": weights,
        "radius_mm": geometry.radius_mm,
        "column": [1 / geometry.fan_step, middle],
    }


def _levels(geometry: Geometry, z_mm: np.ndarray, thickness_mm: float, reach_mm: float) -> dict[str, object]:
    """Share of each row in each slice at each level [row, level, slice], and how a level is found from a distance."""
    if geometry.beam == "parallel":
        edges = (np.arange(geometry.rows + 1) - geometry.rows / 2) * geometry.row_mm
        return {"slices": _slices_of_rows(edges, z_mm, thickness_mm)[:, None], "level": [0.0, 0.0]}
    nearest = geometry.radius_mm - min(reach_mm, 0.95 * geometry.radius_mm)
    highest = np.abs(z_mm).max() + thickness_mm / 2
    by_rows = LEVEL_ROWS * nearest * np.diff(geometry.row_edges)[0] / min(highest / nearest, geometry.row_edges[-1])
    count = 2 + int(2 * reach_mm / min(LEVEL_MM, by_rows))
    levels = np.linspace(-reach_mm, reach_mm, count) + geometry.radius_mm
    slices = [_slices_of_rows(geometry.row_edges * level, z_mm, thickness_mm) for level in levels]
    step = levels[1] - levels[0]
    return {"slices": np.stack(slices, 1), "level": [1 / step, -levels[0] / step]}


def _slices_of_rows(edges_mm: np.ndarray, z_mm: np.ndarray, thickness_mm: float) -> np.ndarray:
    """Share of each row, of edges that rise, in each slice [row, slice]; columns sum to 1.

    Beyond the detector the outermost row goes on.
    """
    edges = edges_mm.copy()
    edges[0], edges[-1] = -np.inf, np.inf
    low, high = z_mm - thickness_mm / 2, z_mm + thickness_mm / 2
    overlap = np.minimum(edges[1:, None], high) - np.maximum(edges[:-1, None], low)
    return np.maximum(overlap, 0) / thickness_mm


@partial(jax.jit, static_argnames="kind")
def _fdk(projections: jax.Array, numbers: dict[str, jax.Array], x: jax.Array, y: jax.Array, kind: str) -> jax.Array:
    filtered = _filtered(projections, numbers)
    count, slices = numbers["slices"].shape[1:]
    stack = len(projections) * slices
    across_mm, up_mm = jnp.meshgrid(x, y)

    def view(total: jax.Array, data: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, None]:
        mixed = jnp.einsum("cbr,rls->clbs", data[0], numbers["slices"], precision="highest")
        stacks = jnp.pad(mixed.reshape(-1, count * stack), ((1, 1), (0, 0))).reshape(-1, stack)
        cos, sin = data[1]
        across = (across_mm * cos + up_mm * sin).reshape(-1)
        ahead = (numbers["radius_mm"] + across_mm * sin - up_mm * cos).reshape(-1)
        place, distance, weight = _read_at(kind, across, ahead)
        column, column_part = _split(place * numbers["column"][0] + numbers["column"][1] + 1, projections.shape[-1] + 1)
        level, level_part = _split(distance * numbers["level"][0] + numbers["level"][1], count - 1)
        value = jnp.zeros_like(total)
        for i, share in ((0, 1 - column_part), (1, column_part)):
            for j, part in ((0, 1 - level_part), (1, level_part))[:count]:
                at = (column + i) * count + level + j
                value += (share * part * weight)[:, None] * stacks.at[at].get(mode="promise_in_bounds")
        return total + value, None

    zero = jnp.zeros((across_mm.size, stack), jnp.float32)
    image = jax.lax.scan(view, zero, (filtered, numbers["turn"]))[0]
    inside = across_mm**2 + up_mm**2 <= numbers["field_mm"] ** 2
    return jnp.where(inside, image.T.reshape(len(projections), slices, *inside.shape), 0.0)


def _read_at(kind: str, across: jax.Array, ahead: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Place of a pixel along the columns, the distance that its level goes by, and its weight."""
    if kind == "parallel":
        return across, jnp.zeros_like(across), jnp.ones_like(across)
    if kind == "flat":
        return across / ahead, ahead, 1 / ahead**2
    square = across**2 + ahead**2
    return jnp.arctan(across / ahead), jnp.sqrt(square), 1 / square


def _split(position: jax.Array, top: int) -> tuple[jax.Array, jax.Array]:
    """Index below, at most top - 1, and how far a position lies towards the next; positions held to 0 .. top."""
    inside = jnp.clip(position, 0, top)
    low = jnp.clip(inside.astype(jnp.int32), 0, max(top - 1, 0))
    return low, inside - low


def _filtered(projections: jax.Array, numbers: dict[str, jax.Array]) -> jax.Array:
    """Weights of the rays, then the kernel along columns; [view, column, scan, row]."""
    n = 2 * (len(numbers["filter"]) - 1)
    weighted = projections * numbers["weights"] * numbers["share"][:, None]
    spectrum = jnp.fft.rfft(weighted, n) * numbers["filter"]
    return jnp.fft.irfft(spectrum, n)[..., : projections.shape[-1]].transpose(1, 3, 0, 2)
