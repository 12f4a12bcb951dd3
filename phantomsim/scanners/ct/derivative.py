"""Arrays in the middle of being differentiated: decisions are made on their numbers, not on their derivatives."""

from __future__ import annotations

from typing import TypeVar

import jax

from phantomsim.errors import ScannerError

Tree = TypeVar("Tree")


def numbers(tree: Tree) -> Tree:
    """The same arrays without their derivatives, for checks and for what is planned on the host.

    Raises:
        ScannerError: inside `jax.jit` or `jax.vmap`, where there are no numbers yet.
    """
    return jax.tree.map(_number, tree)


def _number(leaf: object) -> object:
    if not isinstance(leaf, jax.core.Tracer):
        return leaf
    found = jax.lax.stop_gradient(leaf)
    if isinstance(found, jax.core.Tracer):
        raise ScannerError(
            "a scan checks and plans on numbers, which jax.jit and jax.vmap do not show; call it outside (its steps are"
            " compiled by themselves), jax.grad, jax.jvp and jax.vjp work"
        )
    return found
