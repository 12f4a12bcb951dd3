"""What an algorithm under test is given and what it may give back. The truth is never part of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from phantomsim.errors import AlgorithmError

if TYPE_CHECKING:
    from phantomsim.grid import Grid
    from phantomsim.image import RawData

#: What an algorithm may return, by the name of the field of `AlgorithmOutput`.
PRODUCTS = ("image", "mask", "boxes", "score", "table")


@dataclass(frozen=True)
class AlgorithmInput:
    """One scan of one patient, as a clinic would have it: no phantom, no lesion, no absent twin.

    Attributes:
        image: the reconstructed volume, float32 [z, y, x], a private writable copy; None if only raw data are given.
        raw: what the scanner measured, read-only; None if the trial does not pass it on.
        spacing_mm: distance of voxel centres along z, y, x [mm].
        geometry: plain values: `shape`, `origin_mm` (x, y, z), `direction` (columns are the axes' world directions),
            `modality`, and whatever the scanner says of itself.
        dose: what the scan cost, by unit-suffixed name: `mAs`, `CTDIvol_mGy`, `scan_time_s`.
        seed: a number for this patient, alike in all arms and another for its twin; use it for every random choice.
        unit: unit of the image's values: "HU", "1".
    """

    image: np.ndarray | None
    raw: RawData | None
    spacing_mm: tuple[float, float, float]
    geometry: Mapping[str, Any] = field(default_factory=dict)
    dose: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0
    unit: str = ""

    @property
    def shape(self) -> tuple[int, int, int]:
        """Voxels along z, y, x of the image that was given or is wanted.

        Raises:
            AlgorithmError: neither an image nor `geometry["shape"]` is there.
        """
        shape = self.image.shape if self.image is not None else self.geometry.get("shape")
        if shape is None or len(shape) != 3:
            raise AlgorithmError('the input has neither an image [z, y, x] nor geometry["shape"]')
        return int(shape[0]), int(shape[1]), int(shape[2])

    @property
    def grid(self) -> Grid:
        """Where the voxels are; the origin is (0, 0, 0) where the geometry names none."""
        from phantomsim.grid import IDENTITY, Grid

        x, y, z = (float(v) for v in self.geometry.get("origin_mm", (0.0, 0.0, 0.0)))
        direction = self.geometry.get("direction", IDENTITY)
        rows = tuple((float(a), float(b), float(c)) for a, b, c in direction)
        return Grid(self.shape, self.spacing_mm, (x, y, z), rows)


@dataclass(frozen=True)
class AlgorithmOutput:
    """What an algorithm found; at least one field is filled.

    Attributes:
        image: float32 [z, y, x] on the input's grid, in the input's unit.
        mask: bool [z, y, x] on the input's grid.
        boxes: float64 [N, 7]: first voxel (z, y, x), voxel after the last (z, y, x), score.
        score: suspicion that the patient has the lesion; higher means more suspicious.
        table: values by name.
    """

    image: np.ndarray | None = None
    mask: np.ndarray | None = None
    boxes: np.ndarray | None = None
    score: float | None = None
    table: dict[str, float | int | str | bool] | None = None


def image_of(data: AlgorithmInput, who: str) -> np.ndarray:
    """The input's image. Raises AlgorithmError if there is none."""
    if data.image is None:
        raise AlgorithmError(f"{who}: needs an image, but the arm gives raw data only; add a reconstruction")
    return data.image
