"""The linear system of a scan, its views split into ordered subsets of one size.

Ordered subsets: Hudson and Larkin, IEEE Trans. Med. Imaging 13 (1994) 601, doi:10.1109/42.363108. Views of a subset are
spread evenly over the scan, and subsets follow one another so that neighbours in time are far apart in angle
(Guan and Gordon, Phys. Med. Biol. 39 (1994) 2005, doi:10.1088/0031-9155/39/11/013).

Projectors of subsets that are alike in shape are stacked, so that `jax.lax.scan` runs over subsets with one compiled
body for each kind, of which there are few however many the subsets.
"""

from __future__ import annotations

from collections.abc import Callable
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
    data_fields=["kinds", "kind", "place", "views", "share", "field"],
    meta_fields=[],
)
@dataclass(frozen=True)
class System:
    """Operators of S subsets of n views.

    Attributes:
        kinds: operators of one structure and shape, stacked, for each such kind.
        kind, place: where each subset's operator is, int32 [S].
        views: which views make up each subset, int32 [S, n].
        share: 1, or 0 where a view is there a second time to fill up the subset, float32 [S, n].
        field: 1 where the image may differ from zero, broadcasts against [z, y, x].
    """

    kinds: tuple[Any, ...]
    kind: jax.Array
    place: jax.Array
    views: jax.Array
    share: jax.Array
    field: jax.Array

    @property
    def subsets(self) -> int:
        """Number of subsets."""
        return int(self.views.shape[0])

    def fold(self, step: Callable, carry: Any, *arrays: Any) -> Any:
        """carry = step(carry, operator, *arrays of the subset), subset by subset."""

        def one(carry: Any, each: tuple) -> tuple[Any, None]:
            return self._with(each[0], each[1], lambda operator: step(carry, operator, *each[2:])), None

        return jax.lax.scan(one, carry, (self.kind, self.place, *arrays))[0]

    def _with(self, kind: jax.Array, place: jax.Array, function: Callable) -> Any:
        """Function of the operator of one subset."""
        branches = [
            lambda group=group: function(
                jax.tree.map(lambda a: jax.lax.dynamic_index_in_dim(a, place, 0, False), group)
            )
            for group in self.kinds
        ]
        return branches[0]() if len(branches) == 1 else jax.lax.switch(kind, branches)

    def forward(self, image: jax.Array) -> jax.Array:
        """Integrals of an image [K, z, y, x] along the rays of all subsets [S, K, n, row, column]."""
        inside = image * self.field
        return jax.lax.map(
            lambda each: self._with(each[0], each[1], lambda operator: operator.forward(inside)),
            (self.kind, self.place),
        )

    def adjoint(self, data: jax.Array) -> jax.Array:
        """The transpose of `forward`."""
        return self.field * self.fold(lambda total, op, part: total + op.adjoint(part), self.zeros(data), data)

    def zeros(self, data: jax.Array) -> jax.Array:
        """An empty image for data [S, K, n, row, column]."""
        first = jax.tree.map(lambda a: a[0], self.kinds[0])
        shape = jax.eval_shape(lambda op, d: op.adjoint(d), first, data[0]).shape
        return jnp.zeros(shape, jnp.float32)

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
    names = [_form(one) for one in operators]
    groups = list(dict.fromkeys(names))
    kinds = tuple(
        jax.tree.map(lambda *a: jnp.stack(a), *(op for op, name in zip(operators, names) if name == group))
        for group in groups
    )
    kind = np.array([groups.index(name) for name in names], np.int32)
    place = np.array([names[:i].count(name) for i, name in enumerate(names)], np.int32)
    first, second, third, fourth = (jnp.asarray(a) for a in (kind, place, chosen, share))
    return System(kinds, first, second, third, fourth, jnp.asarray(field, jnp.float32))


def _form(operator: Operator) -> str:
    """Structure and shapes of a pytree."""
    return str((jax.tree.structure(operator), [jnp.shape(a) for a in jax.tree.leaves(operator)]))
