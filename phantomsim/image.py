"""What scanners give: raw data and images."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial

import jax
import numpy as np

from phantomsim.grid import Grid


@partial(jax.tree_util.register_dataclass, data_fields=["values", "grid"], meta_fields=["unit"])
@dataclass(frozen=True)
class Image:
    """A reconstructed volume.

    Attributes:
        values: float32 [z, y, x].
        grid: where the voxels are; the reconstruction declares it.
        unit: "HU" for CT, "1" for MR magnitude in units of a scanner-independent signal, and so on (static).
    """

    values: jax.Array | np.ndarray
    grid: Grid
    unit: str

    def __post_init__(self) -> None:
        if hasattr(self.values, "shape"):
            self.grid.check(self.values.shape, "image")


@partial(jax.tree_util.register_dataclass, data_fields=["arrays", "isocentre_mm"], meta_fields=["modality", "noise"])
@dataclass(frozen=True)
class RawData:
    """What the scanner measured, before reconstruction.

    Attributes:
        arrays: CT: see `phantomsim.scanners.ct.rawdata`;
            MR: `kspace` complex64 [coil, shot, sample] and what reconstruction may know of it
            (coil maps, noise covariance, sampling mask). Names are static.
        isocentre_mm: world point (x, y, z) that lay at the scanner's isocentre [mm].
        modality: "ct" or "mr" (static).
        noise: whether noise was drawn; False: the means of what is measured (static).
    """

    arrays: dict[str, jax.Array | np.ndarray]
    isocentre_mm: tuple[float, float, float] = field(default=(0.0, 0.0, 0.0))
    modality: str = "ct"
    noise: bool = True
