"""Pictures of phantoms: three planes each, tissues in their colours, lesions outlined."""

from __future__ import annotations

import colorsys
import os
from collections.abc import Sequence
from typing import BinaryIO

import numpy as np

from phantomsim.keys import hash32
from phantomsim.phantom import Phantom

#: Near the grey of a CT, with a tint by which neighbours are told apart; sRGB in 0 .. 1.
COLOURS: dict[str, tuple[float, float, float]] = {
    "air": (0.04, 0.04, 0.06),
    "adipose": (0.80, 0.70, 0.35),
    "breast-fat": (0.80, 0.70, 0.35),
    "breast-gland": (0.85, 0.50, 0.50),
    "connective-tissue": (0.88, 0.84, 0.70),
    "oesophagus": (0.70, 0.45, 0.42),
    "thyroid": (0.72, 0.30, 0.22),
    "skin": (0.90, 0.72, 0.60),
    "muscle": (0.62, 0.24, 0.24),
    "soft-tissue": (0.72, 0.38, 0.36),
    "mucosa": (0.86, 0.50, 0.55),
    "cartilage": (0.62, 0.80, 0.86),
    "bone-cortical": (0.97, 0.97, 0.92),
    "bone-cancellous": (0.85, 0.80, 0.66),
    "blood": (0.80, 0.08, 0.12),
    "heart": (0.70, 0.12, 0.20),
    "lung": (0.22, 0.32, 0.40),
    "liver": (0.55, 0.30, 0.20),
    "bile": (0.35, 0.60, 0.20),
    "gallbladder": (0.35, 0.60, 0.20),
    "spleen": (0.50, 0.20, 0.45),
    "kidney": (0.75, 0.35, 0.15),
    "urine": (0.90, 0.85, 0.30),
    "bladder": (0.90, 0.85, 0.30),
    "adrenal": (0.90, 0.60, 0.10),
    "pancreas": (0.88, 0.68, 0.42),
    "stomach": (0.80, 0.45, 0.50),
    "bowel": (0.78, 0.52, 0.45),
    "bowel-content": (0.48, 0.44, 0.30),
    "grey-matter": (0.55, 0.55, 0.60),
    "deep-grey-matter": (0.48, 0.47, 0.56),
    "white-matter": (0.82, 0.82, 0.84),
    "brain": (0.68, 0.68, 0.72),
    "csf": (0.15, 0.35, 0.70),
    "dura": (0.45, 0.20, 0.60),
    "spinal-cord": (0.75, 0.75, 0.55),
    "optic-nerve": (0.85, 0.80, 0.45),
    "eye": (0.30, 0.75, 0.85),
    "lens": (0.75, 0.95, 1.00),
}
LESION = (1.0, 1.0, 0.0)
GAP = 4  # pixels between panels


def colour(tissue: str) -> tuple[float, float, float]:
    """Colour of a tissue; of one not in the table, a fixed hue made from its name."""
    return COLOURS.get(tissue) or colorsys.hsv_to_rgb(hash32(tissue) / 2**32, 0.6, 0.8)


def planes(phantom: Phantom, height: int = 256) -> np.ndarray:
    """Axial, coronal and sagittal plane side by side, float32 [height, width, 3].

    The planes go through the first lesion, else through the middle of the body. As radiologists hang them: the
    patient's right is at the viewer's left; the sagittal plane looks to the viewer's left; up is up.
    """
    label = np.asarray(phantom.label)
    truth = np.zeros(label.shape, bool)
    for lesion in phantom.lesions:
        box = tuple(slice(int(s), int(s) + n) for s, n in zip(lesion.overlay.start, lesion.overlay.fraction.shape))
        truth[box] |= np.asarray(lesion.overlay.fraction) * lesion.present >= 0.5
    cuts = [(axis, index) for axis, index in enumerate(_centre(phantom, label))]
    size = [n * d for n, d in zip(label.shape, phantom.grid.spacing_mm)]
    scale = height / max(size[0], size[1])  # pixels per millimetre, the same for all three
    panels = []
    for axis, index in cuts:
        rows, columns = (round(size[a] * scale) for a in range(3) if a != axis)
        panels.append(_panel(_tinted(phantom, axis, index), truth.take(index, axis), rows, columns, height))
    gap = np.ones((height, GAP, 3), np.float32)
    return np.concatenate([panels[0], gap, panels[1], gap, panels[2]], axis=1)


def _tinted(phantom: Phantom, axis: int, index: int) -> np.ndarray:
    """One plane in the colours of its tissues, mixed where they share a voxel, float32 [row, column, 3]."""
    palette = np.array([colour(t) for t in phantom.tissues], np.float32)
    label = np.asarray(phantom.label).take(index, axis)
    mixed = palette[label]
    for part in phantom.parts():
        fraction = np.asarray(part.fraction)
        start, shape = [int(s) for s in part.start], fraction.shape
        if not start[axis] <= index < start[axis] + shape[axis]:
            continue
        box = tuple(slice(start[a], start[a] + shape[a]) for a in range(3) if a != axis)
        tissue = np.broadcast_to(np.asarray(part.tissue), shape).take(index - start[axis], axis)
        share = fraction.take(index - start[axis], axis)[..., None]
        mixed[box] += share * (palette[tissue] - palette[label[box]])
    return mixed


def mosaic(phantoms: Sequence[Phantom], height: int = 256) -> np.ndarray:
    """One row of planes per phantom, float32 [rows, columns, 3]."""
    rows = [planes(p, height) for p in phantoms]
    width = max(r.shape[1] for r in rows)
    wide = [np.pad(r, ((0, GAP), (0, width - r.shape[1]), (0, 0)), constant_values=1.0) for r in rows]
    return np.concatenate(wide, axis=0)


def write_mosaic(path: str | os.PathLike[str] | BinaryIO, phantoms: Sequence[Phantom], height: int = 256) -> None:
    """Write `mosaic` as PNG, to a path or an open file."""
    from matplotlib.image import imsave

    imsave(path, mosaic(phantoms, height), format="png")


def _centre(phantom: Phantom, label: np.ndarray) -> tuple[int, int, int]:
    if phantom.lesions:
        point = np.rint(phantom.grid.index(phantom.lesions[0].centre_mm)).astype(int)
    else:
        body = [np.flatnonzero((label > 0).any(axis=tuple(b for b in range(3) if b != a))) for a in range(3)]
        point = np.array([(b[0] + b[-1]) // 2 if len(b) else 0 for b in body])
    return tuple(int(v) for v in np.clip(point, 0, np.array(label.shape) - 1))  # type: ignore[return-value]


def _panel(rgb: np.ndarray, mask: np.ndarray, rows: int, columns: int, height: int) -> np.ndarray:
    """Square pixels by nearest voxel, both axes turned round, the lesion's edge drawn; padded to the height."""
    i = (np.arange(rows) * rgb.shape[0] // rows)[::-1, None]
    j = (np.arange(columns) * rgb.shape[1] // columns)[None, ::-1]
    picture, inside = rgb[i, j].copy(), np.pad(mask[i, j], 1)
    core = inside[:-2, 1:-1] & inside[2:, 1:-1] & inside[1:-1, :-2] & inside[1:-1, 2:]
    picture[inside[1:-1, 1:-1] & ~core] = LESION
    above = (height - rows) // 2
    return np.pad(picture, ((above, height - rows - above), (0, 0), (0, 0)), constant_values=COLOURS["air"][0])
