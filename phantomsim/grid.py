"""Where voxels are: the one place that turns indices into millimetres."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial

import jax
import numpy as np

from phantomsim.errors import GridError

IDENTITY = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))


@partial(jax.tree_util.register_dataclass, data_fields=["spacing_mm", "origin_mm"], meta_fields=["shape", "direction"])
@dataclass(frozen=True)
class Grid:
    """A regular grid of voxels in patient space (RAS+).

    Scanners work in the grid's own frame: they take the patient to lie along the grid's axes.
    `direction` only says how that frame is turned in the world, so that files keep their affine.

    Attributes:
        shape: voxels along z, y, x (static).
        spacing_mm: distance of voxel centres along z, y, x [mm].
        origin_mm: world point (x, y, z) of the centre of voxel [0, 0, 0] [mm, RAS+].
        direction: columns are the world directions of the grid's x, y and z axes (static).
    """

    shape: tuple[int, int, int]
    spacing_mm: tuple[float, float, float]
    origin_mm: tuple[float, float, float]
    direction: tuple[tuple[float, float, float], ...] = IDENTITY

    @classmethod
    def centred(
        cls,
        shape: tuple[int, int, int],
        spacing_mm: tuple[float, float, float],
        centre_mm: tuple[float, float, float] = (0.0, 0.0, 0.0),
    ) -> Grid:
        """A grid along the world axes whose middle lies at `centre_mm` (x, y, z) [mm].

        Raises:
            GridError: a shape below 1 or a spacing that is not positive.
        """
        if min(shape) < 1 or min(spacing_mm) <= 0 or not all(map(math.isfinite, (*spacing_mm, *centre_mm))):
            raise GridError(f"grid of shape {shape} and spacing {spacing_mm} mm: counts must be >= 1, spacings > 0")
        origin = tuple(float(c) - 0.5 * (n - 1) * float(d) for c, n, d in zip(centre_mm, shape[::-1], spacing_mm[::-1]))
        return cls(tuple(map(int, shape)), tuple(map(float, spacing_mm)), origin)  # type: ignore[arg-type]

    @property
    def affine(self) -> np.ndarray:
        """4 x 4 matrix from indices (i_x, i_y, i_z, 1) to world (x, y, z, 1) [mm, RAS+], float64."""
        matrix = np.eye(4)
        matrix[:3, :3] = np.asarray(self.direction) * np.asarray(self.spacing_mm[::-1])
        matrix[:3, 3] = self.origin_mm
        return matrix

    @property
    def size_mm(self) -> tuple[float, float, float]:
        """Edge-to-edge extent along z, y, x [mm]."""
        return tuple(n * d for n, d in zip(self.shape, self.spacing_mm))  # type: ignore[return-value]

    @property
    def centre_mm(self) -> tuple[float, float, float]:
        """World point (x, y, z) of the grid's middle [mm]."""
        return tuple(self.world([(n - 1) / 2 for n in self.shape]).tolist())  # type: ignore[return-value]

    @property
    def voxel_mL(self) -> float:
        """Volume of one voxel [mL]."""
        return math.prod(self.spacing_mm) / 1000.0

    def world(self, index: np.typing.ArrayLike) -> np.ndarray:
        """World points (x, y, z) [mm] of indices (z, y, x), last axis 3, host side, float64."""
        i = np.asarray(index, float)[..., ::-1] * np.asarray(self.spacing_mm[::-1])
        return i @ np.asarray(self.direction).T + np.asarray(self.origin_mm)

    def index(self, world_mm: np.typing.ArrayLike) -> np.ndarray:
        """Fractional indices (z, y, x) of world points (x, y, z) [mm], last axis 3, host side, float64."""
        local = (np.asarray(world_mm, float) - np.asarray(self.origin_mm)) @ np.asarray(self.direction)
        return (local / np.asarray(self.spacing_mm[::-1]))[..., ::-1]

    def axes_mm(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Coordinates of voxel centres along z, y, x in the grid's own frame, zero at its middle [mm]."""
        return tuple((np.arange(n) - (n - 1) / 2) * d for n, d in zip(self.shape, self.spacing_mm))  # type: ignore[return-value]

    def local(self, world_mm: np.typing.ArrayLike) -> np.ndarray:
        """World points (x, y, z) in the grid's own frame, (x, y, z) from its middle [mm]."""
        middle = (np.asarray(self.shape) - 1) / 2
        return ((self.index(world_mm) - middle) * np.asarray(self.spacing_mm))[..., ::-1]

    @property
    def sideways(self) -> int:
        """The array axis (of z, y, x) that runs along left and right."""
        return int(np.argmax(np.abs(np.asarray(self.direction)[0, ::-1])))

    def crop(self, start: tuple[int, int, int], shape: tuple[int, int, int]) -> Grid:
        """The part of the grid from index `start` (z, y, x) on, of the given shape."""
        return Grid(shape, self.spacing_mm, tuple(self.world(start).tolist()), self.direction)  # type: ignore[arg-type]

    def check(self, shape: tuple[int, ...], what: str = "array") -> None:
        """Raises GridError unless the last three dimensions of `shape` are the grid's."""
        if tuple(shape[-3:]) != tuple(self.shape):
            raise GridError(f"{what} has shape {tuple(shape)}; the grid is {self.shape} [z, y, x]")
