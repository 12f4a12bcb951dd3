"""PWLS: penalised weighted least squares by ordered subsets, separable quadratic surrogates and momentum.

min sum w (A x - p)^2 / 2 + beta R(x). Weights are inverse variances: Sauer and Bouman, IEEE Trans. Signal Process. 41
(1993) 534, doi:10.1109/78.193196. Surrogates: Erdogan and Fessler, Phys. Med. Biol. 44 (1999) 2835,
doi:10.1088/0031-9155/44/11/311. Momentum (Nesterov 1983) with ordered subsets: Kim, Ramani and Fessler, IEEE Trans.
Med. Imaging 34 (2015) 167, doi:10.1109/TMI.2014.2350962; it starts again where it leads uphill: O'Donoghue and Candes,
Found. Comput. Math. 15 (2015) 715, doi:10.1007/s10208-013-9150-3. With one subset it converges to the minimum; with
more it comes close to it in few iterations and stays near.
"""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp

from phantomsim.scanners.ct.iterative import penalty as penalties
from phantomsim.scanners.ct.iterative.penalty import Penalty, Potential
from phantomsim.scanners.ct.iterative.system import Operator, System

SMALL = 1e-6  # of the mean curvature: what a voxel that no ray meets is given
GROWTH = 2.0  # of the squared way of one pass over that of the pass before


@partial(jax.jit, static_argnames=("iterations", "potential", "nonnegative"))
def pwls(
    data: jax.Array,
    weights: jax.Array | None,
    system: System,
    start: jax.Array,
    beta: jax.Array | float,
    penalty: Penalty,
    iterations: int = 15,
    potential: Potential = "huber",
    nonnegative: bool = False,
) -> jax.Array:
    """Run so many passes over all subsets.

    Args:
        data: line integrals p [K, view, row, column] [mm].
        weights: w, same shape [1/mm^2], or None for all 1.
        system: A.
        start: first image [K, z, y, x]; a filtered backprojection saves iterations.
        beta: strength of the penalty, see `strength`.
        penalty: see `penalty`.
        iterations: passes.
        potential: shape of the penalty.
        nonnegative: whether values below zero are raised to it.
    Returns:
        Image [K, z, y, x] [1].
    """
    trust, arranged = system.arrange_weights(weights), system.arrange(data)
    share = beta / system.subsets
    lengths = system.forward(jnp.ones_like(start[:1]))
    bound = _largest(system, trust * lengths) + share * penalties.curvature(start.shape, penalty)
    bound = jnp.maximum(bound, SMALL * bound.mean((1, 2, 3), keepdims=True))

    def correct(state: tuple, operator: Operator, data: jax.Array, trust: jax.Array) -> tuple:
        image, ahead, t, drive = state
        gradient = operator.adjoint(trust * (operator.forward(ahead) - data))
        gradient += share * penalties.gradient(potential, ahead, penalty)
        new = ahead - system.field * gradient / bound
        new = jnp.maximum(new, 0) if nonnegative else new
        uphill = ((ahead - new) * (new - image)).sum((1, 2, 3), keepdims=True) > 0
        t = jnp.where(uphill, 1.0, t)
        after = (1 + jnp.sqrt(1 + 4 * t**2)) / 2
        return new, new + drive * (t - 1) / after * (new - image), after, drive

    def sweep(state: tuple, _: None) -> tuple[tuple, None]:
        before, moved = state
        after = system.fold(correct, before, arranged, trust)
        move = ((after[0] - before[0]) ** 2).sum((1, 2, 3), keepdims=True)
        # Subsets that disagree may drive momentum up without end: less of it where passes begin to move further.
        wild = (move > GROWTH * moved) & (system.subsets > 1)
        return ((*after[:3], jnp.where(wild, after[3] / 2, after[3])), move), None

    start = start * system.field
    one = jnp.ones((len(start), 1, 1, 1))
    return jax.lax.scan(sweep, ((start, start, one, one), jnp.inf * one), None, iterations)[0][0][0]


def _largest(system: System, data: jax.Array) -> jax.Array:
    """Largest of the subsets' backprojections: a bound on each one's curvature, however unlike they are."""
    larger = lambda most, operator, part: jnp.maximum(most, operator.adjoint(part))  # noqa: E731
    return system.fold(larger, system.zeros(data), data)


def objective(
    image: jax.Array,
    data: jax.Array,
    weights: jax.Array | None,
    system: System,
    beta: jax.Array | float,
    penalty: Penalty,
    potential: Potential = "huber",
) -> jax.Array:
    """What `pwls` minimises, of each of K images [K]."""
    residual = system.arrange(data) - system.forward(image)
    fit = (system.arrange_weights(weights) * residual**2).sum((0, 2, 3, 4)) / 2
    return fit + beta * penalties.value(potential, image, penalty)
