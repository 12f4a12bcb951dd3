"""K-space of a voxel phantom, slice by slice: the exact Fourier integral of its boxes.

Each voxel is a box of constant magnetisation; the sensitivity is constant inside a voxel, not inside a slice. Its
Fourier transform is a separable product of sincs, so k-space at any spacing, extent and offset is two matrix
products. What the matrix truncates rings, and what lies outside the field of view folds in, as at the scanner.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from phantomsim.scanners.mr.spec import MRProtocol


def k_per_mm(count: int, fov_mm: float, oversampling: int = 1) -> np.ndarray:
    """Sampled spatial frequencies of one axis, [count x oversampling] 1/mm; zero at index count x oversampling // 2."""
    total = count * oversampling
    return (np.arange(total) - total // 2) / (fov_mm * oversampling)


def fourier(k: np.ndarray, centres_mm: np.ndarray, width_mm: float) -> np.ndarray:
    """Fourier integrals exp(-2 pi i k r) over boxes, complex128 [k, voxel] mm."""
    return width_mm * np.sinc(k * width_mm)[:, None] * np.exp(-2j * np.pi * np.outer(k, centres_mm))


def pixels_mm(count: int, fov_mm: float) -> np.ndarray:
    """Centres of the image's pixels along one axis, from its middle [mm]."""
    return (np.arange(count) - (count - 1) / 2) * fov_mm / count


def readout(count: int, fov_mm: float, centres_mm: np.ndarray, width_mm: float, oversampling: int) -> np.ndarray:
    """Readout matrix with the receiver's decimation filter, complex128 [count, voxel] mm.

    Oversampled samples are transformed, cropped to the field of view and transformed back, so that what lies
    outside along the readout does not fold in. White noise stays white.
    """
    fine = fourier(k_per_mm(count, fov_mm, oversampling), centres_mm, width_mm)
    if oversampling == 1:
        return fine
    kept = np.exp(2j * np.pi * np.outer(pixels_mm(count, fov_mm), k_per_mm(count, fov_mm, oversampling)))
    back = np.exp(-2j * np.pi * np.outer(k_per_mm(count, fov_mm), pixels_mm(count, fov_mm)))
    return back @ (kept @ fine) / (count * oversampling)


@dataclass(frozen=True)
class Slab:
    """Which rows of the phantom each slice takes: first row [slice], thickness taken of each row [slice, row] mm."""

    start: np.ndarray
    taken_mm: np.ndarray


def slab(protocol: MRProtocol, centres_mm: np.ndarray, height_mm: float) -> Slab:
    """Integrate box slice profiles exactly over voxels of the phantom.

    Args:
        centres_mm: of the phantom's rows from the slab's middle, ascending [mm].
        height_mm: of a row.
    """
    middle = (np.arange(protocol.slices) - (protocol.slices - 1) / 2) * (protocol.slice_mm + protocol.gap_mm)
    rows = min(int(np.ceil(protocol.slice_mm / height_mm)) + 1, len(centres_mm))
    low, high = middle - protocol.slice_mm / 2, middle + protocol.slice_mm / 2
    start = np.clip(np.floor((low - centres_mm[0]) / height_mm + 0.5 + 1e-6), 0, len(centres_mm) - rows).astype(
        np.int32
    )
    row = centres_mm[start[:, None] + np.arange(rows)]
    bottom, top = np.maximum(low[:, None], row - height_mm / 2), np.minimum(high[:, None], row + height_mm / 2)
    return Slab(start, np.maximum(top - bottom, 0).astype(np.float32))


@partial(jax.jit, static_argnames=("phase_axis",))
def encode(
    magnetisation: jax.Array,
    start: jax.Array,
    taken_mm: jax.Array,
    table: jax.Array,
    nodes: tuple[jax.Array, jax.Array, jax.Array],
    first: jax.Array,
    second: jax.Array,
    scale: float = 1.0,
    phase_axis: str = "y",
) -> jax.Array:
    """Sample k-space of all coils and slices.

    Args:
        magnetisation: transverse, float32 or complex64 [z, y, x].
        start, taken_mm: see `Slab`.
        table: sensitivities on nodes, complex64 [coil, z, y, x].
        nodes: interpolation from nodes to voxels along z, y, x, float32 [voxel, node].
        first: encoding along y, complex64 [k, y] mm; second: along x, [k, x] mm.
        scale: multiplies the result.
        phase_axis: "y" or "x" (static).
    Returns:
        complex64 [coil, shot, sample] in units of magnetisation x sensitivity x mm^3; slice by slice.
    """
    parts = jnp.stack([table.real, table.imag])

    def one(job: tuple[jax.Array, jax.Array]) -> jax.Array:
        row, taken = job
        rows = len(taken)
        here = jax.lax.dynamic_slice_in_dim(magnetisation, row, rows, 0) * taken[:, None, None]
        along_z = jax.lax.dynamic_slice_in_dim(nodes[0], row, rows, 0)
        maps = jnp.einsum("pz,rczyx->rcpyx", along_z, parts, precision="highest")
        maps = jnp.einsum("Yy,rcpyx->rcpYx", nodes[1], maps, precision="highest")
        maps = jnp.einsum("Xx,rcpYx->rcpYX", nodes[2], maps, precision="highest")
        seen = jnp.einsum("pYX,rcpYX->rcYX", here, maps, precision="highest")
        seen = jax.lax.complex(seen[0].real - seen[1].imag, seen[0].imag + seen[1].real)
        lines = jnp.einsum("ky,cyx->ckx", first, seen, precision="highest")
        order = "ckl" if phase_axis == "y" else "clk"
        return jnp.einsum(f"lx,ckx->{order}", second, lines, precision="highest")

    slices = jax.lax.map(one, (start, taken_mm)) * scale
    return jnp.swapaxes(slices, 0, 1).reshape(table.shape[0], -1, slices.shape[-1])
