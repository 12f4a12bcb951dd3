"""Filtered backprojection of a circular cone-beam scan.

Feldkamp, Davis and Kress, J. Opt. Soc. Am. A 1 (1984) 612, doi:10.1364/JOSAA.1.000612, for an
equiangular (curved) detector: Kak and Slaney, Principles of Computerized Tomographic Imaging (1988),
section 3.4.1, with the cosine of the cone angle, and rows found along each ray. For one row in the plane of
the source it is exact fan-beam FBP.

Along z every slice is averaged over its thickness, rows taken as boxes. How rows fall into slices depends on
the distance from the source alone, so one small matrix per level of distance does it for all columns, and a pixel takes
whole stacks of slices from the two levels and the two columns next to it.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from phantomsim.scanners.ct.geometry import Geometry
from phantomsim.scanners.ct.kernels import fan_filter

LEVEL_MM = 12.0  # between levels of distance; linear in between: below 1e-4 of a row's height in error


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
    """
    z, y, x = ((np.arange(n) - (n - 1) / 2) * d + c for n, d, c in zip(shape, spacing_mm, np.asarray(centre_mm)[::-1]))
    reach = min(float(np.hypot(np.abs(x).max(), np.abs(y).max())), geometry.field_mm / 2)
    levels = np.linspace(-reach, reach, 2 + int(2 * reach / LEVEL_MM)) + geometry.radius_mm
    weights = geometry.radius_mm * np.cos(geometry.fan) / np.sqrt(1 + geometry.row_slopes[:, None] ** 2)
    angles = geometry.angles
    numbers = {
        "filter": fan_filter(kernel, geometry.columns, geometry.fan_step, geometry.radius_mm) * 2 * np.pi / len(angles),
        "weights": weights,
        "slices": np.stack([_slices_of_rows(geometry, z, spacing_mm[0], level) for level in levels], 1),
        "turn": np.stack([np.cos(angles), np.sin(angles)], -1),
        "radius_mm": geometry.radius_mm,
        "column": [1 / geometry.fan_step, (geometry.columns - 1) / 2 + geometry.column_offset],
        "level": [1 / (levels[1] - levels[0]), -levels[0] / (levels[1] - levels[0])],
        "field_mm": geometry.field_mm / 2,
    }
    arrays = {name: jnp.asarray(value, jnp.float32) for name, value in numbers.items()}
    scans = projections.reshape(-1, *projections.shape[-3:])
    images = _fdk(scans, arrays, jnp.asarray(x, jnp.float32), jnp.asarray(y, jnp.float32))
    return images.reshape(*projections.shape[:-3], *shape)


def _slices_of_rows(geometry: Geometry, z_mm: np.ndarray, thickness_mm: float, distance_mm: float) -> np.ndarray:
    """Share of each row in each slice at a distance from the source [row, slice]; columns sum to 1.

    Beyond the detector the outermost row goes on.
    """
    edges = geometry.row_edges * distance_mm
    edges[0], edges[-1] = -np.inf, np.inf
    low, high = z_mm - thickness_mm / 2, z_mm + thickness_mm / 2
    overlap = np.minimum(edges[1:, None], high) - np.maximum(edges[:-1, None], low)
    return np.maximum(overlap, 0) / thickness_mm


@jax.jit
def _fdk(projections: jax.Array, numbers: dict[str, jax.Array], x: jax.Array, y: jax.Array) -> jax.Array:
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
        distance = jnp.sqrt(across**2 + ahead**2)
        fan = jnp.arctan(across / ahead)
        column, column_part = _split(fan * numbers["column"][0] + numbers["column"][1] + 1, projections.shape[-1] + 1)
        level, level_part = _split(distance * numbers["level"][0] + numbers["level"][1], count - 1)
        value = jnp.zeros_like(total)
        for i, share in ((0, 1 - column_part), (1, column_part)):
            for j, part in ((0, 1 - level_part), (1, level_part)):
                at = (column + i) * count + level + j
                value += (share * part / distance**2)[:, None] * stacks.at[at].get(mode="promise_in_bounds")
        return total + value, None

    zero = jnp.zeros((across_mm.size, stack), jnp.float32)
    image = jax.lax.scan(view, zero, (filtered, numbers["turn"]))[0]
    inside = across_mm**2 + up_mm**2 <= numbers["field_mm"] ** 2
    return jnp.where(inside, image.T.reshape(len(projections), slices, *inside.shape), 0.0)


def _split(position: jax.Array, top: int) -> tuple[jax.Array, jax.Array]:
    """Index below, at most top - 1, and how far a position lies towards the next; positions held to 0 .. top."""
    inside = jnp.clip(position, 0, top)
    low = jnp.minimum(inside.astype(jnp.int32), top - 1)
    return low, inside - low


def _filtered(projections: jax.Array, numbers: dict[str, jax.Array]) -> jax.Array:
    """Cosine weights, then the kernel along columns; [view, column, scan, row]."""
    n = 2 * (len(numbers["filter"]) - 1)
    spectrum = jnp.fft.rfft(projections * numbers["weights"], n) * numbers["filter"]
    return jnp.fft.irfft(spectrum, n)[..., : projections.shape[-1]].transpose(1, 3, 0, 2)
