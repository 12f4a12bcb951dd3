"""The field of displacements of a breathing body, and volumes carried by it; shared by the scanners.

At inhale (amplitude 1) the content of the body goes along z and y by given ways times f(z) g(y): f = cos^2 of the
distance from the diaphragm, 0 beyond the reach; g = a smooth step from the spine to the front. It is the same at all x.

What is at x in a state came from x - v(x), v the inverse of the field by fixed-point iteration, and volumes are
interpolated linearly there.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple, Protocol

import jax
import jax.numpy as jnp
import numpy as np

from phantomsim.errors import ScannerError
from phantomsim.phantom import Phantom

ITERATIONS = 12  # of the inverse; each takes the error down by the field's slope, at most STEEPEST
STEEPEST = 0.5
SPINE = 0.25  # of the body's depth, from its back


class Breath(Protocol):
    """What both scanners' `Breathing` say: see there."""

    @property
    def depth_mm(self) -> float: ...
    @property
    def swell_mm(self) -> float: ...
    @property
    def diaphragm_mm(self) -> float: ...
    @property
    def reach_mm(self) -> float: ...


class Body(NamedTuple):
    """Where things are along z and y, in the frame of the phantom's grid.

    Attributes:
        z_mm, y_mm: of the volumes' rows and lines, from the diaphragm at exhale and from the spine [z], [y].
        depth_mm: from spine to front.
    """

    z_mm: np.ndarray
    y_mm: np.ndarray
    depth_mm: float


def body(motion: Breath, phantom: Phantom, first: int = 0, count: int | None = None) -> Body:
    """Where a phantom's rows `first` to `first + count - 1` lie (those may be beyond its ends).

    Raises:
        ScannerError: a phantom of air alone, or a field so steep that it folds the body.
    """
    slope = np.pi / 2 * motion.depth_mm / motion.reach_mm
    air = phantom.tissues.index("air") if "air" in phantom.tissues else -1
    lines = np.flatnonzero((np.asarray(phantom.label) != air).any((0, 2)))
    if not lines.size:
        raise ScannerError("the phantom is all air; nothing breathes")
    dz, dy, _ = phantom.grid.spacing_mm
    extent = (lines[-1] - lines[0] + 1) * dy
    slope += 1.5 * motion.swell_mm / ((1 - SPINE) * extent)
    if slope > STEEPEST:
        raise ScannerError(
            f"breathing of {motion.depth_mm} mm within {motion.reach_mm} mm and a swell of {motion.swell_mm} mm would"
            " fold the body: less depth, or a longer reach_mm"
        )
    x, y, _ = phantom.grid.centre_mm
    diaphragm = phantom.grid.local((x, y, motion.diaphragm_mm))[2]
    z = (np.arange(first, first + (count or phantom.grid.shape[0])) - (phantom.grid.shape[0] - 1) / 2) * dz
    back = (lines[0] - 0.5) * dy
    spine = back + SPINE * extent
    return Body(z - diaphragm, np.arange(phantom.grid.shape[1]) * dy - spine, (1 - SPINE) * extent)


def field(z_mm: jax.Array, y_mm: jax.Array, numbers: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Way of points along z and y [mm]; they are given from the diaphragm and the spine.

    Args:
        numbers: largest way along z and along y, reach along z, depth of the body from the spine [4] [mm].
    """
    along_z, along_y, reach, depth = numbers
    near = jnp.cos(jnp.pi / 2 * jnp.clip(z_mm / reach, -1, 1)) ** 2
    t = jnp.clip(y_mm / depth, 0, 1)
    share = near * t * t * (3 - 2 * t)
    return along_z * share, along_y * share


@jax.jit
def carried(volumes: jax.Array, lung: jax.Array, z_mm: jax.Array, y_mm: jax.Array, numbers: jax.Array) -> jax.Array:
    """Volumes of one state; what fills with air thins as it swells.

    Args:
        volumes: at exhale [K, z, y, x].
        lung: volume fraction of what fills with air [z, y, x], or a scalar.
        z_mm, y_mm: of the rows and lines, from the diaphragm and the spine [z], [y].
        numbers: see `field`; the ways are those of this state.
    """
    z, y = jnp.meshgrid(z_mm, y_mm, indexing="ij")
    way = jax.lax.fori_loop(
        0, ITERATIONS, lambda _, v: field(z - v[0], y - v[1], numbers), (jnp.zeros_like(z), jnp.zeros_like(y))
    )
    pull = partial(_pulled, z=(z - way[0] - z_mm[0]), y=(y - way[1] - y_mm[0]), z_mm=z_mm, y_mm=y_mm)
    swelling = _swelling(z - way[0], y - way[1], numbers)[:, :, None]
    there = pull(volumes)
    if lung.ndim == 0:
        return there * (1 + lung * (1 / swelling - 1))
    return there * (1 + pull(lung) * (1 / swelling - 1))


def _swelling(z: jax.Array, y: jax.Array, numbers: jax.Array) -> jax.Array:
    """Volume after over volume before, at points of the resting body."""

    def determinant(z: jax.Array, y: jax.Array) -> jax.Array:
        (zz, zy), (yz, yy) = jax.jacfwd(lambda p: jnp.stack(field(p[0], p[1], numbers)))(jnp.stack([z, y]))
        return (1 + zz) * (1 + yy) - zy * yz

    return jax.vmap(jax.vmap(determinant))(z, y)


def _pulled(volumes: jax.Array, z: jax.Array, y: jax.Array, z_mm: jax.Array, y_mm: jax.Array) -> jax.Array:
    """Volumes [..., z, y, x] at places [z, y], linear in between."""
    rows, lines = volumes.shape[-3:-1]
    at_z = jnp.clip(z / (z_mm[-1] - z_mm[0]) * (rows - 1), 0, rows - 1) if rows > 1 else jnp.zeros_like(z)
    at_y = jnp.clip(y / (y_mm[-1] - y_mm[0]) * (lines - 1), 0, lines - 1) if lines > 1 else jnp.zeros_like(y)
    low_z, low_y = (jnp.clip(a.astype(jnp.int32), 0, max(n - 2, 0)) for a, n in ((at_z, rows), (at_y, lines)))
    total = jnp.zeros(volumes.shape, jnp.float32)
    for i in range(min(rows, 2)):
        for j in range(min(lines, 2)):
            part = (at_z - low_z if i else 1 - (at_z - low_z)) * (at_y - low_y if j else 1 - (at_y - low_y))
            total += part[:, :, None] * volumes[..., low_z + i, low_y + j, :]
    return total
