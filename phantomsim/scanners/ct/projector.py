"""Line integrals through voxel volumes and their adjoint, for every geometry.

`Projector` finds where rays meet voxels once, on the host; `line_integrals` is the one-call form. How it is done, and
the papers, are in `phantomsim.scanners.ct.joseph`.
"""

from __future__ import annotations

import math
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np

from phantomsim.errors import GridError, ScannerError
from phantomsim.scanners.ct.geometry import Geometry
from phantomsim.scanners.ct.joseph import levels, oblique, symmetry, upright
from phantomsim.scanners.ct.joseph.lines import Box, check, fan

Footprint = Literal["cell", "point"]
# Voxels along z that a ray may climb or fall within half a group of slabs, see `joseph.march`. For cells so few that
# the error at edges is that of other footprints (benchmarks/README.md); rays alias more than half a voxel blurs.
SHIFT = {"cell": 0.1, "point": 0.5}


def line_integrals(
    volumes: jax.Array,
    spacing_mm: tuple[float, float, float],
    centre_mm: np.typing.ArrayLike,
    geometry: Geometry,
    footprint: Footprint = "cell",
) -> jax.Array:
    """Integrate K volumes along every ray; `Projector` when one geometry is used again and again.

    Axial scans of few rows and without symmetry take a way of their own where that is quicker (`joseph.levels`); it can
    be differentiated, but an adjoint of equal speed has `Projector` alone.

    Args:
        volumes: float32 [K, z, y, x], for instance attenuation [1/mm] or volume fractions [1].
        spacing_mm: voxel pitch along z, y, x [mm].
        centre_mm: (x, y, z) of the volume's middle from the isocentre [mm].
        geometry: of the scan.
        footprint: "cell": mean over each detector cell; "point": the ray to its middle.
    Returns:
        float32 [K, view, row, column]: integrals in mm x the unit of `volumes`; zero where a ray misses.
    Raises:
        GridError: volumes is not [K, z, y, x].
        ScannerError: the focal spot lies inside the volume.
    """
    volumes = jnp.asarray(volumes, jnp.float32)
    if volumes.ndim != 4:
        raise GridError(f"volumes have shape {volumes.shape}; line_integrals needs [K, z, y, x]")
    box = _box(volumes.shape[1:], spacing_mm, centre_mm)
    if footprint == "cell" and _few_rows(geometry, box, len(volumes)):
        check(geometry, box)
        data, forms = levels.tables(fan(geometry), geometry, box)
        return levels.integrate(volumes, data, np.float32(box.pitch[2]), forms, geometry.shape)
    return Projector(geometry, volumes.shape[1:], spacing_mm, centre_mm, footprint, count=len(volumes)).forward(volumes)


def _few_rows(geometry: Geometry, box: Box, count: int) -> bool:
    """Whether the march by levels is possible and cheaper, by its parts' costs in ns (measured on two cores)."""
    if not levels.possible(geometry) or symmetry.find(geometry, box, count) is not None:
        return False
    steps = geometry.views * geometry.columns * float(np.mean(box.count[:2]))
    height = int(box.count[2])
    products = math.prod(box.count) * count * geometry.rows * len(levels.distances(geometry, box)) * 2
    by_levels = steps * 0.16 * max(32, count * geometry.rows) + 0.05 * products
    by_rows = steps * count * (0.19 * height + 0.5 * geometry.rows)
    return by_levels < by_rows


def _box(shape: tuple[int, ...], spacing_mm: np.typing.ArrayLike, centre_mm: np.typing.ArrayLike) -> Box:
    """Checked. Raises GridError."""
    spacing, centre = np.asarray(spacing_mm, float), np.asarray(centre_mm, float)
    if len(shape) != 3 or min(shape) < 1:
        raise GridError(f"the volume's shape is {tuple(shape)}; must be (z, y, x), each at least 1")
    if spacing.shape != (3,) or not (np.isfinite(spacing).all() and (spacing > 0).all()):
        raise GridError(f"spacing_mm is {spacing.tolist()}; must be three numbers above 0 (z, y, x)")
    if centre.shape != (3,) or not np.isfinite(centre).all():
        raise GridError(f"centre_mm is {centre.tolist()}; must be three finite numbers (x, y, z)")
    return Box.of(tuple(shape), spacing, centre)


def _straight(geometry: Geometry) -> bool:
    """Whether rays run steeper than 45 degrees against the level in some view, so that slabs must be of z."""
    ahead = geometry.source_mm if geometry.beam == "parallel" else geometry.centre_mm - geometry.source_mm
    return bool(np.any(np.abs(ahead[:, 2]) > np.linalg.norm(ahead[:, :2], axis=-1)))


