"""Patients by deformation."""

from __future__ import annotations

from typing import Any, NamedTuple, cast

import jax
import jax.numpy as jnp
import numpy as np

from phantomsim.errors import GeneratorError
from phantomsim.generators import body, clean, texture
from phantomsim.generators.deformable import anatomy as anatomies
from phantomsim.generators.deformable import carriers, compose, mean, shape, shares, warp
from phantomsim.generators.deformable.anatomy import Anatomy
from phantomsim.generators.deformable.compose import Way
from phantomsim.generators.deformable.fine import Fine
from phantomsim.generators.deformable.lattice import Lattice
from phantomsim.generators.deformable.quantities import drawn_log
from phantomsim.generators.deformable.shape import Found
from phantomsim.generators.deformable.spec import Deformable
from phantomsim.generators.labels import tissue_names
from phantomsim.generators.procedural import covariates
from phantomsim.grid import Grid
from phantomsim.keys import Stream, patient_key
from phantomsim.phantom import Facts, Organs, Phantom

MAP_MM = 2.0  # nodes of the composed map, where it is also checked for folds
SAMPLES_MM = 1.2  # voxels above are sampled more than once along each axis
SLACK_MM = 30.0  # beyond the mean's frame that a frame may reach on each side


class Prepared(NamedTuple):
    """A patient before it is painted."""

    fine: Fine
    facts: dict[str, float | str]
    found: Found
    texture_key: jax.Array


def generate(spec: Deformable, seed: int, patient: int) -> Phantom:
    """Patient number `patient`; see `generators.generate.generate`.

    Raises:
        GeneratorError: covariates that the model cannot fulfil, carriers that are not there, or a frame that reaches
            beyond the mean.
        FormatError: the model or a carrier is damaged.
    """
    _framed(spec)
    anatomy = anatomies.of(spec)
    ready = prepared(anatomy, seed, patient)
    label, loose = painted(anatomy, ready)
    return _phantom(anatomy, label, loose, ready, seed, patient)


def _framed(spec: Deformable) -> None:
    """Refuse a frame far beyond the mean's, where its edge would repeat: larger voxels widen it."""
    lattice_mm = [n * spec.training.lattice_mm for n in spec.training.lattice_shape]
    frame_mm = [n * spec.voxel_mm for n in spec.shape]
    if any(wide > mm + 2 * SLACK_MM for wide, mm in zip(frame_mm, lattice_mm)):
        size, known = (" x ".join(f"{mm:g}" for mm in edges) for edges in (frame_mm, lattice_mm))
        fits = [int(mm / spec.voxel_mm) for mm in lattice_mm]
        raise GeneratorError(
            f'generator "{spec.name}": the frame is {size} mm (z, y, x), but the mean is known in {known} mm; shape '
            f'counts voxels: give fewer where they are larger, such as --set "shape={fits}"'
        )


def prepared(anatomy: Anatomy, seed: int, patient: int) -> Prepared:
    """Covariates, fine structure and shape of a patient."""
    spec = anatomy.spec
    keys = jax.random.split(patient_key(seed, patient, Stream.ANATOMY), 4)
    facts = covariates.draw(cast(Any, spec), keys[0]) if spec.covariates else {}
    fine = structure(anatomy, patient, keys[1])
    return Prepared(fine, facts, _shape(anatomy, fine, facts, keys[2]), keys[3])


def painted(anatomy: Anatomy, ready: Prepared) -> tuple[np.ndarray, int]:
    """Structure numbers uint8 [z, y, x] of a patient, loose pieces dissolved, and how many voxels those were."""
    spec = anatomy.spec
    finer = max(1, int(np.ceil(spec.voxel_mm / SAMPLES_MM)))
    found, groups = ready.found, anatomy.of_structure
    label = warp.warp(ready.fine, found.places, found.on, voxels(spec), groups, anatomy.wholes, finer)
    loose = clean.dissolve(label, _wholes(anatomy), spec.piece_mL * 1000 / spec.voxel_mm**3)
    label, islands = body.largest_piece(label)
    return label, loose + islands


def structure(anatomy: Anatomy, patient: int, key: jax.Array) -> Fine:
    """The fine structure of one patient: a carrier's, taken in turn, or a realisation of the mean's."""
    if not anatomy.spec.carriers:
        return mean.realise(anatomy.model, anatomy.of_structure, anatomy.folds, key)
    found = carriers.files(anatomy)
    return carriers.fine(anatomy, found[patient % len(found)])


