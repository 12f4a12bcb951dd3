"""A linear function with a transpose of its own, right under every transformation of JAX and to every order.

None of JAX's ready-made ways carries a hand-written transpose through vmap and forward mode and still sees that the
operator itself depends on what is being differentiated. A primitive of one's own does.
"""

from __future__ import annotations

from functools import partial
from typing import Any, Protocol

import jax
import jax.numpy as jnp
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir

Array = jax.Array


class Operator(Protocol):
    """A pair of adjoints that depends on parameters; hashable, since programs are compiled for it."""

    def ahead(self, x: Array, *parameters: Array) -> Array:
        """A x; axes in front are batches."""

    def behind(self, y: Array, *parameters: Array) -> Array:
        """The conjugate transpose of `ahead`."""

    def change(self, x: Array, parameters: tuple[Array, ...], tangents: tuple[Any, ...], turned: bool) -> Array | None:
        """Derivative of `ahead`, or of `behind` if turned, along tangents of the parameters; None if they have none."""


_apply = Primitive("phantomsim_linear")


def apply(operator: Operator, x: Array, *parameters: Array, turned: bool = False) -> Array:
    """operator.ahead(x, *parameters), or operator.behind if turned."""
    return _apply.bind(x, *parameters, operator=operator, turned=turned)


def _run(x: Array, *parameters: Array, operator: Operator, turned: bool) -> Array:
    return (operator.behind if turned else operator.ahead)(x, *parameters)


@_apply.def_impl
@partial(jax.jit, static_argnames=("operator", "turned"))
def _now(x, *parameters, operator, turned):  # type: ignore[no-untyped-def]
    return _run(x, *parameters, operator=operator, turned=turned)


@_apply.def_abstract_eval
def _shape(x, *parameters, operator, turned):  # type: ignore[no-untyped-def]
    out = jax.eval_shape(partial(_run, operator=operator, turned=turned), *_shapes(x, *parameters))
    return x.update(shape=out.shape, dtype=out.dtype)


def _shapes(*values):  # type: ignore[no-untyped-def]
    return [jax.ShapeDtypeStruct(v.shape, v.dtype) for v in values]


def _jvp(primals, tangents, *, operator, turned):  # type: ignore[no-untyped-def]
    (x, *parameters), (dx, *changes) = primals, tangents
    value = apply(operator, x, *parameters, turned=turned)
    parts = [] if isinstance(dx, ad.Zero) else [apply(operator, dx, *parameters, turned=turned)]
    moved = operator.change(x, tuple(parameters), tuple(changes), turned)
    parts += [] if moved is None else [moved]
    return value, sum(parts[1:], parts[0]) if parts else jnp.zeros_like(value)


def _transpose(ct, x, *parameters, operator, turned):  # type: ignore[no-untyped-def]
    del x
    back = ct if isinstance(ct, ad.Zero) else jnp.conj(apply(operator, jnp.conj(ct), *parameters, turned=not turned))
    return [None if isinstance(ct, ad.Zero) else back, *[None] * len(parameters)]


def _batch(values, axes, *, operator, turned):  # type: ignore[no-untyped-def]
    front = [v if a is None else jnp.moveaxis(v, a, 0) for v, a in zip(values, axes)]
    if all(a is None for a in axes[1:]):
        return apply(operator, *front, turned=turned), 0
    size = next(v.shape[0] for v, a in zip(front, axes) if a is not None)
    full = [jnp.broadcast_to(v, (size, *v.shape)) if a is None else v for v, a in zip(front, axes)]
    return jax.lax.map(lambda one: apply(operator, *one, turned=turned), tuple(full)), 0


ad.primitive_jvps[_apply] = _jvp
ad.primitive_transposes[_apply] = _transpose
batching.primitive_batchers[_apply] = _batch
mlir.register_lowering(_apply, mlir.lower_fun(_run, multiple_results=False))
