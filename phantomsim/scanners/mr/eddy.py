"""Eddy currents that a coil's current drives in a conducting body, by finite volumes.

E_i = -i w (A_i + grad phi_i) with no current through the skin: the potential phi_i is what charges there make.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import splu

from phantomsim.scanners.mr.spec.array import Load

CELL_mm = 10.0  # of the conductor's mesh
DIRECT = 12_000  # cells up to which potentials are solved for directly
SUB = 4  # points along a cell's edge that say how much of it conducts


def conductor(load: Load) -> np.ndarray:
    """Which points of the fine mesh lie in the cylinder, bool [z, y, x]; the mesh is centred at the isocentre."""
    step = CELL_mm / SUB
    across, along = (SUB * (2 * int(np.ceil(r / CELL_mm)) + 2) for r in (load.radius_mm, load.length_mm / 2))
    axis = (np.arange(across) - (across - 1) / 2) * step
    z = (np.arange(along) - (along - 1) / 2) * step
    disc = axis[:, None] ** 2 + axis[None, :] ** 2 <= load.radius_mm**2
    return (np.abs(z) <= load.length_mm / 2)[:, None, None] & disc


def overlap(conductor: np.ndarray, potentials: Sequence[Callable[[np.ndarray], np.ndarray]]) -> np.ndarray:
    """Overlap integrals of the electric fields per unit (rate of change of current), [coil, coil].

    Finite volumes: the scalar potential at cells' centres, fields at their faces, each face weighted by how much of
    the volume about it conducts.

    Args:
        conductor: conducting points, SUB along each edge of a cell, bool [z, y, x], centred at the origin; the
            outermost cells do not conduct.
        potentials: functions that give the vector potential [N, 3] at points [N, 3] mm.
    Returns:
        sum over the conductor of (A_i + grad phi_i) . (A_j + grad phi_j) dV, in A's unit squared x mm^3.
    """
    faces = [_faces(conductor, axis) for axis in range(3)]
    low, high, at, weight = (np.concatenate(part) for part in zip(*faces))
    way = np.concatenate([np.full(len(f[0]), 2 - axis) for axis, f in enumerate(faces)])
    cells, ends = np.unique(np.concatenate([low, high]), return_inverse=True)
    face, root = np.arange(len(at)), np.sqrt(weight)
    signs = np.concatenate([-root, root]) / CELL_mm
    gradient = sparse.csr_matrix((signs, (np.tile(face, 2), ends)), shape=(len(at), len(cells)))
    driven = np.stack([potential(at)[face, way] * root for potential in potentials], 1)
    electric = driven + gradient @ _potential(gradient, driven)
    return electric.T @ electric * CELL_mm**3


def _potential(gradient: sparse.csr_matrix, driven: np.ndarray) -> np.ndarray:
    """Potentials whose gradients leave the least of the driving fields [cell, coil].

    Large meshes go by conjugate gradients, since factors fill up; the loss errs by the square of their error.
    """
    if gradient.shape[1] > DIRECT:
        return _conjugate_gradients((gradient.T @ gradient).tocsr(), gradient.T @ -driven)
    # One cell is held at zero, since the potential is fixed up to a constant only.
    held = gradient[:, 1:]
    matrix = (held.T @ held).tocsc()
    factors = splu(matrix, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options={"SymmetricMode": True})
    return np.concatenate([np.zeros((1, driven.shape[1])), factors.solve(held.T @ -driven)])


def _conjugate_gradients(matrix: sparse.csr_matrix, right: np.ndarray) -> np.ndarray:
    """Solutions for all columns at once, preconditioned by the diagonal, to 1e-6 of the right sides."""
    inverse = 1 / matrix.diagonal()[:, None]
    found, rest = np.zeros_like(right), right.copy()
    way = inverse * rest
    size, enough = np.einsum("ij,ij->j", rest, way), 1e-12 * np.einsum("ij,ij->j", rest, inverse * rest)
    for _ in range(matrix.shape[0]):
        spread = matrix @ way
        step = size / np.maximum(np.einsum("ij,ij->j", way, spread), 1e-300)
        found += step * way
        rest -= step * spread
        scaled = inverse * rest
        before, size = size, np.einsum("ij,ij->j", rest, scaled)
        if np.all(size <= enough):
            break
        way = scaled + size / np.maximum(before, 1e-300) * way
    return found


def _faces(conductor: np.ndarray, axis: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Faces across one axis (of z, y, x): cells below and above, points (x, y, z) mm, conducting fraction."""
    shape = np.array(conductor.shape) // SUB
    shifted = np.roll(conductor, -SUB // 2, axis)  # half a cell; what wraps does not conduct
    weight = shifted.reshape(shape[0], SUB, shape[1], SUB, shape[2], SUB).mean((1, 3, 5))
    found = np.argwhere(weight > 0)
    step = (np.arange(3) == axis).astype(int)
    low, high = (np.ravel_multi_index(tuple((found + s).T), tuple(shape)) for s in (0 * step, step))
    centre = (found + 0.5 * step - (shape - 1) / 2) * CELL_mm
    return low, high, centre[:, ::-1], weight[tuple(found.T)]
