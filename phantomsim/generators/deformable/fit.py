"""Training the decoder on the loss of registration, and finding the code of an unseen person."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from jax.scipy.linalg import expm

from phantomsim.generators.deformable.affine import Affine
from phantomsim.generators.deformable.latent import Code, Decoder
from phantomsim.generators.deformable.lattice import smooth
from phantomsim.generators.deformable.loss import Image
from phantomsim.generators.deformable.quantities import log_volumes
from phantomsim.generators.deformable.register import SIGMA, Views, seen_mismatch
from phantomsim.generators.deformable.svf import exponential, gradient_energy

CODE_RATE, BASIS_RATE = 0.1, 0.02  # Adam's steps: of codes [1], and of fields as a share of their spread
POSE_RATE, SHIFT_MM = 0.003, 100.0  # of a rotation matrix's skew part [rad], and of a shift in units of SHIFT_MM
VOLUMES_WEIGHT = 8.0  # of squared errors of log volumes: 5 % weigh as much as a fifth or more of a good fit
Report = Callable[[str], None]


class Pose(NamedTuple):
    """What is not shape: rotation (as `turn` about the rotation found first) and shift / SHIFT_MM."""

    turn: jax.Array
    shift: jax.Array


class Weights(NamedTuple):
    """Of the loss: groups [groups], mean squared gradient of velocities, squared norm of codes."""

    groups: jax.Array
    smoothness: jax.Array
    code: jax.Array


def loss(
    decoder: Decoder, code: Code, pose: Pose, rotation: jax.Array, image: Image, view: Views, weights: Weights
) -> jax.Array:
    """How badly the decoded shape explains an image, plus the penalties."""
    v = smooth(decoder.velocity(code), SIGMA)
    turn = expm(jnp.cross(jnp.eye(3), pose.turn))
    stretch = expm(decoder.log_stretch(code))
    affine = Affine(rotation @ turn @ stretch, pose.shift * SHIFT_MM)
    seen = seen_mismatch(image, affine, exponential(v, decoder.lattice), decoder.lattice, weights.groups, view)
    norm = sum((a**2).sum() for a in code)
    return seen + weights.smoothness * gradient_energy(v, decoder.lattice) + weights.code * norm


@partial(jax.jit, static_argnames=("graph", "iterations", "local"))
def fit(
    graph: nnx.GraphDef,
    state: nnx.State,
    image: Image,
    rotation: jax.Array,
    shift: jax.Array,
    seen: Views,
    weights: Weights,
    parts: jax.Array,
    volumes_log: jax.Array,
    iterations: int,
    local: bool = True,
) -> tuple[Code, Pose, jax.Array]:
    """The code and pose under which the model looks like an image and holds its volumes.

    Squared differences of blocks hardly see a volume: a shell of a third of a block around ventricles is a fifth of
    theirs. Hence volumes that can be counted in the image are a term of their own.

    Args:
        rotation, shift: of the affine registration, from which pose starts.
        parts, volumes_log: shares of quantities in the mean, as of `quantities.log_volumes`, and the log of their
            volumes in the image [mL].
        local: whether the local codes are free; without them the model is one of principal components.
    Returns:
        Code, pose, and the losses.
    """
    decoder = nnx.merge(graph, state)
    start = (decoder.zero(), Pose(jnp.zeros(3), shift / SHIFT_MM))
    rates = optax.cosine_decay_schedule(1.0, iterations, 0.1)
    adam = optax.chain(optax.scale_by_adam(), optax.scale_by_schedule(lambda n: -rates(n)))

    def step(carry: tuple, turn: jax.Array) -> tuple[tuple, jax.Array]:
        values, memory = carry
        view = jax.tree.map(lambda a: a[turn % len(seen.targets)], seen)

        def cost(code: Code, pose: Pose) -> jax.Array:
            off = log_volumes(decoder, code, parts) - volumes_log
            seen = loss(decoder, code, pose, rotation, image, view, weights)
            return seen + VOLUMES_WEIGHT * (off**2).sum()

        value, slope = jax.value_and_grad(lambda both: cost(*both))(values)
        (code, pose), memory = adam.update(slope, memory)
        code = Code(code.whole, code.local * local, code.stretch)
        change = (jax.tree.map(lambda a: a * CODE_RATE, code), jax.tree.map(lambda a: a * POSE_RATE, pose))
        return (optax.apply_updates(values, change), memory), value

    (found, _), history = jax.lax.scan(step, (start, adam.init(start)), jnp.arange(iterations))
    code, pose = found
    return code, pose, history


def pose_affine(decoder: Decoder, code: Code, pose: Pose, rotation: jax.Array) -> Affine:
    """The affine map of a fitted code and pose."""
    turn = expm(jnp.cross(jnp.eye(3), pose.turn))
    return Affine(rotation @ turn @ expm(decoder.log_stretch(code)), pose.shift * SHIFT_MM)


class Learner(NamedTuple):
    """What training changes, and Adam's memory of it; rows of `codes` and `poses` belong to people."""

    state: nnx.State
    state_memory: optax.OptState
    codes: tuple[Code, Pose]
    codes_memory: optax.OptState


