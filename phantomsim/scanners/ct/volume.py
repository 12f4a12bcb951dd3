"""From a phantom to basis volumes: only the rows that the beam can reach, mixed, in excess of air."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import jax
import numpy as np

from phantomsim.errors import ScannerError
from phantomsim.phantom import Overlay, Phantom, mix
from phantomsim.scanners.ct.geometry import Geometry

STEP = 8  # rows are cropped to a multiple, so that small moves of the isocentre run the same compiled code


class Part(NamedTuple):
    """A slab of a phantom, shape fixed by the phantom's grid and the scanner.

    Attributes:
        label, density, overlays: as in `Phantom`, cut to the slab; density is a scalar or [z, y, x].
        inside: 1 for rows of the phantom, 0 for rows beyond its ends [z].
    """

    label: np.ndarray
    density: np.ndarray
    overlays: tuple[Overlay, ...]
    inside: np.ndarray


def reach_rows(
    geometry: Geometry, phantom: Phantom, isocentre_mm: np.typing.ArrayLike, margin: int = 0
) -> tuple[int, int]:
    """First row (may be negative) and number of rows of the phantom that the beam can touch, and `margin` more."""
    middle = phantom.grid.local(isocentre_mm)
    dz, dy, dx = phantom.grid.spacing_mm
    nz, ny, nx = phantom.grid.shape
    radius = math.hypot(nx * dx / 2 + abs(middle[0]), ny * dy / 2 + abs(middle[1]))
    half = geometry.row_edges[-1] * (geometry.radius_mm + min(radius, 0.95 * geometry.radius_mm)) + (1 + margin) * dz
    half += float(np.abs(geometry.source_mm[:, 2]).max())
    count = STEP * math.ceil(2 * half / dz / STEP)
    first = round(middle[2] / dz + (nz - 1) / 2 - (count - 1) / 2)
    return first, count


def cut(phantom: Phantom, first: int, count: int) -> Part:
    """Rows first .. first + count - 1 of a phantom; rows beyond its ends are empty.

    Raises:
        ScannerError: none of the rows is in the phantom.
    """
    total = phantom.grid.shape[0]
    rows = np.arange(first, first + count)
    if rows[-1] < 0 or rows[0] >= total:
        raise ScannerError(
            f"the beam misses the phantom: it covers rows {rows[0]} to {rows[-1]} of {total}; move isocentre_mm along z"
        )
    index = np.clip(rows, 0, total - 1)
    density = _real(phantom.density)
    return Part(
        np.asarray(phantom.label)[index],
        density[index] if density.ndim == 3 else density,
        tuple(_cut_overlay(part, first, count) for part in phantom.parts()),
        ((rows >= 0) & (rows < total)).astype(np.float32),
    )


def _cut_overlay(part: Overlay, first: int, count: int) -> Overlay:
    """An overlay's box moved and cut to fit inside `count` rows; what lies beyond them is dropped."""
    fraction = _real(part.fraction)
    height = min(len(fraction), count)
    z, y, x = (int(i) for i in part.start)
    start = min(max(z - first, 0), count - height)
    source = np.arange(height) + first + start - z
    valid = (source >= 0) & (source < len(fraction))
    rows = np.clip(source, 0, len(fraction) - 1)
    box = fraction[rows] * valid[:, None, None]
    tissue = part.tissue if np.ndim(part.tissue) == 0 else np.asarray(part.tissue)[rows]
    return Overlay(tissue, box, (start, y, x))


def _real(array: jax.typing.ArrayLike) -> Any:
    """On the host, unless it is being differentiated."""
    return array if isinstance(array, jax.core.Tracer) else np.asarray(array, np.float32)


@jax.jit
def basis_volumes(part: Part, coefficients: jax.Array, air: jax.Array) -> jax.Array:
    """Amount of each basis per volume, in excess of air, float32 [K, z, y, x].

    Args:
        part: the slab.
        coefficients: of the tissues [T, K], absolute.
        air: of air [K].
    """
    amount = mix(part.label, part.overlays, coefficients) * part.density
    return (amount - air[:, None, None, None]) * part.inside[:, None, None]
