"""The NUFFT of points that stay: they are sorted once, on the host's call, and every transform uses the order."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from phantomsim.errors import ScannerError
from phantomsim.scanners.mr.nufft.blocks import Blocks, sort, trim
from phantomsim.scanners.mr.nufft.kernel import Kernel
from phantomsim.scanners.mr.nufft.linear import apply
from phantomsim.scanners.mr.nufft.transform import DEFAULT, adjoint, check, forward

Array = jax.Array


@dataclass(frozen=True)
class _Sorted:
    """The pair of transforms whose parameters are the sorted points; nothing is differentiated in them."""

    tree: Any

    def ahead(self, x: Array, *parameters: Array) -> Array:
        return forward(x, jax.tree.unflatten(self.tree, parameters))

    def behind(self, y: Array, *parameters: Array) -> Array:
        return adjoint(y, jax.tree.unflatten(self.tree, parameters))

    def change(self, x: Array, parameters: tuple[Array, ...], tangents: tuple[Any, ...], turned: bool) -> Array | None:
        del x, parameters, tangents, turned
        return None


@partial(jax.tree_util.register_dataclass, data_fields=["blocks"], meta_fields=[])
@dataclass(frozen=True)
class Plan:
    """A trajectory ready for transforms; a pytree, so that programs take it as an argument."""

    blocks: Blocks

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the image."""
        return self.blocks.shape

    @property
    def count(self) -> int:
        """Of points."""
        return len(self.blocks.slot)

    @jax.jit
    def to_points(self, image: Array) -> Array:
        """See `nufft.to_points`: complex64 [..., *N] to [..., point]."""
        leaves, tree = jax.tree.flatten(self.blocks)
        return apply(_Sorted(tree), image, *leaves)

    @jax.jit
    def to_image(self, values: Array) -> Array:
        """The adjoint: complex64 [..., point] to [..., *N]."""
        leaves, tree = jax.tree.flatten(self.blocks)
        return apply(_Sorted(tree), values, *leaves, turned=True)


def plan(points: np.ndarray, shape: tuple[int, ...], kernel: Kernel = DEFAULT) -> Plan:
    """Sort a trajectory once.

    Args:
        points: float32 [point, axis] cycles per pixel, in the order of the image's axes; numbers, not traced.
        shape: of the image, *N.
        kernel: see `Kernel.within`.
    Raises:
        ScannerError: points do not fit the shape, are not finite, or are traced.
    """
    if isinstance(points, jax.core.Tracer):
        raise ScannerError("a NUFFT is planned on numbers, which jax.jit and jax.vmap do not show; use nufft.to_points")
    check(points, shape, kernel)
    if len(shape) != points.shape[1]:
        raise ScannerError(f"NUFFT: points have {points.shape[1]} axes and the image {len(shape)}; give as many")
    if not np.all(np.isfinite(points)):
        raise ScannerError("NUFFT: some points are not finite; give k in cycles per pixel")
    return Plan(trim(sort(jnp.asarray(points, jnp.float32), tuple(shape), kernel)))