def train(
    decoder: Decoder,
    codes: Code,
    poses: Pose,
    rotations: np.ndarray,
    images: list[Image],
    seen: Views,
    weights: Weights,
    epochs: int,
    seed: int,
    report: Report,
) -> tuple[Decoder, Code]:
    """Train fields and everyone's codes together, one person a step, in random order.

    Returns:
        The decoder, and the codes [people, ...].
    """
    if not epochs:
        return decoder, codes
    graph, state, *fixed = nnx.split(decoder, nnx.Param, ...)
    spread = float(jnp.sqrt((decoder.basis[...] ** 2).sum(axis=-1).mean()))
    total = epochs * len(images)
    for_state = optax.adam(optax.cosine_decay_schedule(BASIS_RATE * spread, total, 0.05))
    for_code = optax.adam(optax.cosine_decay_schedule(CODE_RATE, epochs, 0.1))
    learner = Learner(state, for_state.init(state), (codes, poses), jax.vmap(for_code.init)((codes, poses)))

    @jax.jit
    def step(
        learner: Learner, who: jax.Array, turn: jax.Array, image: Image, rotation: jax.Array
    ) -> tuple[Learner, jax.Array]:
        view = jax.tree.map(lambda a: a[turn % len(seen.targets)], seen)
        mine, memory = jax.tree.map(lambda a: a[who], (learner.codes, learner.codes_memory))

        def value_of(state: nnx.State, mine: tuple[Code, Pose]) -> jax.Array:
            return loss(nnx.merge(graph, state, *fixed), mine[0], mine[1], rotation, image, view, weights)

        value, (state_slope, slope) = jax.value_and_grad(value_of, argnums=(0, 1))(learner.state, mine)
        change, state_memory = for_state.update(state_slope, learner.state_memory)
        state = optax.apply_updates(learner.state, change)
        (code, pose), memory = for_code.update(slope, memory)
        pose = jax.tree.map(lambda a: a * (POSE_RATE / CODE_RATE), pose)
        mine = optax.apply_updates(mine, (code, pose))
        put = partial(jax.tree.map, lambda all_, one: all_.at[who].set(one))
        return Learner(state, state_memory, put(learner.codes, mine), put(learner.codes_memory, memory)), value

    order = np.random.default_rng(seed)
    for epoch in range(epochs):
        values = []
        for who in order.permutation(len(images)):
            turn = order.integers(1 << 30)
            learner, value = step(
                learner, jnp.int32(who), jnp.int32(turn), images[who], jnp.asarray(rotations[who], jnp.float32)
            )
            values.append(value)
        if epoch % 10 == 9 or epoch in (0, epochs - 1):
            report(f"decoder epoch {epoch + 1} of {epochs}: loss {float(jnp.mean(jnp.stack(values))):.4f}")
    return nnx.merge(graph, learner.state, *fixed), learner.codes[0]
