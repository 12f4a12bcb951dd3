"""Configuration states of extended phase graphs and what pulses, relaxation and gradients do to them.

Transverse magnetisation of a voxel is the sum over orders n of F_n exp(2 pi i n q . r), longitudinal that of Z_n, with
q the quantum of dephasing (Hennig 1988, doi:10.1016/0022-2364(88)90128-X; Weigel 2015, doi:10.1002/jmri.24619). Kept
are orders 0 to K; what a shift carries beyond K is lost. F_n decays as exp(-t/T2) while it is out there, and of the
orders beyond K only what returns within the train is missed: a train that shifts by no more than 2 K is exact.

Arrays are real, [order, voxel], voxels innermost: the parts of F_n, of conj F_-n and of Z_n.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp

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
    """What happens between two pulses and at the second, of every voxel [voxel]; see `step_of`."""

    keep_re: Array
    keep_im: Array
    E1: Array
    regrowth: Array
    cos: Array
    sin: Array


def equilibrium(orders: int, voxels: int) -> States:
    """Z_0 = 1 and nothing else; orders 0 to `orders`."""
    nothing = jnp.zeros((orders + 1, voxels), jnp.float32)
    return States(nothing, nothing, nothing, nothing, nothing.at[0].set(1.0), nothing)


def step_of(
    before_ms: Array,
    turn_rad: Array,
    flip_rad: Array,
    T1_ms: Array,
    T2_ms: Array,
    keep: Array | float = 1.0,
    tilted_ms: Array | float = 0.0,
) -> Step:
    """Factors of a step; all arrays broadcast to [..., voxel].

    Args:
        before_ms: time before the pulse.
        turn_rad: by which transverse magnetisation turns in that time, seen from the axis of the next pulse.
        flip_rad: of the pulse.
        keep: share of the transverse magnetisation that stays: 0 where it is spoiled.
        tilted_ms: for which an adiabatic pulse has longitudinal magnetisation relax by T2, not T1.
    """
    E2 = keep * jnp.exp(-before_ms / T2_ms)
    rest = -before_ms / T1_ms
    lost = jnp.exp(-tilted_ms * (1 / T2_ms - 1 / T1_ms))
    turned, z = (E2 * jnp.cos(turn_rad), E2 * jnp.sin(turn_rad)), (lost * jnp.exp(rest), -lost * jnp.expm1(rest))
    return Step(*jnp.broadcast_arrays(*turned, *z, jnp.cos(flip_rad), jnp.sin(flip_rad)))


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


def relax(states: States, step: Step) -> States:
    """Relaxation, regrowth of Z_0, and the turn of the transverse plane."""
    plus_re, plus_im, minus_re, minus_im, z_re, z_im = states
    c, s, E1 = (_every_order(a, len(z_re)) for a in (step.keep_re, step.keep_im, step.E1))
    return States(
        c * plus_re - s * plus_im,
        c * plus_im + s * plus_re,
        c * minus_re + s * minus_im,
        c * minus_im - s * minus_re,
        (E1 * z_re).at[0].add(step.regrowth),
        E1 * z_im,
    )


def rotate(states: States, cos: Array, sin: Array) -> States:
    """A pulse along x: the orders of M_y and M_z turn into one another, those of M_x stay."""
    plus_re, plus_im, minus_re, minus_im, z_re, z_im = states
    cos, sin = _every_order(cos, len(z_re)), _every_order(sin, len(z_re))
    x_re, x_im = (plus_re + minus_re) / 2, (plus_im + minus_im) / 2
    y_re, y_im = (plus_im - minus_im) / 2, (minus_re - plus_re) / 2
    u_re, u_im = cos * y_re - sin * z_re, cos * y_im - sin * z_im
    z_re, z_im = cos * z_re + sin * y_re, cos * z_im + sin * y_im
    return States(x_re - u_im, x_im + u_re, x_re + u_im, x_im - u_re, z_re, z_im)


def advance(states: States, order: Array, step: Step, largest: int) -> States:
    """Dephasing, relaxation, then the pulse."""
    return rotate(relax(shift(states, order, largest), step), step.cos, step.sin)


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
