"""Slices as a picture, where people would rather look than read."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from phantomsim.image import Image

PLANES = ("axial", "coronal", "sagittal")
EMPTY = 1 / 4  # of the brightest slice: one that is darker holds noise alone
STRIP = 1 / 8  # sides of a plane whose ratio is below it are not worth a look


def _planes(shape: tuple[int, ...], spacing_mm: tuple[float, float, float]) -> list[int]:
    """Axes across which to look [1 to 3]."""
    sides = [n * d for n, d in zip(shape, spacing_mm)]
    faces = {axis: [s for i, s in enumerate(sides) if i != axis] for axis in range(3)}
    if min(shape) == 1:
        return [int(np.argmin(shape))]
    return [axis for axis, (a, b) in faces.items() if min(a, b) >= STRIP * max(a, b)] or [0]


def window_of(image: Image) -> tuple[float, float]:
    """Values shown as black and white: brain-like contrast about soft tissue for HU, else up to the 99.5th percentile.

    Of slices that hold something alone: in many that lie beside the body the body's brightness would be a rare one.
    Soft tissue is what lies between -200 and 200 HU; the window spans its 1st percentile to 60 HU above its
    median, at least 80 HU wide.
    """
    values = np.asarray(image.values)
    if image.unit != "HU":
        bright = np.percentile(values, 99.5, axis=(1, 2))
        return 0.0, float(np.percentile(values[bright >= EMPTY * bright.max()], 99.5)) or 1.0
    soft = values[(values > -200) & (values < 200)]
    middle = float(np.median(soft)) if soft.size else 40.0
    return middle - 80.0, middle + 80.0


def save_slices(image: Image, lesion: np.ndarray, path: Path) -> None:
    """Write the middle slices in three planes as PNG; the lesion is outlined and the planes go through it.

    Planes that are a mere strip are left out: those of a few slices, and of a radiograph all but the picture itself.

    Args:
        lesion: volume fraction [z, y, x]; may be all zero.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    values = np.asarray(image.values)
    at = [n // 2 for n in values.shape]
    if lesion.max() > 0:
        at = [int(i) for i in np.unravel_index(int(np.argmax(lesion)), lesion.shape)]
    shown = _planes(values.shape, image.grid.spacing_mm)
    figure = Figure(figsize=(1 + 4 * len(shown), 5), layout="constrained")
    low, high = window_of(image)
    unit = "" if image.unit == "1" else image.unit
    for axis, axes in zip(shown, figure.subplots(1, len(shown), squeeze=False)[0]):
        plane, outline = (np.take(a, at[axis], axis) for a in (values, lesion))
        if axis < 2:  # columns grow towards the patient's right, which a radiologist has on the left
            plane, outline = plane[:, ::-1], outline[:, ::-1]
        d = [s for i, s in enumerate(image.grid.spacing_mm) if i != axis]
        extent = (0.0, plane.shape[1] * d[1], 0.0, plane.shape[0] * d[0])
        axes.imshow(plane, cmap="gray", vmin=low, vmax=high, origin="lower", extent=extent, interpolation="nearest")
        if outline.max() >= 0.5:
            axes.contour(outline, [0.5], colors="tab:red", linewidths=0.8, extent=extent, origin="lower")
        axes.set_title(f"{PLANES[axis]} {at[axis]}, {low:.3g} to {high:.3g} {unit}".rstrip(), fontsize=9)
        axes.set_aspect("equal")
        axes.set_axis_off()
    FigureCanvasAgg(figure).print_png(str(path))
