"""Calibration of GRAPPA weights on fully sampled lines: Griswold et al. 2002, doi:10.1002/mrm.10171."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from itertools import product

import jax
import numpy as np

from phantomsim.errors import ScannerError
from phantomsim.scanners.mr.reconstruct.lattice import steps_of

Array = jax.Array


@partial(jax.tree_util.register_dataclass, data_fields=["weights"], meta_fields=["acceleration", "dimensions"])
@dataclass(frozen=True)
class Kernel:
    """Calibrated weights.

    Attributes:
        weights: complex64 [target, coil out, coil in, source z, source y, source x]; a target is an offset (t_z, t_y)
            from a measured line, (0, 0) left out, t_y fastest.
        acceleration: (R_z, R_y) (static).
        dimensions: 2 or 3, of the matrices that it fills (static).
    """

    weights: Array | np.ndarray
    acceleration: tuple[int, int]
    dimensions: int

    @property
    def targets(self) -> list[tuple[int, int]]:
        """Offsets of the lines that the kernel fills."""
        return [t for t in product(range(self.acceleration[0]), range(self.acceleration[1])) if t != (0, 0)]


def calibrate(
    calibration: Array | np.ndarray,
    acceleration: tuple[int, int] | int,
    sources: tuple[int, int, int] | None = None,
    regularisation: float = 1e-6,
) -> Kernel:
    """Least-squares weights from fully sampled lines, Tikhonov-regularised; host side, float64 inside.

    Args:
        calibration: complex [coil, y, x] or [coil, z, y, x], a block about the centre of k-space.
        acceleration: R along y, or (R_z, R_y); at least one above 1.
        sources: how many measured lines (z, y) and samples x a weight reaches; by default 4 lines along the one
            accelerated axis, or 2 x 4 along two, and 5 samples.
        regularisation: relative to the mean squared source.
    Raises:
        ScannerError: too few calibration lines for the kernel.
    """
    steps, block, dims = steps_of(acceleration), np.asarray(calibration, complex), np.ndim(calibration) - 1
    if dims not in (2, 3) or (dims == 2 and steps[0] > 1):
        raise ScannerError(f"calibration lines of {dims + 1} dimensions; wanted [coil, y, x], or [coil, z, y, x]")
    if steps == (1, 1):
        raise ScannerError("GRAPPA at R = 1 has nothing to fill; use the Fourier reconstruction")
    block = block if dims == 3 else block[:, None]
    counts = sources or _default_sources(steps)
    a, b = _equations(block, steps, counts)
    normal = a.conj().T @ a
    scale = np.real(np.trace(normal)) / len(normal)
    if not np.isfinite(scale) or scale == 0:
        raise ScannerError("the calibration lines hold no finite signal. Check that they were measured")
    weights = np.linalg.solve(normal + regularisation * scale * np.eye(len(normal)), a.conj().T @ b)
    coils = len(block)
    shaped = weights.reshape(coils, *counts, -1, coils)  # [in, z, y, x, target, out]
    return Kernel(np.ascontiguousarray(shaped.transpose(4, 5, 0, 1, 2, 3)).astype(np.complex64), steps, dims)


def _equations(
    block: np.ndarray, steps: tuple[int, int], counts: tuple[int, int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Sources [equation, coil z y x] and targets [equation, target coil] wherever the kernel fits into the block."""
    offsets = [offsets_of(n, r) for n, r in zip(counts, (*steps, 1))]
    low = [-min(int(o[0]), 0) for o in offsets]
    high = [max(int(o[-1]), r - 1) for o, r in zip(offsets, (*steps, 1))]
    sizes = [n - a - b for n, a, b in zip(block.shape[1:], low, high)]
    if min(sizes) < 1:
        need = tuple(a + b + 1 for a, b in zip(low, high))
        raise ScannerError(
            f"{block.shape[1:3]} calibration lines (z, y) of {block.shape[3]} samples; the kernel needs "
            f"{need} at least. Measure more of them, or take a smaller kernel (sources)"
        )

    def at(z: int, y: int, x: int) -> np.ndarray:
        window = tuple(slice(a + d, a + d + n) for a, d, n in zip(low, (z, y, x), sizes))
        return block[(slice(None), *window)].reshape(len(block), -1)

    sources = np.stack([at(*d) for d in product(*offsets)], 1)
    targets = np.stack([at(z, y, 0) for z, y in product(range(steps[0]), range(steps[1])) if z or y])
    equations = sources.shape[-1]
    if equations < sources.shape[0] * sources.shape[1]:
        raise ScannerError(
            f"{equations} equations for {sources.shape[0] * sources.shape[1]} weights: too few calibration lines. "
            "Measure more of them, or take a smaller kernel (sources)"
        )
    return sources.reshape(-1, equations).T, targets.reshape(-1, equations).T


def offsets_of(count: int, step: int) -> np.ndarray:
    """Distances of the sources from the measured line before the target: -1, 0, 1, 2 steps for four."""
    return (np.arange(count) - (count - 1) // 2) * step


def _default_sources(steps: tuple[int, int]) -> tuple[int, int, int]:
    if min(steps) > 1:
        return (2, 4, 5)
    return (1, 4, 5) if steps[1] > 1 else (4, 1, 5)
