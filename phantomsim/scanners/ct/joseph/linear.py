"""Two linear maps, each the other's transpose, as functions that JAX can differentiate either way.

The transposes that JAX would derive by itself scatter, which is slow; these gather.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
from jax.custom_derivatives import linear_call

Map = Callable[[jax.Array, Any, Any], jax.Array]  # (numbers, tables, static sizes) -> numbers


def transposes(run: Map, back: Map) -> tuple[Map, Map]:
    """`run` and `back`, with derivatives in forward and reverse mode by each other."""
    return _linear(run, back), _linear(back, run)


def _linear(run: Map, back: Map) -> Map:
    @partial(jax.custom_jvp, nondiff_argnums=(2,))
    def apply(values: jax.Array, tables: Any, forms: Any) -> jax.Array:
        return run(values, tables, forms)

    @apply.defjvp
    def change(forms: Any, values: tuple, changes: tuple) -> tuple[jax.Array, jax.Array]:
        def ahead(tables: Any, change: jax.Array) -> jax.Array:
            return run(change, tables, forms)

        def behind(tables: Any, change: jax.Array) -> jax.Array:
            return back(change, tables, forms)

        return apply(*values, forms), linear_call(ahead, behind, values[1], changes[0])

    return apply
