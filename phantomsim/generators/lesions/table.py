"""The lesions of a patient as a table: what, where, how large, how bright."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import math
from typing import Any

import numpy as np
from scipy import ndimage

from phantomsim.generators.lesions.truth import fraction_on
from phantomsim.grid import Grid
from phantomsim.materials.hounsfield import hu
from phantomsim.materials.spectra import Spectrum, spectrum
from phantomsim.phantom import Lesion, Overlay, Phantom, boxed

DIRECTIONS = 162  # in which diameters are measured, of half a sphere
LEAST = ("kind", "host", "tissue", "x_mm", "y_mm", "z_mm", "volume_mL")  # columns of a table without rows
FEW = 60.0  # voxels
RING_VOXELS = 3  # around a lesion, in which its host is looked at in an image
KVP, ALUMINIUM_MM = 120.0, 5.0  # the beam of the contrast that is asked for, as of a usual CT tube


def rows(phantom: Phantom, image: np.ndarray | None = None, grid: Grid | None = None) -> list[dict[str, Any]]:
    """One row per lesion, present or not.

    Args:
        image: of the phantom with its lesions, [z, y, x], from which the realised contrast is read.
        grid: of the image, along the phantom's axes.
    Returns:
        kind, host, tissue, x_mm, y_mm, z_mm, volume_mL, equivalent_mm, longest_mm, shortest_mm, asked_HU (of its parts
        by volume at 120 kVp), asked_contrast_HU (against its host tissue); with an image also realised and
        realised_contrast, in its units; and what the generator told: asked_mL, doubling_days, midline_shift_mm, ...
    """
    beam = spectrum(KVP, {"al_mm": ALUMINIUM_MM})
    found = []
    for lesion, extra in zip(phantom.lesions, told(phantom)):
        row = _geometry(lesion, phantom.grid) | _asked(lesion, phantom, beam)
        if image is not None:
            row |= _realised(lesion, phantom, np.asarray(image), grid or phantom.grid)
        found.append(row | {k: v for k, v in extra.items() if k not in row})
    return found


def told(phantom: Phantom) -> list[dict[str, Any]]:
    """What was drawn for each of its lesions, in their order; nothing of those that came some other way."""
    known: Any = phantom.facts.provenance.get("lesions") or []
    return [{}] * (len(phantom.lesions) - len(known)) + list(known)


def to_csv(table: list[dict[str, Any]]) -> str:
    """The rows as CSV; columns of all rows, empty where a row has none; some of them where there is no row."""
    out = io.StringIO()
    columns = list(dict.fromkeys(k for row in table for k in row)) or list(LEAST)
    writer = csv.DictWriter(out, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(table)
    return out.getvalue()


def to_json(table: list[dict[str, Any]]) -> str:
    """The rows as JSON."""
    return json.dumps(table, indent=2, ensure_ascii=False) + "\n"


def diameters_mm(overlay: Overlay, grid: Grid) -> tuple[float, float]:
    """Longest and shortest extent of the mask over directions even on the sphere [mm] (caliper diameters).

    Of a lesion of few voxels, whose mask says little: the axes of the ellipsoid of its volume and second moments.
    """
    if float(np.asarray(overlay.fraction).sum()) < FEW:
        return _axes_mm(overlay, grid)
    mask = np.asarray(overlay.fraction) >= min(0.5, 0.5 * float(np.asarray(overlay.fraction).max()))
    shell = np.argwhere(mask & ~_eroded(mask)) * np.asarray(grid.spacing_mm)
    i = np.arange(DIRECTIONS) + 0.5
    z, phi = 1 - i / DIRECTIONS, math.pi * (1 + 5**0.5) * i  # a Fibonacci lattice on half a sphere
    flat = np.sqrt(1 - z * z)
    ways = np.stack([z, flat * np.sin(phi), flat * np.cos(phi)])
    along = shell @ ways
    width = along.max(axis=0) - along.min(axis=0) + np.abs(ways).T @ np.asarray(grid.spacing_mm) / 2
    return float(width.max()), float(width.min())


def _axes_mm(overlay: Overlay, grid: Grid) -> tuple[float, float]:
    """Longest and shortest axis [mm] of an ellipsoid of a lesion's volume, in proportion of its second moments.

    An ellipsoid has the variance a^2 / 5 along a half axis a; a voxel adds its width squared / 12, since its
    fraction is a mean over it.
    """
    fraction, spacing = np.asarray(overlay.fraction, float), np.asarray(grid.spacing_mm)
    at = np.argwhere(fraction > 0)
    weight = fraction[fraction > 0] / fraction.sum()
    away = (at - weight @ at) * spacing
    spread = (away * weight[:, None]).T @ away - np.diag(spacing**2 / 12.0)
    radius_mm = (3.0 * fraction.sum() * spacing.prod() / (4.0 * math.pi)) ** (1.0 / 3.0)
    half = np.sqrt(np.maximum(5.0 * np.linalg.eigvalsh(spread), (radius_mm / 3.0) ** 2))
    half *= radius_mm / half.prod() ** (1.0 / 3.0)
    return 2.0 * float(half[-1]), 2.0 * float(half[0])


def _eroded(mask: np.ndarray) -> np.ndarray:
    padded = np.pad(mask, 1)
    out = padded.copy()
    for axis in range(3):
        out &= np.roll(padded, 1, axis) & np.roll(padded, -1, axis)
    return out[1:-1, 1:-1, 1:-1]


def _geometry(lesion: Lesion, grid: Grid) -> dict[str, Any]:
    longest, shortest = diameters_mm(lesion.overlay, grid)
    volume = float(lesion.volume_mL)
    equivalent = 2 * (3000 * volume / (4 * math.pi)) ** (1 / 3)
    return {
        "kind": lesion.kind,
        "host": lesion.host,
        "tissue": lesion.tissue,
        **{f"{axis}_mm": float(c) for axis, c in zip("xyz", lesion.centre_mm)},
        "volume_mL": volume,
        "equivalent_mm": equivalent,
        "longest_mm": max(longest, equivalent),  # no body of a volume is less long than its ball; voxels may be coarse
        "shortest_mm": shortest,
        "present": int(float(lesion.present) > 0),
    }


def _asked(lesion: Lesion, phantom: Phantom, beam: Spectrum) -> dict[str, float]:
    """CT number of its parts by volume, and against the tissue that was most in its place."""
    numbers = hu(phantom.tissues, beam)
    whole = np.asarray(lesion.overlay.fraction, float)
    inner = [(numbers[int(o.tissue)], float(np.asarray(o.fraction).sum())) for o in lesion.inner]
    own = whole.sum() - sum(v for _, v in inner)
    mean = (numbers[phantom.tissues.index(lesion.tissue)] * own + sum(n * v for n, v in inner)) / whole.sum()
    here = np.asarray(phantom.label)[boxed(lesion.overlay.start, whole.shape)]
    host = int(np.bincount(here[whole > 0].ravel(), whole[whole > 0].ravel()).argmax())
    return {"asked_HU": float(mean), "asked_contrast_HU": float(mean - numbers[host])}


def _realised(lesion: Lesion, phantom: Phantom, image: np.ndarray, grid: Grid) -> dict[str, float]:
    """Mean of an image where the lesion fills nine tenths of a voxel, and against a ring of its host tissue."""
    alone = dataclasses.replace(phantom, lesions=(lesion,))
    own, any_ = fraction_on(alone, grid), fraction_on(phantom, grid)
    inside = own >= 0.9
    if not inside.any():
        inside = own >= 0.9 * own.max() if own.max() > 0 else inside
    ring = ndimage.binary_dilation(own > 0, iterations=RING_VOXELS) & (any_ == 0)
    if not inside.any() or not ring.any():
        return {"realised": math.nan, "realised_contrast": math.nan}
    value = float(image[inside].mean())
    return {"realised": value, "realised_contrast": value - float(np.median(image[ring]))}
