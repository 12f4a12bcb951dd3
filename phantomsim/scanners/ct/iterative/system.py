"""The linear system of a scan, its views split into ordered subsets of one size.

Ordered subsets: Hudson and Larkin, IEEE Trans. Med. Imaging 13 (1994) 601, doi:10.1109/42.363108. Views of a subset are
spread evenly over the scan, and subsets follow one another so that neighbours in time are far apart in angle
(Guan and Gordon, Phys. Med. Biol. 39 (1994) 2005, doi:10.1088/0031-9155/39/11/013).

The projectors of the subsets are stacked, so that `jax.lax.scan` runs over subsets with one compiled body.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import jax
import jax.numpy as jnp
import numpy as np

from phantomsim.errors import ScannerError


class Operator(Protocol):
    """A projector and its matched adjoint, a pytree: volumes [K, z, y, x] and data [K, view, row, column]."""

    def forward(self, volumes: jax.Array) -> jax.Array:
        """Integrals along rays."""

    def adjoint(self, data: jax.Array) -> jax.Array:
        """The transpose of `forward`."""


@partial(
    jax.tree_util.register_dataclass,
    data_fields=["operators", "views", "share", "field"],
    meta_fields=["stacked"],
)
@dataclass(frozen=True)
class System:
    """Operators of S subsets of n views.

    Attributes:
        operators: one pytree with a leading dimension of subsets, or a tuple of pytrees where shapes differ.
        views: which views make up each subset, int32 [S, n].
        share: 1, or 0 where a view is there a second time to fill up the subset, float32 [S, n].
        field: 1 where the image may differ from zero, broadcasts against [z, y, x].
        stacked: which of the two `operators` is.
    """

    operators: Any
    views: jax.Array
    share: jax.Array
    field: jax.Array
    stacked: bool

    @property
    def subsets(self) -> int:
        """Number of subsets."""
        return int(self.views.shape[0])

    def fold(self, step: Callable, carry: Any, *arrays: Any) -> Any:
        """carry = step(carry, operator, *arrays of the subset), subset by subset."""
        if self.stacked:
            body = lambda state, each: (step(state, *each), None)  # noqa: E731
            return jax.lax.scan(body, carry, (self.operators, *arrays))[0]
        for i, operator in enumerate(self.operators):
            carry = step(carry, operator, *(jax.tree.map(lambda a: a[i], array) for array in arrays))  # noqa: B023
        return carry

    def forward(self, image: jax.Array) -> jax.Array:
        """Integrals of an image [K, z, y, x] along the rays of all subsets [S, K, n, row, column]."""
        inside = image * self.field
        if self.stacked:
            return jax.lax.map(lambda operator: operator.forward(inside), self.operators)
        return jnp.stack([operator.forward(inside) for operator in self.operators])

    def adjoint(self, data: jax.Array) -> jax.Array:
        """The transpose of `forward`."""
        first = self._adjoint_shape(data)
        total = self.fold(lambda total, op, part: total + op.adjoint(part), jnp.zeros(first, data.dtype), data)
        return total * self.field

    def _adjoint_shape(self, data: jax.Array) -> tuple[int, ...]:
        one = jax.tree.map(lambda a: a[0], self.operators) if self.stacked else self.operators[0]
        return jax.eval_shape(lambda op, d: op.adjoint(d), one, data[0]).shape

    def arrange(self, data: jax.Array) -> jax.Array:
        """Data [K, view, row, column] by subsets [S, K, n, row, column]."""
        return jnp.moveaxis(data[:, self.views], 1, 0)

    def arrange_weights(self, weights: jax.Array | None) -> jax.Array:
        """Weights by subsets, broadcasting against `arrange`; 1 for None, 0 for views that fill up."""
        share = self.share[:, None, :, None, None]
        return share if weights is None else share * self.arrange(weights)


def split(views: int, subsets: int) -> tuple[np.ndarray, np.ndarray]:
    """Views of each subset and their shares, [S, n]; see `System`.

    Raises:
        ScannerError: more subsets than views.
    """
    if not 1 <= subsets <= views:
        raise ScannerError(f"{subsets} subsets of {views} views; must be from 1 to the number of views")
    length = -(-views // subsets)
    chosen = spread(subsets)[:, None] + subsets * np.arange(length)
    return np.where(chosen < views, chosen, chosen - subsets).astype(np.int32), (chosen < views).astype(np.float32)


def spread(count: int) -> np.ndarray:
    """0 .. count - 1 in an order in which neighbours are far apart: bits of the index reversed."""
    bits = max(1, (count - 1).bit_length())
    order = [int(format(i, f"0{bits}b")[::-1], 2) for i in range(1 << bits)]
    return np.array([i for i in order if i < count], np.int32)


def system(
    operator: Callable[[np.ndarray], Operator],
    views: int,
    subsets: int = 1,
    field: np.ndarray | jax.Array | float = 1.0,
) -> System:
    """Build the operators of all subsets (host side).

    Args:
        operator: makes the projector of some views, given their indices [n].
        views: of the scan.
        subsets: how many.
        field: see `System`.
    """
    chosen, share = split(views, subsets)
    operators = [operator(one) for one in chosen]
    stacked = _alike(operators)
    together = jax.tree.map(lambda *a: jnp.stack(a), *operators) if stacked else tuple(operators)
    return System(together, jnp.asarray(chosen), jnp.asarray(share), jnp.asarray(field, jnp.float32), stacked)


def _alike(operators: Sequence[Operator]) -> bool:
    """Whether all have the same structure and shapes."""
    shapes = [[jnp.shape(a) for a in jax.tree.leaves(op)] for op in operators]
    trees = [str(jax.tree.structure(op)) for op in operators]
    return len(set(trees)) == 1 and all(shape == shapes[0] for shape in shapes)
