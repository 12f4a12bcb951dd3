"""From any affine to arrays [z, y, x] near RAS+, without resampling."""

from __future__ import annotations

import itertools

import numpy as np

from phantomsim.errors import FormatError
from phantomsim.grid import IDENTITY, Grid

MAX_SHEAR = 1e-3  # cosine between axes above which a grid is not rectangular (0.06 degrees)
SNAP = 1e-5  # rounding of float32 headers: directions this near an axis lie along it (2.6 um over 256 mm)


def to_ras(array: np.ndarray, affine: np.ndarray, source: str = "image") -> tuple[np.ndarray, Grid]:
    """Turn an array by 90-degree turns and flips so that its axes lie nearest to Right, Anterior, Superior.

    The choice is the signed permutation with the largest trace. That always leaves a proper rotation: the mean of
    sum |cos| over the six permutations is at least 1, so the best trace is above 1, which a reflection never reaches.

    Args:
        array: values [k, j, i], the last index running along the affine's first column.
        affine: 4 x 4, from indices (i, j, k, 1) to world (x, y, z, 1) [mm, RAS+].
        source: name for errors.

    Returns:
        the values [z, y, x], contiguous and in native byte order, and their grid; what obliquity remains is
        in `Grid.direction`.

    Raises:
        FormatError: the affine is not finite, singular or sheared.
    """
    spacing, direction = split(affine, source)
    order = max(itertools.permutations(range(3)), key=lambda p: sum(abs(direction[r, p[r]]) for r in range(3)))
    signs = np.where([direction[r, order[r]] < 0 for r in range(3)], -1.0, 1.0)
    shape_ijk = np.asarray(array.shape[::-1])[list(order)]
    direction = direction[:, list(order)]
    spacing = spacing[list(order)]
    start = np.where(signs < 0, shape_ijk - 1, 0) * spacing
    origin = np.asarray(affine, float)[:3, 3] + direction @ start
    values = array.transpose([2 - order[2], 2 - order[1], 2 - order[0]])
    values = values[tuple(slice(None, None, int(s)) for s in signs[::-1])]
    values = np.ascontiguousarray(values, values.dtype.newbyteorder("="))
    grid = Grid(values.shape, _triple(spacing[::-1]), _triple(origin), _columns(direction * signs))
    return values, grid


def named_axes(axes: str) -> np.ndarray:
    """4 x 4 matrix from a world whose x, y and z point to the three letters, as "LPS", to RAS+.

    Raises:
        FormatError: not one letter each of R or L, A or P, S or I.
    """
    matrix = np.zeros((4, 4))
    matrix[3, 3] = 1
    for column, letter in enumerate(axes):
        for row, pair in enumerate(("RL", "AP", "SI")):
            if letter in pair and column < 3:
                matrix[row, column] = 1 - 2 * pair.index(letter)
    if len(axes) != 3 or abs(np.linalg.det(matrix)) != 1:
        raise FormatError(f'axes "{axes}": give one letter each of R or L, A or P, S or I, such as "LPS"')
    return matrix


def split(affine: np.ndarray, source: str = "image") -> tuple[np.ndarray, np.ndarray]:
    """Spacing (i, j, k) [mm] and the nearest orthonormal direction matrix of an affine.

    Raises:
        FormatError: the affine is not finite, singular or sheared.
    """
    affine = np.asarray(affine, float)
    if not np.isfinite(affine).all():
        raise FormatError(f"{source}: the affine holds NaN or infinity. Mend the header's sform, qform and pixdim")
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    if spacing.min() < 1e-6 or spacing.max() > 1e6:
        raise FormatError(f"{source}: voxel spacing {_mm(spacing)} mm; each must be from 1e-6 to 1e6. Mend the header")
    direction = affine[:3, :3] / spacing
    shear = float(np.abs(direction.T @ direction - np.eye(3)).max())
    if shear > MAX_SHEAR:
        raise FormatError(
            f"{source}: the axes are not at right angles (cosine {shear:.3g}, at most {MAX_SHEAR}). "
            "Resample the volume to a rectangular grid"
        )
    u, _, v = np.linalg.svd(direction)
    rounded = np.round(direction)
    return spacing, rounded if np.abs(u @ v - rounded).max() < SNAP else u @ v


def _columns(direction: np.ndarray) -> tuple[tuple[float, float, float], ...]:
    """The matrix as `Grid.direction` keeps it; the identity is always the same object's value."""
    if np.array_equal(direction, np.eye(3)):
        return IDENTITY
    return tuple(_triple(row) for row in direction)


def _triple(values: np.ndarray) -> tuple[float, float, float]:
    x, y, z = (float(v) + 0.0 for v in values)  # + 0.0 turns -0.0 into 0.0
    return x, y, z


def _mm(values: np.ndarray) -> str:
    return " x ".join(f"{v:.4g}" for v in values)
