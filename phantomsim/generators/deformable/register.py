"""Everyone to one mean: affine, then velocity fields, coarse to fine, the mean made anew in every round.

The mean is unbiased (mean log-stretch, rotation, shift and velocity are zero over people and their mirror images;
Joshi et al. 2004, doi:10.1016/j.neuroimage.2004.07.068) and, where the anatomy is, symmetric.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from scipy.spatial.transform import Rotation

from phantomsim.generators.deformable import affine
from phantomsim.generators.deformable.affine import Affine
from phantomsim.generators.deformable.lattice import Lattice, matrices, products, resample, smooth
from phantomsim.generators.deformable.loss import Image, mismatch, pull
from phantomsim.generators.deformable.spec import Training
from phantomsim.generators.deformable.svf import exponential, gradient_energy

RATE_MM = 0.4  # Adam's step for velocities [mm]
SIGMA = 1.0  # smoothing of velocities [voxel]
Report = Callable[[str], None]


@dataclass
class Registered:
    """What registration gives.

    Attributes:
        target: groups of the mean [z, y, x, groups] at half the lattice's spacing.
        maps: affine map of each person.
        velocities: [people, z, y, x, 3] on the lattice [mm], before smoothing.
    """

    lattice: Lattice
    target: jax.Array
    maps: list[Affine]
    velocities: np.ndarray


def flow(velocity: jax.Array, lattice: Lattice, fine: Lattice) -> jax.Array:
    """Displacement [mm] on `fine` of a raw velocity field on `lattice`: smoothed, then integrated."""
    return resample(exponential(smooth(velocity, SIGMA), lattice), lattice, fine)


def mirrored(values: jax.Array | np.ndarray) -> jax.Array | np.ndarray:
    """The mirror image of a vector field [..., x, 3]."""
    return values[..., ::-1, :] * np.array([1, 1, -1], np.float32)


class Views(NamedTuple):
    """A target on interleaved lattices, of which one iteration of registration sees one.

    Eight lattices make up one of half the spacing: it is seen whole in eight iterations, at an eighth of the cost each.

    Attributes:
        targets: [views, z, y, x, groups].
        shift_mm: [views, 3], from the lattice of the velocities [mm].
        z, y, x: interpolation of displacements to each view [views, n, n].
    """

    targets: jax.Array
    shift_mm: jax.Array
    z: jax.Array
    y: jax.Array
    x: jax.Array


def views(target: jax.Array, lattice: Lattice) -> Views:
    """Of a target on the lattice itself (one view), or on its refinement by two (eight)."""
    factor = target.shape[0] // lattice.shape[0]
    corners = list(itertools.product(range(factor), repeat=3))
    shifts = np.array([[(k - (factor - 1) / 2) * lattice.spacing_mm / factor for k in c] for c in corners])
    moved = [replace(lattice, centre_mm=tuple((np.array(lattice.centre_mm) + s).tolist())) for s in shifts]
    z, y, x = (jnp.stack([jnp.asarray(matrices(lattice, m)[axis]) for m in moved]) for axis in range(3))
    targets = jnp.stack([target[a::factor, b::factor, c::factor] for a, b, c in corners])
    return Views(targets, jnp.asarray(shifts, jnp.float32), z, y, x)


def seen_mismatch(
    image: Image, pose: Affine, u: jax.Array, lattice: Lattice, weights: jax.Array, view: Views
) -> jax.Array:
    """The loss in one view, given the displacement `u` on the lattice; `view` without its first axis."""
    points = jnp.asarray(lattice.points()) + view.shift_mm + products(u, view.z, view.y, view.x)
    return mismatch(image, pose(points), view.targets, weights)


@partial(jax.jit, static_argnames=("lattice", "iterations"))
def register(
    image: Image,
    seen: Views,
    weights: jax.Array,
    pose: Affine,
    velocity: jax.Array,
    smoothness: jax.Array,
    lattice: Lattice,
    iterations: int,
) -> tuple[jax.Array, jax.Array]:
    """The velocity field under which an image looks like the target; returns it and the losses."""

    def loss(v: jax.Array, view: Views) -> jax.Array:
        v = smooth(v, SIGMA)
        return seen_mismatch(
            image, pose, exponential(v, lattice), lattice, weights, view
        ) + smoothness * gradient_energy(v, lattice)

    adam = optax.adam(optax.cosine_decay_schedule(RATE_MM, iterations, 0.1))

    def step(carry: tuple, turn: jax.Array) -> tuple[tuple, jax.Array]:
        v, state = carry
        view = jax.tree.map(lambda a: a[turn % len(seen.targets)], seen)
        value, slope = jax.value_and_grad(loss)(v, view)
        change, state = adam.update(slope, state)
        return (v + change, state), value

    (velocity, _), history = jax.lax.scan(step, (velocity, adam.init(velocity)), jnp.arange(iterations))
    return velocity, history


def pose(coarse: Image, target: jax.Array, weights: jax.Array, lattice: Lattice, training: Training) -> Affine:
    """The affine map of one person to a mean, first to a blurred one."""
    found = affine.IDENTITY
    for sigma in (2.0, 1.0):
        found, _ = affine.register(coarse, smooth(target, sigma), weights, lattice, found, training.affine_iterations)
    return Affine(np.asarray(found.matrix), np.asarray(found.shift))


@partial(jax.jit, static_argnames=("lattice", "fine"))
def pulled(
    image: Image, pose: Affine, velocity: jax.Array, lattice: Lattice, fine: Lattice
) -> tuple[jax.Array, jax.Array]:
    """A person's groups on the mean's frame, and where they were seen."""
    return pull(image, pose(jnp.asarray(fine.points()) + flow(velocity, lattice, fine)))


def mean_groups(
    images: list[Image], maps: list[Affine], velocities: np.ndarray, lattice: Lattice, fine: Lattice, mirror: bool
) -> jax.Array:
    """Mean of all groups over those who show a place; where none does, the nearest mean repeats downwards."""
    total, count = jnp.float32(0.0), jnp.float32(0.0)
    for image, pose, v in zip(images, maps, velocities):
        groups, seen = pulled(image, pose, jnp.asarray(v), lattice, fine)
        total, count = total + groups * seen[..., None], count + seen[..., None]
    if mirror:
        total, count = total + total[:, :, ::-1], count + count[:, :, ::-1]
    total = total + 1e-4 * jnp.zeros_like(total).at[..., 0].set(1.0)
    return total / (count + 1e-4)


def together(
    images: list[Image], coarse: list[Image], weights: jax.Array, lattice: Lattice, training: Training, report: Report
) -> Registered:
    """Register everyone.

    Args:
        images: of every person at half the lattice's spacing; `coarse`: at the lattice's spacing.
    """
    fine = lattice.refined(2)
    none = np.zeros((len(images), *lattice.shape, 3), np.float32)
    maps = [affine.IDENTITY] * len(images)
    for turn in range(training.rounds):
        target = smooth(mean_groups(coarse, maps, none, lattice, lattice, training.mirror), 1.0)
        found = [
            affine.register(i, target, weights, lattice, m, training.affine_iterations) for i, m in zip(coarse, maps)
        ]
        maps = centred([Affine(np.asarray(m.matrix), np.asarray(m.shift)) for m, _ in found], training.mirror)
        report(f"affine round {turn + 1} of {training.rounds}: loss {np.mean([h[-1] for _, h in found]):.4f}")
    velocities = none
    for turn in range(training.rounds):
        for images_now, grid, iterations in (
            (coarse, lattice, training.coarse_iterations),
            (images, fine, training.fine_iterations),
        ):
            target = mean_groups(images_now, maps, velocities, lattice, grid, training.mirror)
            fit = partial(
                register,
                seen=views(target, lattice),
                weights=weights,
                smoothness=jnp.float32(training.smoothness),
                lattice=lattice,
                iterations=iterations,
            )
            found = [fit(image, pose=m, velocity=jnp.asarray(v)) for image, m, v in zip(images_now, maps, velocities)]
            velocities = np.stack([np.asarray(v) for v, _ in found])
            before, after = (
                float(np.mean([np.mean(h[part]) for _, h in found])) for part in (slice(8), slice(-8, None))
            )
            where = f"fields round {turn + 1} of {training.rounds}, {grid.spacing_mm:g} mm"
            report(f"{where}: loss {before:.4f} -> {after:.4f}")
            velocities = velocities - mean_velocity(velocities, training.mirror)
    return Registered(lattice, mean_groups(images, maps, velocities, lattice, fine, training.mirror), maps, velocities)


def mean_velocity(velocities: np.ndarray, mirror: bool) -> np.ndarray:
    """Mean over people (and their mirror images)."""
    mean = velocities.mean(axis=0)
    return (mean + mirrored(mean)) / 2 if mirror else mean


def centred(maps: list[Affine], mirror: bool) -> list[Affine]:
    """Maps of which mean log-stretch, mean rotation vector and mean shift are zero."""
    split = [affine.polar(np.asarray(m.matrix)) for m in maps]
    turns = np.array([Rotation.from_matrix(r).as_rotvec() for r, _ in split])
    logs, shifts = np.array([s for _, s in split]), np.array([m.shift for m in maps])
    logs, turns, shifts = (
        a - _fixed(a.mean(axis=0), mirror, f) for a, f in ((logs, _LOG), (turns, _TURN), (shifts, _SHIFT))
    )
    return [
        Affine((Rotation.from_rotvec(t).as_matrix() @ affine.stretch(log)).astype(np.float32), d.astype(np.float32))
        for t, log, d in zip(turns, logs, shifts)
    ]


#: What mirroring x does to a log-stretch, a rotation vector (an axial vector) and a shift, along z, y, x.
_FLIP = np.array([1.0, 1.0, -1.0])
_LOG, _TURN, _SHIFT = np.outer(_FLIP, _FLIP), -_FLIP, _FLIP


def _fixed(mean: np.ndarray, mirror: bool, sign: np.ndarray) -> np.ndarray:
    return (mean + sign * mean) / 2 if mirror else mean
