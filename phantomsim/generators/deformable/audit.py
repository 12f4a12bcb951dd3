"""The figures that a model of heads is held to: registration, rebuilding, folds, spread, topology, copying."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.linalg import expm

from phantomsim.generators.deformable import (
    affine,
    carriers,
    compose,
    fit,
    generate,
    mean,
    person,
    register,
    shape,
    shares,
    warp,
)
from phantomsim.generators.deformable.affine import Affine
from phantomsim.generators.deformable.anatomy import Anatomy
from phantomsim.generators.deformable.fine import Fine
from phantomsim.generators.deformable.fit import Pose, Weights
from phantomsim.generators.deformable.latent import Code
from phantomsim.generators.deformable.loss import dice, pull
from phantomsim.generators.deformable.measure import measure
from phantomsim.generators.deformable.person import Person

FIT_ITERATIONS = 240
BOOTSTRAPS = 2000
REBUILT_MM = 1.0  # voxels in which a rebuilt anatomy is counted


@dataclass(frozen=True)
class Rebuilt:
    """A person that the model has not seen, found again in it.

    Attributes:
        dice: of groups [groups] against the mean by `how`: "affine", "direct", "latent" (global and local codes),
            "components" (global codes alone).
        real, rebuilt: what `measure` finds in the person, and in the mean anatomy painted in the fitted shape.
    """

    name: str
    dice: dict[str, np.ndarray]
    real: dict[str, float]
    rebuilt: dict[str, float]


def rebuild(anatomy: Anatomy, path: Path) -> Rebuilt:
    """Register one person directly, and fit the latent to its image."""
    someone = carriers.read(anatomy, path)
    spec, lattice = anatomy.spec, anatomy.model.lattice
    on = lattice.refined(2)
    image = person.image(someone, anatomy.of_structure, len(spec.groups), on.spacing_mm)
    known = carriers.fine(anatomy, path)
    rotation = jnp.asarray(affine.polar(np.asarray(known.pose.matrix))[0], jnp.float32)
    weights = Weights(anatomy.weights, jnp.float32(spec.training.smoothness), jnp.float32(spec.training.code_penalty))
    seen = register.views(anatomy.groups, lattice)

    def like(pose: Affine, velocity: jax.Array) -> np.ndarray:
        groups, shown = register.pulled(image, pose, velocity, lattice, on)
        return np.asarray(dice(groups, anatomy.groups, shown))

    found = {
        "affine": like(known.pose, jnp.zeros((*lattice.shape, 3))),
        "direct": like(known.pose, jnp.asarray(known.velocity)),
    }

    def of(turned: np.ndarray | None) -> dict[str, float]:
        names, groups = anatomy.model.structures, anatomy.of_structure
        return measure(spec, names, groups, someone.label, someone.grid.spacing_mm, turned)

    counted = of(None)
    names = tuple(sorted(spec.quantities))
    fine = mean.realise(anatomy.model, anatomy.of_structure, anatomy.folds, jax.random.key(0))
    way = compose.way(jnp.asarray(fine.velocity), fine.pose, lattice)
    parts = anatomy.parts(generate.seen_groups(anatomy, fine, way), names)
    volumes_log = np.log([counted[n] for n in names])

    def fitted(how: str, wanted_log: np.ndarray) -> tuple[Code, Pose]:
        wanted, start = jnp.asarray(wanted_log, jnp.float32), jnp.asarray(known.pose.shift)
        sought = (image, rotation, start, seen, weights, parts, wanted)
        code, pose, _ = fit.fit(anatomy.graph, anatomy.state, *sought, FIT_ITERATIONS, how != "components")
        decoder = anatomy.model.decoder
        found[how] = like(fit.pose_affine(decoder, code, pose, rotation), decoder.velocity(code))
        return code, pose

    def made(code: Code, pose: Pose, layer_off_mm: float = 0.0) -> tuple[dict[str, float], dict[str, float]]:
        real = of(np.asarray(rotation @ expm(jnp.cross(jnp.eye(3), pose.turn))))
        layer_mm = real[spec.layer.name] - layer_off_mm if spec.layer else None
        return real, _rebuilt(anatomy, fine, way, code, layer_mm)

    fitted("components", volumes_log)
    real, first = made(*fitted("latent", volumes_log))
    # Voxels have one structure each: what is painted is not quite what shares count. One step of Newton mends it.
    again = 2 * volumes_log - np.log([first[n] for n in names])
    off_mm = first[spec.layer.name] - real[spec.layer.name] if spec.layer else 0.0
    real, rebuilt = made(*fitted("latent", again), off_mm)
    return Rebuilt(someone.name, found, real, rebuilt)


def _rebuilt(anatomy: Anatomy, fine: Fine, way: compose.Way, code: Code, layer_mm: float | None) -> dict[str, float]:
    """Measures of the mean anatomy painted in a fitted shape, with a layer of a thickness."""
    lattice = anatomy.model.lattice
    unstretch, back = compose.decode(anatomy.graph, anatomy.state, code)
    found = compose.Shape(unstretch, back, jnp.float32(1.0), jnp.zeros((*lattice.refined(2).shape, 3)))
    found, _ = shape.with_layer(anatomy, fine, way, found, layer_mm)
    to = lattice.refined(max(1, round(lattice.spacing_mm / REBUILT_MM)))
    on = generate.nodes(to)
    places = compose.place(jnp.asarray(on.points()), found, anatomy.shell, way, lattice)
    label = warp.warp(fine, places, on, to, anatomy.of_structure, anatomy.wholes)
    return measure(anatomy.spec, anatomy.model.structures, anatomy.of_structure, label, (to.spacing_mm,) * 3)


@dataclass(frozen=True)
class Folding:
    """Jacobians of composed maps of many patients: how many were damped or drawn anew, and the least Jacobian."""

    patients: int
    damped: int
    redrawn: int
    least: float


def folding(anatomy: Anatomy, patients: int, seed: int, tick: Callable[[], object] = lambda: None) -> Folding:
    """Find shapes as for patients 0 to `patients`, without painting them."""
    rows = []
    for patient in range(patients):
        found = generate.prepared(anatomy, seed, patient).found
        rows.append((found.damped > 0, found.redrawn > 0, found.least_jacobian))
        tick()
    table = np.array(rows, float)
    return Folding(patients, int(table[:, 0].sum()), int(table[:, 1].sum()), float(table[:, 2].min()))


def wasserstein_range(real: Sequence[float], seed: int, made: int) -> float:
    """95th percentile of the Wasserstein distance between two bootstrap samples of the real values, `made` in one."""
    from scipy.stats import wasserstein_distance

    random, values = np.random.default_rng(seed), np.asarray(real)
    draws = [
        wasserstein_distance(random.choice(values, len(values)), random.choice(values, made)) for _ in range(BOOTSTRAPS)
    ]
    return float(np.quantile(draws, 0.95))


def carriers_share(values: Sequence[float], carrier: Sequence[str]) -> float:
    """Share of a measure's variance that the carrier explains: omega squared of one-way analysis of variance.

    Unlike eta squared it is not biased upwards by few patients a carrier (Liu 2022, doi:10.5964/meth.7745).
    """
    x, who = np.asarray(values, float), np.asarray(carrier)
    kinds = [x[who == c] for c in sorted(set(who))]
    between = sum(len(k) * (k.mean() - x.mean()) ** 2 for k in kinds)
    within = sum(((k - k.mean()) ** 2).sum() for k in kinds)
    per = within / (len(x) - len(kinds))
    return float(max(0.0, (between - (len(kinds) - 1) * per) / (between + within + per)))


def likeness(
    anatomy: Anatomy,
    label: np.ndarray,
    first_mm: np.ndarray,
    spacing_mm: np.ndarray,
    others: Sequence[Person],
    poses: Sequence[Affine],
    own: Affine = affine.IDENTITY,
) -> np.ndarray:
    """Mean Dice (groups but the first) of one anatomy with each of several people, all through affine maps.

    Args:
        label, first_mm, spacing_mm: the anatomy; `own`: from the mean to it.
        poses: from the mean to each of the others.
    """
    on = anatomy.model.lattice.refined(2)
    points = jnp.asarray(on.points())
    fine = Fine("", label, first_mm, spacing_mm, own, np.zeros(0))
    kinds = len(anatomy.spec.groups)
    here = jnp.asarray(shares.shares(fine, own(points), anatomy.of_structure, kinds))
    scores = []
    for someone, pose in zip(others, poses):
        there, seen = pull(person.image(someone, anatomy.of_structure, kinds, on.spacing_mm), pose(points))
        scores.append(float(dice(here, there, seen)[1:].mean()))
    return np.array(scores)
