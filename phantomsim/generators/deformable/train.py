"""From a folder of segmentations to a model: registration, decoder, mean anatomy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import jax.numpy as jnp
import numpy as np

from phantomsim.errors import GeneratorError
from phantomsim.generators.deformable import affine, fit, layer, likely, measure, person, quantities, register, unseen
from phantomsim.generators.deformable.affine import Affine
from phantomsim.generators.deformable.fit import Pose, Weights
from phantomsim.generators.deformable.latent import Code, Decoder, principal
from phantomsim.generators.deformable.lattice import Lattice
from phantomsim.generators.deformable.loss import Image, dice
from phantomsim.generators.deformable.model_file import Model
from phantomsim.generators.deformable.person import Person
from phantomsim.generators.deformable.register import Registered, mirrored
from phantomsim.generators.deformable.spec import Deformable

LEAST_PEOPLE = 3
Report = Callable[[str], None]


def train(
    spec: Deformable, paths: Sequence[Path], held_out: Sequence[str] = (), report: Report = lambda line: None
) -> Model:
    """Learn the mean anatomy and the latent model of shape.

    Args:
        paths: segmentations.
        held_out: names of files (without endings) that are kept out.
        report: called with a line after each step.
    Raises:
        GeneratorError: fewer than three people are left, or a name is not there.
        FormatError, TissueError: a file is wrong; see `person.read`.
    """
    people = _people(spec, paths, held_out, report)
    t = spec.training
    lattice = Lattice(t.lattice_shape, t.lattice_mm, t.middle_mm)
    names = person.structure_names(spec.labels)
    of_structure = person.group_of(names, spec.groups)
    weights = jnp.array([g.weight for g in spec.groups], jnp.float32)
    images = [person.image(p, of_structure, len(spec.groups), t.lattice_mm / 2) for p in people]
    registered = register.together(images, [person.coarser(i) for i in images], weights, lattice, t, report)
    scores = direct_dice(images, registered)
    report(f"mean Dice of people against the mean, groups but the first: {scores[:, 1:].mean():.3f}")
    decoder = learn(spec, images, registered, weights, report)
    atlas = lattice.refined(round(t.lattice_mm / t.atlas_mm))
    shares = likely.likelihoods(people, registered, atlas, len(names), t.mirror, report)
    bias = likely.biases(shares, [[names.index(s) for s in f.order] for f in spec.folds])
    about: dict[str, object] = {
        "people": [p.name for p in people],
        "held_out": list(held_out),
        "seed": t.seed,
        "mirror": t.mirror,
        "group_of_structure": of_structure.tolist(),
        "groups": [g.name for g in spec.groups],
        "direct_dice": {g.name: round(float(d), 4) for g, d in zip(spec.groups, scores.mean(axis=0))},
    }
    if spec.quantities:
        about["quantities"] = quantities.law(volumes_mL(spec, people, registered, of_structure), spec.quantities)
    if spec.layer:
        about["layer_mm"] = layer_spread(spec, people, registered, of_structure)
    return Model(decoder, names, shares, bias, atlas, about)


def _people(spec: Deformable, paths: Sequence[Path], held_out: Sequence[str], report: Report) -> list[Person]:
    from phantomsim.formats.volume import stem

    stems = [stem(p) for p in paths]
    if unknown := sorted(set(held_out) - set(stems)):
        raise GeneratorError(f"--hold-out {', '.join(unknown)}: no such file; there are {', '.join(stems)}")
    used = [p for p, name in zip(paths, stems) if name not in held_out]
    if len(used) < LEAST_PEOPLE:
        raise GeneratorError(f"{len(used)} segmentations to learn from; at least {LEAST_PEOPLE} are needed")
    people = []
    t = spec.training
    for path in used:
        people.append(person.read(path, spec.labels, spec.ids, spec.groups, t.centre_on, t.cut_fraction))
        report(f"read {path.name}")
    return people


def direct_dice(images: list[Image], registered: Registered) -> np.ndarray:
    """Dice of everyone's groups, seen through the registration, with the mean's [people, groups]."""
    fine = registered.lattice.refined(2)
    rows = []
    for image, pose, v in zip(images, registered.maps, registered.velocities):
        groups, seen = register.pulled(image, pose, jnp.asarray(v), registered.lattice, fine)
        rows.append(np.asarray(dice(groups, registered.target, seen)))
    return np.array(rows)


def learn(
    spec: Deformable, images: list[Image], registered: Registered, weights: jnp.ndarray, report: Report
) -> Decoder:
    """The decoder: principal components at first, then trained on the loss of registration, mirror images included."""
    t, lattice = spec.training, registered.lattice
    velocities, maps = registered.velocities, registered.maps
    if t.mirror:
        velocities = np.concatenate([velocities, np.asarray(mirrored(velocities))])
        maps = [*maps, *(mirror_affine(m) for m in maps)]
        images = [*images, *(mirror_image(i) for i in images)]
    split = [affine.polar(np.asarray(m.matrix)) for m in maps]
    components = min(t.components, len(images) - 1)
    basis, scores, stretches, stretch_scores = principal(velocities, np.array([log for _, log in split]), components)
    decoder = Decoder(jnp.asarray(basis), jnp.asarray(stretches), lattice, t.blend_mm, t.global_share)
    codes = _start(decoder, scores, stretch_scores)
    shifts = jnp.asarray(np.array([m.shift for m in maps]) / fit.SHIFT_MM, jnp.float32)
    poses = Pose(jnp.zeros((len(maps), 3)), shifts)
    seen = register.views(registered.target, lattice)
    penalty = Weights(weights, jnp.float32(t.smoothness), jnp.float32(t.code_penalty))
    rotations = np.array([r for r, _ in split])
    decoder, _ = fit.train(decoder, codes, poses, rotations, images, seen, penalty, t.latent_epochs, t.seed, report)
    return decoder


def _start(decoder: Decoder, scores: np.ndarray, stretch_scores: np.ndarray) -> Code:
    """Codes of which the global and the local part explain their shares of the scores."""
    rho = decoder.global_share
    one = decoder.zero()._replace(local=jnp.ones_like(decoder.zero().local))
    unit = float(np.mean(decoder.coefficients(one))) / np.sqrt(max(1 - rho, 1e-6))
    local = np.sqrt(1 - rho) / unit * scores[:, None, None, None, :] * np.ones((1, *decoder.nodes.shape, 1))
    return Code(
        jnp.asarray(np.sqrt(rho) * scores, jnp.float32),
        jnp.asarray(local, jnp.float32),
        jnp.asarray(stretch_scores, jnp.float32),
    )


FLIP = np.diag([1.0, 1.0, -1.0]).astype(np.float32)


def mirror_affine(m: Affine) -> Affine:
    """The map of the mirror image."""
    return Affine(FLIP @ np.asarray(m.matrix) @ FLIP, FLIP @ np.asarray(m.shift))


def mirror_image(image: Image) -> Image:
    """Left and right exchanged; groups are the same on both sides."""
    last = image.first_mm + (jnp.asarray(image.values.shape[:3]) - 1) * image.spacing_mm
    return Image(image.values[:, :, ::-1], image.first_mm.at[2].set(-last[2]), image.spacing_mm)


def volumes_mL(spec: Deformable, people: list[Person], registered: Registered, of_structure: np.ndarray) -> np.ndarray:
    """Volumes of the quantities [people, quantities] [mL]: what is counted, and what lies beyond the field of view."""
    names = [g.name for g in spec.groups]
    groups = [[names.index(g) for g in parts] for parts in spec.quantities.values()]
    parts = jnp.stack([registered.target[..., some].sum(axis=-1) for some in groups], axis=-1)
    rows = []
    for someone, pose, v in zip(people, registered.maps, registered.velocities):
        counted = measure.volumes_mL(spec, of_structure[someone.label], someone.grid.voxel_mL)
        beyond = unseen.volumes_mL(parts, registered.lattice, someone, pose, v)
        rows.append(np.array([counted[name] for name in spec.quantities]) + beyond)
    return np.array(rows)


def layer_spread(
    spec: Deformable, people: list[Person], registered: Registered, of_structure: np.ndarray
) -> dict[str, float]:
    """Mean and standard deviation of the layer's thickness over people, each turned to the mean's pose [mm]."""
    what = spec.layer
    assert what is not None
    names = [g.name for g in spec.groups]
    made_of = np.isin(of_structure, [names.index(g) for g in what.of])
    values = []
    for someone, m in zip(people, registered.maps):
        rotation, _ = affine.polar(np.asarray(m.matrix))
        values.append(
            layer.along_rays(
                someone.label, someone.first_mm, someone.grid.spacing_mm, made_of, what.elevation_deg, rotation
            )
        )
    return {"mean": round(float(np.mean(values)), 4), "sd": round(float(np.std(values, ddof=1)), 4)}
