"""Off-resonance of a patient in the magnet: susceptibility, the magnet's own residue, and shim."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from phantomsim.materials import MRProperties, relaxation
from phantomsim.phantom import Phantom
from phantomsim.scanners.mr.fields import dipole
from phantomsim.scanners.mr.fields.shim import shimmed
from phantomsim.scanners.mr.spec.fields import Fields


class Coarse(NamedTuple):
    """A grid of blocks of voxels.

    Attributes:
        blocks: voxels in a block along z, y, x.
        spacing_mm: of blocks along z, y, x.
        axes_mm: middles of blocks from the isocentre, along z, y, x.
    """

    blocks: tuple[int, int, int]
    spacing_mm: tuple[float, float, float]
    axes_mm: tuple[np.ndarray, np.ndarray, np.ndarray]


def field_map_Hz(
    phantom: Phantom,
    field_T: float,
    fields: Fields | None = None,
    isocentre_mm: tuple[float, float, float] | None = None,
    field_axis: str = "z",
    properties: MRProperties | None = None,
) -> jax.Array:
    """Off-resonance of water in a patient [Hz], positive where it precesses faster.

    Args:
        phantom: the grid's edge voxels are taken to go on outside it, see `dipole`.
        fields: what is simulated; None: the defaults.
        isocentre_mm: world point (x, y, z) at the isocentre; None: the middle of the phantom.
        field_axis: axis of B0.
        properties: of the phantom's tissues (this patient's); None: the means.
    Returns:
        float32 [z, y, x]. Without a shim, relative to the mean over the signal.
    """
    fields = fields or Fields()
    mr = properties or relaxation(phantom.tissues, field_T)
    coarse = blocks(phantom, fields.coarse_mm, isocentre_mm)
    hz_per_ppm = dipole.GAMMA_BAR_Hz_per_T * field_T * 1e-6
    both = phantom.mix(np.stack([mr.chi_ppm, mr.PD], 1))
    chi, protons = block_means(both, coarse.blocks)
    ppm = jnp.zeros_like(chi)
    if fields.susceptibility:
        ppm += dipole.shift_ppm(chi, coarse.spacing_mm, field_axis)
    ppm += magnet_ppm(coarse, fields, field_axis)
    weights = protons * _box(coarse, fields.shim_box_mm)
    order = fields.shim_order if fields.shim_order is not None else 0
    axes = tuple(jnp.asarray(a, jnp.float32) for a in coarse.axes_mm)
    return spread(shimmed(ppm * hz_per_ppm, weights, axes, order), coarse.blocks, phantom.grid.shape)


def blocks(phantom: Phantom, coarse_mm: float, isocentre_mm: tuple[float, float, float] | None = None) -> Coarse:
    """Blocks of about `coarse_mm`, of whole voxels; those at the far end may reach beyond the phantom."""
    grid = phantom.grid
    count = tuple(max(round(coarse_mm / d), 1) for d in grid.spacing_mm)
    middle = np.zeros(3) if isocentre_mm is None else grid.local(isocentre_mm)[::-1]
    axes = []
    for n, d, b, r, at in zip(grid.shape, grid.spacing_mm, count, grid.axes_mm(), middle):
        axes.append(r[0] - at + (np.arange(-(-n // b)) * b + (b - 1) / 2) * d)
    spacing = tuple(b * d for b, d in zip(count, grid.spacing_mm))
    return Coarse(count, spacing, tuple(axes))  # type: ignore[arg-type]


@partial(jax.jit, static_argnames=("blocks",))
def block_means(values: jax.Array, blocks: tuple[int, int, int]) -> jax.Array:
    """Means over blocks of voxels, [K, z, y, x]; incomplete blocks are filled up with the edge's value."""
    short = [-n % b for n, b in zip(values.shape[1:], blocks)]
    padded = jnp.pad(values, [(0, 0), *((0, s) for s in short)], mode="edge")
    k, (nz, ny, nx), (bz, by, bx) = len(values), padded.shape[1:], blocks
    return padded.reshape(k, nz // bz, bz, ny // by, by, nx // bx, bx).mean((2, 4, 6))


@partial(jax.jit, static_argnames=("blocks", "shape"))
def spread(coarse: jax.Array, blocks: tuple[int, int, int], shape: tuple[int, int, int]) -> jax.Array:
    """From blocks back to voxels [z, y, x], linear between the middles of blocks."""
    if blocks == (1, 1, 1):
        return coarse
    fine = jax.image.resize(coarse, tuple(n * b for n, b in zip(coarse.shape, blocks)), "linear")
    return fine[: shape[0], : shape[1], : shape[2]]


def magnet_ppm(coarse: Coarse, fields: Fields, field_axis: str = "z") -> jax.Array | float:
    """The magnet's own field error: the zonal harmonic of fourth order about B0, [z, y, x] ppm.

    On a sphere it spans -3/7 to 1 of its largest value; it solves Laplace's equation, as a field error must.
    """
    if not fields.homogeneity_ppm:
        return 0.0
    z, y, x = (jnp.asarray(a / (fields.homogeneity_diameter_mm / 2), jnp.float32) for a in coarse.axes_mm)
    square = z[:, None, None] ** 2 + y[None, :, None] ** 2 + x[None, None, :] ** 2
    shape = [(-1, 1, 1), (1, -1, 1), (1, 1, -1)]["zyx".index(field_axis)]
    along = {"z": z, "y": y, "x": x}[field_axis].reshape(shape) ** 2
    return fields.homogeneity_ppm * 0.7 * (35 * along**2 - 30 * along * square + 3 * square**2) / 8


def _box(coarse: Coarse, edges_mm: tuple[float, float, float] | None) -> jax.Array | float:
    """1 inside the shim's box about the isocentre, 0 outside [z, y, x]."""
    if edges_mm is None:
        return 1.0
    z, y, x = (jnp.asarray(np.abs(a) <= edge / 2, jnp.float32) for a, edge in zip(coarse.axes_mm, edges_mm[::-1]))
    return z[:, None, None] * y[None, :, None] * x[None, None, :]
