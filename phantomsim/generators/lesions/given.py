"""A user's own mesh or mask as the form of a lesion, at any size."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import jax
import numpy as np
from scipy import ndimage

from phantomsim.errors import FormatError
from phantomsim.formats import mesh as mesh_files
from phantomsim.formats import volume
from phantomsim.formats.hdf5_mask import read_mask
from phantomsim.generators.solid import solid
from phantomsim.generators.voxelise import crossings
from phantomsim.grid import Grid

FINE = 96  # voxels along the longest side on which a mesh is kept
MOST = 192  # of a mask; finer ones are thinned


@dataclass(frozen=True)
class Given:
    """A form kept as signed distances on a fine grid.

    Attributes:
        distance: from the surface, negative inside, in volume-equivalent radii, float32 [z, y, x].
        spacing: of its voxels, in the same unit [z, y, x].
        centre: of mass, index (z, y, x).
        turn: rotation from the patient's to the form's axes (x, y, z) [3, 3].
        reach: largest radius [1].
    """

    distance: np.ndarray
    spacing: np.ndarray
    centre: np.ndarray
    turn: np.ndarray
    reach: float
    slope: float = 1.2  # a distance's is 1; linear interpolation between voxels adds a little

    @property
    def extent(self) -> tuple[float, float]:
        """Bounds on its radii [1]; its middle may lie outside."""
        return 0.0, self.slope * self.reach

    def shell(self, z: np.ndarray, y: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, tuple[float, float]]:
        """See `Star.shell`."""
        return z * z + y * y + x * x, self.extent

    def size(self, offset_mm: np.ndarray, radius_mm: float) -> np.ndarray:
        """See `Star.size`; the form is scaled to `radius_mm` and grows evenly along its normals from there."""
        at = (offset_mm @ self.turn.T)[..., ::-1] / (radius_mm * self.spacing) + self.centre
        outside = np.linalg.norm((at - np.clip(at, 0, np.array(self.distance.shape) - 1)) * self.spacing, axis=-1)
        inside = ndimage.map_coordinates(self.distance, np.moveaxis(at, -1, 0), order=1, mode="nearest")
        return radius_mm * (1 + inside + outside)


def given(key: jax.Array | None, file: str, dataset: str | None) -> Given:
    """A form from a file; turned at random where there is a key.

    Args:
        dataset: of an HDF5 mask; None: the file is a mesh.
    Raises:
        FormatError: the file cannot be read, holds nothing, or the mesh has holes.
    """
    distance, spacing, centre, reach = _kept(os.path.abspath(os.path.expanduser(file)), dataset)
    return Given(distance, spacing, centre, np.eye(3) if key is None else _rotation(key), reach)


@cache
def _kept(file: str, dataset: str | None) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    mask, spacing = _mesh(file) if dataset is None else _mask(file, dataset)
    if not mask.any():
        raise FormatError(f"{file}: the form is empty; nothing of it is above 0")
    mask = np.pad(mask[ndimage.find_objects(mask.astype(np.uint8))[0]], 2)
    radius = (3 * mask.sum() * math.prod(spacing) / (4 * math.pi)) ** (1 / 3)
    unit = np.asarray(spacing) / radius
    half = 0.5 * float(unit.min())
    outer = ndimage.distance_transform_edt(~mask, unit) - half
    inner = ndimage.distance_transform_edt(mask, unit) - half
    distance = np.where(mask, -inner, outer).astype(np.float32)
    centre = np.array(ndimage.center_of_mass(mask))
    reach = float(np.linalg.norm((np.argwhere(mask) - centre) * unit, axis=1).max()) + 2 * half
    return distance, unit, centre, reach


def _mesh(file: str) -> tuple[np.ndarray, np.ndarray]:
    body = solid(mesh_files.read(file), file)
    low, high = body.points_mm.min(axis=0), body.points_mm.max(axis=0)
    step = float((high - low).max()) / FINE
    shape = tuple(math.ceil(s / step) + 2 for s in (high - low)[::-1])
    grid = Grid(shape, (step,) * 3, tuple((low - 0.5 * step).tolist()))  # type: ignore[arg-type]
    mask = np.zeros(shape, bool)
    first = 0
    for rows, columns, inside in crossings(body, grid).slabs(shape[0]):
        mask[first : first + len(inside), rows, columns] = inside
        first += shape[0]
    return mask, np.full(3, step)


def _mask(file: str, dataset: str) -> tuple[np.ndarray, np.ndarray]:
    if Path(file).suffix.lower() in (".h5", ".hdf5"):
        values, spacing = read_mask(file, dataset), (1.0, 1.0, 1.0)
    else:
        labels, grid = volume.read_labels(file)
        values, spacing = labels, grid.spacing_mm
    mask = values > 0
    thin = max(1, math.ceil(max(mask.shape) / MOST))
    return mask[::thin, ::thin, ::thin], np.asarray(spacing, float) * thin


def _rotation(key: jax.Array) -> np.ndarray:
    """Even over all rotations: a unit quaternion of four normal numbers (Marsaglia 1972)."""
    q = np.asarray(jax.random.normal(key, (4,)), float)
    w, x, y, z = q / np.linalg.norm(q)
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )
