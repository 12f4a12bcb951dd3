"""A^H W A of a NUFFT as one convolution: two FFTs of twice the size, whatever the number of points.

Fessler et al. 2005, doi:10.1109/TSP.2005.853152; Wajer and Pruessmann 2001 (ISMRM 9, 767).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from phantomsim.scanners.mr.nufft.kernel import Kernel
from phantomsim.scanners.mr.nufft.plan import plan
from phantomsim.scanners.mr.nufft.transform import DEFAULT

Array = jax.Array


@partial(jax.tree_util.register_dataclass, data_fields=["transfer"], meta_fields=[])
@dataclass(frozen=True)
class Toeplitz:
    """The normal operator of a trajectory.

    Attributes:
        transfer: transform of the point spread over all distances between pixels, float32 [*2N]; real, as the
            operator is Hermitian.
    """

    transfer: Array

    @jax.jit
    def __call__(self, image: Array) -> Array:
        """A^H W A image, complex64 [..., *N]."""
        axes = range(-self.transfer.ndim, 0)
        shape = tuple(n // 2 for n in self.transfer.shape)
        wide = jnp.fft.fftn(image, self.transfer.shape, axes) * self.transfer
        return jnp.fft.ifftn(wide, axes=axes)[(..., *[slice(n) for n in shape])]


def toeplitz(
    points: np.ndarray, shape: tuple[int, ...], weights: np.ndarray | None = None, kernel: Kernel = DEFAULT
) -> Toeplitz:
    """Plan the normal operator: its point spread is the adjoint NUFFT of the weights on twice the field.

    Args:
        points: float32 [point, axis] cycles per pixel.
        shape: of the image.
        weights: real, of the points [point]; None for ones.
    """
    lags = tuple(2 * n - 1 for n in shape)
    weights = np.ones(len(points)) if weights is None else np.asarray(weights)
    spread = plan(points, lags, kernel).to_image(jnp.asarray(weights, jnp.complex64))
    # Lag 0 first; lag -N never occurs between pixels.
    wide = jnp.fft.ifftshift(jnp.pad(spread, [(1, 0)] * len(shape)))
    return Toeplitz(jnp.real(jnp.fft.fftn(wide)))
