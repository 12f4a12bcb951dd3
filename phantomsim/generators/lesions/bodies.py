"""Small bodies of balls and shells, on which lesions are tried."""

from __future__ import annotations

import numpy as np

from phantomsim.grid import Grid
from phantomsim.phantom import Facts, Phantom

HEAD = ("air", "skin", "bone-cortical", "csf", "grey-matter", "white-matter")
TRUNK = ("air", "skin", "soft-tissue")


def head(voxel_mm: float = 3.0, ventricles: bool = True) -> Phantom:
    """A skull with fluid, cortex, white matter and two ventricles; halves alike.

    Radii (x, y, z) [mm]: skin 80, 98, 82; bone inside that by 4, fluid by 10, cortex by 17, white matter by 22.
    """
    shape = tuple(int(np.ceil(s / voxel_mm)) for s in (176, 208, 172))
    grid = Grid.centred(shape, (voxel_mm,) * 3)  # type: ignore[arg-type]
    z, y, x = np.ix_(*grid.axes_mm())
    label = np.zeros(grid.shape, np.uint8)
    for tissue, less in enumerate((0.0, 4.0, 10.0, 17.0, 22.0), 1):
        label[(x / (80 - less)) ** 2 + (y / (98 - less)) ** 2 + (z / (82 - less)) ** 2 < 1] = tissue
    if ventricles:
        for side in (-1, 1):
            label[((x - 14 * side) / 8) ** 2 + (y / 34) ** 2 + ((z - 6) / 11) ** 2 < 1] = HEAD.index("csf")
    return Phantom(grid, label, 1.0, (), (), HEAD, Facts("head-of-shells"))


def trunk(organs: tuple[str, ...], voxel_mm: float = 3.0, radius_mm: float = 42.0) -> Phantom:
    """Balls of one tissue each, side by side in soft tissue under skin."""
    width = 2 * radius_mm + 16
    shape = tuple(int(np.ceil(s / voxel_mm)) for s in (width + 40, width + 40, width * len(organs) + 40))
    grid = Grid.centred(shape, (voxel_mm,) * 3)  # type: ignore[arg-type]
    z, y, x = np.ix_(*grid.axes_mm())
    half = [n * voxel_mm / 2 for n in shape]
    inside = (np.abs(z) < half[0] - 6) & (np.abs(y) < half[1] - 6) & (np.abs(x) < half[2] - 6)
    deeper = (np.abs(z) < half[0] - 9) & (np.abs(y) < half[1] - 9) & (np.abs(x) < half[2] - 9)
    label = np.where(deeper, 2, np.where(inside, 1, 0)).astype(np.uint8)
    for i, _ in enumerate(organs):
        middle = (i - (len(organs) - 1) / 2) * width
        label[(x - middle) ** 2 + y**2 + z**2 < radius_mm**2] = len(TRUNK) + i
    return Phantom(grid, label, 1.0, (), (), (*TRUNK, *organs), Facts("trunk-of-balls"))


def body_for(kind_host: tuple[str, ...]) -> Phantom:
    """A small body that has one of the hosts."""
    if set(kind_host) & set(HEAD):
        return head()
    return trunk(tuple(h for h in kind_host if "*" not in h)[:2])
