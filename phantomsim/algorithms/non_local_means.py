"""Non-local means: average voxels whose surroundings look alike.

Buades, Coll & Morel, "A non-local algorithm for image denoising", CVPR 2005 (doi:10.1109/CVPR.2005.38),
with the flat patch and the noise-corrected distance of the same authors' reference implementation,
"Non-Local Means Denoising", IPOL 1 (2011) 208 (doi:10.5201/ipol.2011.bcm_nlm).
"""

from __future__ import annotations

from functools import partial, reduce
from operator import add

import jax
import jax.numpy as jnp
import numpy as np

#: Median of |x| over the SD of a normal x: the 75 % point of the standard normal.
MAD_PER_SD = 0.6744897501960817


def non_local_means(
    image: np.ndarray | jax.Array,
    strength: float = 0.4,
    noise_sd: float | None = None,
    patch_radius: int = 2,
    search_radius: int = 5,
    mode: str = "slice",
) -> np.ndarray:
    """Denoise a volume.

    Each voxel becomes the mean of its search window, weighted by exp(-max(d2 - 2 sd^2, 0) / h^2), where d2 is
    the mean squared difference of the two voxels' patches and h = strength x sd. Edges reflect.

    Args:
        image: [z, y, x], any unit.
        strength: h over the noise SD [1]; 0.4 is the authors' choice for moderate noise (IPOL 2011, table 1).
        noise_sd: noise SD in the image's unit; None: `noise_level`, which reads low where noise is correlated,
            as in filtered back-projection with a soft kernel. Give it, or raise `strength`, there.
        patch_radius: half width of a patch [voxels].
        search_radius: half width of the search window [voxels].
        mode: "slice" compares within the slice; "volume" along z too.
    Returns:
        float32 [z, y, x].
    """
    array = np.asarray(image, np.float32)
    sd = noise_level(array) if noise_sd is None else float(noise_sd)
    if sd == 0:
        return array.copy()
    flat = mode == "slice"
    patch, search = (((0 if flat else r), r, r) for r in (patch_radius, search_radius))
    offset = np.float32(np.median(array))
    values = jnp.asarray((array - offset) / np.float32(sd))
    return np.asarray(_filter(values, jnp.float32(strength), patch, search)) * np.float32(sd) + offset


def noise_level(image: np.ndarray) -> float:
    """Noise SD of a volume, from the median size of in-slice diagonal differences.

    Donoho & Johnstone 1994 (doi:10.1093/biomet/81.3.425) on the finest Haar diagonals. Differences of exactly
    0 (padding, clipped air) are left out. White noise is assumed: correlated noise reads low.

    Args:
        image: [z, y, x], any unit.
    Returns:
        SD in the image's unit; 0 for an image without any difference or thinner than 2 voxels.
    """
    a = np.asarray(image, np.float64)
    detail = (a[:, :-1, :-1] - a[:, 1:, :-1] - a[:, :-1, 1:] + a[:, 1:, 1:]) / 2.0
    size = np.abs(detail[detail != 0])
    return float(np.median(size) / MAD_PER_SD) if size.size else 0.0


@partial(jax.jit, static_argnames=("patch", "search"))
def _filter(
    image: jax.Array, strength: jax.Array, patch: tuple[int, int, int], search: tuple[int, int, int]
) -> jax.Array:
    """Filter an image in units of its noise SD; one pass of the scan per place in the search window."""
    wide = jnp.pad(image, [(p + s, p + s) for p, s in zip(patch, search)], mode="symmetric")
    seen = tuple(n + 2 * p for n, p in zip(image.shape, patch))
    centre = jax.lax.dynamic_slice(wide, search, seen)

    def visit(state: tuple[jax.Array, jax.Array], shift: jax.Array) -> tuple[tuple[jax.Array, jax.Array], None]:
        total, weights = state
        other = jax.lax.dynamic_slice(wide, tuple(shift), seen)
        distance = _box_mean((centre - other) ** 2, patch)
        weight = jnp.exp(-jnp.maximum(distance - 2.0, 0.0) / strength**2)
        inner = jax.lax.dynamic_slice(other, patch, image.shape)
        return (total + weight * inner, weights + weight), None

    shifts = jnp.stack(jnp.meshgrid(*(jnp.arange(2 * s + 1) for s in search), indexing="ij"), -1).reshape(-1, 3)
    (total, weights), _ = jax.lax.scan(visit, (jnp.zeros_like(image), jnp.zeros_like(image)), shifts)
    return total / weights


def _box_mean(image: jax.Array, radius: tuple[int, int, int]) -> jax.Array:
    """Mean over the box around each voxel that has a whole box; one axis after the other."""
    for axis, r in enumerate(radius):
        count = image.shape[axis] - 2 * r
        shifted = [jax.lax.slice_in_dim(image, k, k + count, axis=axis) for k in range(2 * r + 1)]
        image = reduce(add, shifted) / (2 * r + 1)
    return image
