"""Configuration states of extended phase graphs and what pulses, relaxation and gradients do to them.

Transverse magnetisation of a voxel is the sum over orders n of F_n exp(2 pi i n q . r), longitudinal that of Z_n, with
q the quantum of dephasing (Hennig 1988, doi:10.1016/0022-2364(88)90128-X; Weigel 2015, doi:10.1002/jmri.24619). Kept
are orders 0 to K; what a shift carries beyond K is lost. F_n decays as exp(-t/T2) while it is out there, and of the
orders beyond K only what returns within the train is missed: a train that shifts by no more than 2 K is exact.

Arrays are real, [order, voxel], voxels innermost: the parts of F_n, of conj F_-n and of Z_n.
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from phantomsim.scanners.mr.bloch.turns import once
from phantomsim.scanners.mr.epg.actions import Actions, Row, Rows

Array = jax.Array


class States(NamedTuple):
    """Real and imaginary parts [order, voxel] of F_n ("plus"), conj F_-n ("minus") and Z_n."""

    plus_re: Array
    plus_im: Array
    minus_re: Array
    minus_im: Array
    z_re: Array
    z_im: Array


class Step(NamedTuple):
    """What happens between two pulses and at the second, of every voxel [voxel]; see `step_of`.

    Attributes:
        matrix: on magnetisation (x, y, z) after dephasing; its first two columns halved.
        regrown: what relaxation adds to order 0 (x, y, z).
    """

    matrix: Rows
    regrown: Row


def equilibrium(orders: int, voxels: int) -> States:
    """Z_0 = 1 and nothing else; orders 0 to `orders`."""
    nothing = jnp.zeros((orders + 1, voxels), jnp.float32)
    return States(nothing, nothing, nothing, nothing, nothing.at[0].set(1.0), nothing)


def step_of(
    before_ms: Array,
    turn_rad: Array,
    T1_ms: Array,
    T2_ms: Array,
    pulse: Actions,
    keep: Array | float = 1.0,
    one: Any = 1.0,
) -> Step:
    """A step; all arrays broadcast to [..., voxel].

    Args:
        before_ms: time before the pulse.
        turn_rad: by which transverse magnetisation turns in that time, seen from the axis of the next pulse.
        pulse: what it does.
        keep: share of the transverse magnetisation that stays: 0 where it is spoiled.
        one: 1; see `turns.once`.
    """
    E2, rest = keep * jnp.exp(-before_ms / T2_ms) / 2, -before_ms / T1_ms
    turned = E2 * jnp.cos(turn_rad), E2 * jnp.sin(turn_rad)
    c, s, E1, new = once((*turned, jnp.exp(rest), -jnp.expm1(rest)), one)
    matrix = tuple((x * c + y * s, y * c - x * s, z * E1) for x, y, z in pulse.matrix)
    return Step(matrix, tuple(g + row[2] * new for g, row in zip(pulse.regrown, pulse.matrix)))  # type: ignore[arg-type]


@partial(jax.custom_vjp, nondiff_argnums=(2,))
def shift(states: States, order: Array, largest: int) -> States:
    """Dephase by `order` quanta, of either sign, at most `largest` (static, not above K)."""
    plus_re, plus_im, minus_re, minus_im, *z = states
    return States(
        _moved(plus_re, minus_re, order, largest, 1.0),
        _moved(plus_im, minus_im, order, largest, -1.0),
        _moved(minus_re, plus_re, -order, largest, 1.0),
        _moved(minus_im, plus_im, -order, largest, -1.0),
        *z,
    )


def _shift_forward(states: States, order: Array, largest: int) -> tuple[States, Array]:
    return shift(states, order, largest), order


def _shift_backward(largest: int, order: Array, slopes: States) -> tuple[States, None]:
    """The adjoint: a shift back. F_0 is kept twice, of which the first half of this makes one and the second two."""
    plus_re, plus_im, minus_re, minus_im, *z = slopes
    re, im = plus_re[0] + minus_re[0], plus_im[0] - minus_im[0]
    one, two = (plus_re.at[0].set(re), plus_im.at[0].set(im)), (minus_re.at[0].set(re), minus_im.at[0].set(-im))
    back = shift(States(one[0], one[1], two[0], two[1], z[0], z[1]), -order, largest)
    plus_re, plus_im, minus_re, minus_im = (a.at[0].multiply(0.5) for a in back[:4])
    return States(plus_re, plus_im, minus_re, minus_im, z[0], z[1]), None


shift.defvjp(_shift_forward, _shift_backward)


def _moved(own: Array, other: Array, order: Array, largest: int, sign: float) -> Array:
    # The line of orders -largest ... K and zeros beyond; negative orders are the conjugate of the other half's.
    beyond = jnp.zeros((largest, own.shape[1]), own.dtype)
    line = jnp.concatenate([sign * other[largest:0:-1], own, beyond])
    return jax.lax.dynamic_slice_in_dim(line, largest - order, own.shape[0])


@partial(jax.custom_vjp, nondiff_argnums=(1,))
def _every_order(factor: Array, count: int) -> Array:
    """[voxel] to [order, voxel]. Its adjoint, a sum over orders, is fast as a product of matrices alone."""
    return jnp.broadcast_to(factor, (count, *factor.shape))


def _every_order_forward(factor: Array, count: int) -> tuple[Array, None]:
    return _every_order(factor, count), None


def _every_order_backward(count: int, _: None, slope: Array) -> tuple[Array]:
    return (jnp.matmul(jnp.ones(count, slope.dtype), slope, precision="highest"),)


_every_order.defvjp(_every_order_forward, _every_order_backward)


def act(states: States, step: Step) -> States:
    """Relaxation, the turn of the transverse plane and the pulse: a matrix on (M_x, M_y, M_z) of every order."""
    plus_re, plus_im, minus_re, minus_im, z_re, z_im = states
    re = plus_re + minus_re, plus_im - minus_im, z_re  # twice M_x and M_y
    im = plus_im + minus_im, minus_re - plus_re, z_im
    rows = [[_every_order(a, len(z_re)) for a in row] for row in step.matrix]
    zeroth = jnp.arange(len(z_re))[:, None] == 0
    new = [jnp.where(zeroth, g, 0.0) for g in step.regrown]
    x_re, y_re, z_re = (a * re[0] + b * re[1] + c * re[2] + g for (a, b, c), g in zip(rows, new))
    x_im, y_im, z_im = (a * im[0] + b * im[1] + c * im[2] for a, b, c in rows)
    return States(x_re - y_im, x_im + y_re, x_re + y_im, x_im - y_re, z_re, z_im)


def advance(states: States, order: Array, step: Step, largest: int) -> States:
    """Dephasing, relaxation, then the pulse."""
    return act(shift(states, order, largest), step)


def transverse(states: States, order: Array) -> tuple[Array, Array]:
    """Real and imaginary part of F_order, of either sign [voxel]."""
    at = jnp.abs(order)
    plus = [jax.lax.dynamic_index_in_dim(a, at, 0, False) for a in (states.plus_re, states.plus_im)]
    minus = [jax.lax.dynamic_index_in_dim(a, at, 0, False) for a in (states.minus_re, -states.minus_im)]
    return jnp.where(order >= 0, plus[0], minus[0]), jnp.where(order >= 0, plus[1], minus[1])


def squares(states: States) -> Array:
    """Mean of |M|^2 over the voxel, which pulses and gradients conserve (Weigel 2015) [voxel]."""
    plus, minus, z = (a * a + b * b for a, b in (states[:2], states[2:4], states[4:]))
    return (plus + minus + 2 * z).sum(0) - ((plus + minus) / 2 + z)[0]