def _shape(anatomy: Anatomy, fine: Fine, facts: dict[str, float | str], key: jax.Array) -> Found:
    """The shape of a patient, with the quantities that its covariates name, and the others as among people."""
    spec = anatomy.spec
    way = compose.way(jnp.asarray(fine.velocity), fine.pose, anatomy.model.lattice)
    layer_key, volumes_key, shape_key = jax.random.split(key, 3)
    wanted = _volumes_log(anatomy, facts, volumes_key)
    parts = anatomy.parts(seen_groups(anatomy, fine, way), tuple(wanted)) if wanted else None
    volumes_log = np.array(list(wanted.values())) if wanted else None
    return shape.find(
        anatomy, fine, way, parts, volumes_log, _layer_mm(anatomy, facts, layer_key), nodes(voxels(spec)), shape_key
    )


def seen_groups(anatomy: Anatomy, fine: Fine, way: Way) -> jax.Array:
    """A fine structure's groups in the frame of the mean [z, y, x, groups], on the model's lattice refined by two.

    Also where the fine structure is the mean's own: what is painted is its likeliest structures, not the blurred mean.
    """
    lattice = anatomy.model.lattice
    on = lattice.refined(2)
    places = way(jnp.asarray(on.points()), lattice)
    return jnp.asarray(shares.shares(fine, places, anatomy.of_structure, len(anatomy.spec.groups)))


def _volumes_log(anatomy: Anatomy, facts: dict[str, float | str], key: jax.Array) -> dict[str, float]:
    """Log volumes [log mL] of quantities, in order of their names: as asked, else as among the people trained on."""
    quantities = anatomy.spec.quantities
    asked = {name: float(facts[name]) for name in sorted(quantities) if name in facts}
    seen = cast(dict[str, Any], anatomy.model.about.get("quantities", {}))  # a model of before has none
    return dict(sorted(drawn_log(seen, {n: quantities[n] for n in {*asked, *anatomy.spec.drawn}}, asked, key).items()))


def _layer_mm(anatomy: Anatomy, facts: dict[str, float | str], key: jax.Array) -> float | None:
    """The layer's thickness that is asked for; as among the people trained on where nothing is."""
    what = anatomy.spec.layer
    if what is None:
        return None
    if what.name in facts:
        return float(facts[what.name])
    seen: dict[str, float] = anatomy.model.about["layer_mm"]  # type: ignore[assignment]
    return seen["mean"] + seen["sd"] * float(jax.random.truncated_normal(key, -2.5, 2.5))


def voxels(spec: Deformable) -> Lattice:
    """Where the voxels of a patient lie."""
    return Lattice(spec.shape, spec.voxel_mm, spec.training.middle_mm)


def nodes(to: Lattice) -> Lattice:
    """Where the composed map is given, for voxels."""
    shape = tuple(int(np.ceil(n * to.spacing_mm / MAP_MM)) + 1 for n in to.shape)
    return Lattice(shape, MAP_MM, to.centre_mm)  # type: ignore[arg-type]


def _wholes(anatomy: Anatomy) -> tuple[tuple[int, ...], ...]:
    return tuple(tuple(anatomy.model.structures.index(s) for s in whole) for whole in anatomy.spec.whole)


def _phantom(anatomy: Anatomy, label: np.ndarray, loose: int, ready: Prepared, seed: int, patient: int) -> Phantom:
    spec, names = anatomy.spec, anatomy.model.structures
    grid = Grid.centred(spec.shape, (spec.voxel_mm,) * 3, spec.training.middle_mm[::-1])
    tissues = tissue_names(spec.labels)
    of_structure = np.array([tissues.index(spec.labels.tissues[n]) for n in names], np.uint8)
    counts = np.bincount(label.ravel(), minlength=len(names)) * grid.voxel_mL
    known: dict[str, float | str] = {f"{'asked_' * (k in spec.covariates)}{k}": v for k, v in ready.facts.items()}
    known |= {
        f"{n.replace('-', '_')}_mL": float(v) for n, v in zip(names, counts) if v and spec.labels.tissues[n] != "air"
    }
    for quantity, groups in spec.quantities.items():
        known[quantity] = float(counts[np.isin(anatomy.of_structure, anatomy.numbers(groups))].sum())
    found, fine = ready.found, ready.fine
    if spec.layer and found.layer_mm is not None:
        known[spec.layer.name] = found.layer_mm
    provenance: dict[str, object] = {
        "generator": spec.name or spec.kind,
        "seed": seed,
        "patient": patient,
        "carrier": fine.subject or "mean",
        "damped": found.damped,
        "redrawn": found.redrawn,
        "least_jacobian": found.least_jacobian,
        "dissolved_voxels": loose,
    }
    tissue = of_structure[label]
    density = texture.density(ready.texture_key, spec.texture, grid, tissue, tissues)
    subject = fine.subject or f"p{patient:05d}"
    organs = Organs(label, ("", *names[1:]))
    return Phantom(grid, tissue, density, (), (), tissues, Facts(subject, known, provenance), organs)