def _kind(form: upright.Forms | oblique.Forms) -> Any:
    return oblique if isinstance(form, oblique.Forms) else upright


@jax.tree_util.register_pytree_node_class
class Projector:
    """Line integrals of one geometry through volumes of one shape, and their adjoint; a pytree.

    `forward` and `adjoint` are each other's derivatives (exactly: the same weights, found from the other side), so that
    they serve in `jax.grad`, `jit` and `scan`.

    Args:
        geometry: of the scan.
        shape: voxels along z, y, x.
        spacing_mm: voxel pitch along z, y, x [mm].
        centre_mm: (x, y, z) of the volume's middle from the isocentre [mm].
        footprint: "cell": voxels and cells are boxes, data are means over cells; "point": rays to their middles,
            linear interpolation between voxels.
        shift: how far, in voxels along z, a ray may be off the height at which its group of slabs is read; small for
            the exact method of Joseph, at a cost. By default 0.1 for cells and 0.5 for rays.
        count: volumes that will be projected together, for the choice of sizes only.
    Raises:
        GridError: shape, spacing or centre are no such thing.
        ScannerError: the focal spot lies inside the volume.
    """

    def __init__(
        self,
        geometry: Geometry,
        shape: tuple[int, ...],
        spacing_mm: np.typing.ArrayLike,
        centre_mm: np.typing.ArrayLike = (0.0, 0.0, 0.0),
        footprint: Footprint = "cell",
        shift: float | None = None,
        count: int = 1,
    ) -> None:
        if footprint not in ("cell", "point"):
            raise ScannerError(f'footprint is "{footprint}"; must be "cell" or "point"')
        box = _box(shape, spacing_mm, centre_mm)
        check(geometry, box)
        shift = SHIFT[footprint] if shift is None else shift
        self.volume_shape, self.data_shape = tuple(int(n) for n in shape), geometry.shape
        self.data: upright.Plan | oblique.Plan
        self.form: upright.Forms | oblique.Forms
        if geometry.upright and bool(np.all(geometry.up_mm[:, 2] > 0)) and not _straight(geometry):
            self.data, self.form = upright.plan(geometry, box, footprint == "cell", shift, count)
        else:
            self.data, self.form = oblique.plan(geometry, box, footprint == "cell")

    def forward(self, volumes: jax.Array) -> jax.Array:
        """Integrals [mm x unit] of volumes: float32 [K, z, y, x] -> [K, view, row, column]. Raises GridError."""
        if volumes.ndim != 4 or volumes.shape[1:] != self.volume_shape:
            raise GridError(f"volumes have shape {volumes.shape}; this projector needs [K, *{self.volume_shape}]")
        return _kind(self.form).forward(jnp.asarray(volumes, jnp.float32), self.data, self.form)

    def adjoint(self, data: jax.Array) -> jax.Array:
        """Transpose of `forward`: float32 [K, view, row, column] -> [K, z, y, x]. Raises GridError."""
        if data.ndim != 4 or data.shape[1:] != self.data_shape:
            raise GridError(f"data have shape {data.shape}; this projector needs [K, *{self.data_shape}]")
        return _kind(self.form).adjoint(jnp.asarray(data, jnp.float32), self.data, self.form)

    def memory_bytes(self, count: int = 1) -> int:
        """Estimate of the peak memory of `forward` or `adjoint` for `count` volumes, with volumes and data."""
        voxels, readings = (math.prod(shape) for shape in (self.volume_shape, self.data_shape))
        fine = math.prod(self.form.parts) if isinstance(self.form, oblique.Forms) else 1
        square = None if isinstance(self.form, oblique.Forms) else self.form.square
        if square is not None:  # turned copies, once while they are made and once as they are used
            voxels, fine = voxels * len(square.turns) // 2, 2
        tables = sum(np.asarray(leaf).nbytes for leaf in jax.tree.leaves(self.data))
        return 4 * count * (4 * voxels + (3 + fine) * readings) + tables

    def tree_flatten(self) -> tuple[tuple, tuple]:
        """For JAX."""
        return (self.data,), (self.volume_shape, self.data_shape, self.form)

    @classmethod
    def tree_unflatten(cls, fixed: tuple, children: tuple) -> Projector:
        """For JAX."""
        new = object.__new__(cls)
        new.volume_shape, new.data_shape, new.form = fixed
        (new.data,) = children
        return new
