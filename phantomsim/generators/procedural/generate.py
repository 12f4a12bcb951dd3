"""Patients from shapes."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from phantomsim import compiled
from phantomsim.errors import GeneratorError
from phantomsim.generators import texture
from phantomsim.generators.procedural import abdomen, breast, chest, covariates, head, painting
from phantomsim.generators.procedural.canvas import Numbers
from phantomsim.generators.procedural.painted import Painted
from phantomsim.generators.procedural.region import Region
from phantomsim.generators.procedural.spec import Procedural
from phantomsim.grid import Grid
from phantomsim.keys import Stream, patient_key
from phantomsim.memory import gibibytes, physical_bytes
from phantomsim.phantom import Facts, Phantom

VOXEL_BYTES = 24  # of a patient while it is made; 17 were measured of an abdomen
SLACK_MM = 30.0  # beyond what is drawn that a frame may reach
REGIONS: dict[str, Region] = {
    "abdomen": abdomen.REGION,
    "breast": breast.REGION,
    "breast-compressed": breast.COMPRESSED,
    "chest": chest.REGION,
    "head": head.REGION,
}


def generate(spec: Procedural, seed: int, patient: int) -> Phantom:
    """Patient number `patient`; see `generators.generate.generate`.

    The anatomy depends on the key and the covariates alone: another voxel size or frame shows the same patient.

    Raises:
        GeneratorError: the frame reaches beyond what is drawn.
    """
    region = REGIONS[spec.region]
    _framed(spec, region)
    keys = jax.random.split(patient_key(seed, patient, Stream.ANATOMY), 3)
    facts, numbers = person(spec, seed, patient)
    grid = Grid.centred(spec.shape, (spec.voxel_mm,) * 3, (0.0, 0.0, spec.centre_z_mm))
    noise = texture.tile(keys[2], spec.texture, grid)
    names = tuple(region.organs)
    frame = (region.draw, names, spec.shape, spec.voxel_mm)
    with painting.compiling(*frame, numbers, lambda: painting.plan.eval_shape(*_plan_of(region, numbers))[0]):
        levels, volumes, _ = planned(region, numbers)
    first = painting.first_mm(spec.shape, spec.voxel_mm, (0.0, 0.0, spec.centre_z_mm))
    painted = region.made_whole(painting.paint(*frame, first, numbers, levels), spec.voxel_mm)
    label, overlays, organs = region.phantom_parts(painted, grid)
    known = facts | {f"drawn_{name}_mL": float(v) for name, v in volumes.items()}
    provenance: dict[str, object] = {"generator": spec.name or spec.kind, "seed": seed, "patient": patient}
    density = texture.laid(noise, spec.texture, label, region.tissues)
    about = Facts(f"p{patient:05d}", known, provenance)
    return Phantom(grid, label, density, overlays, (), region.tissues, about, organs)


def _framed(spec: Procedural, region: Region) -> None:
    """Refuse a frame that the machine cannot hold, or that reaches beyond what is drawn: `shape` counts voxels."""
    need, have = VOXEL_BYTES * math.prod(spec.shape), physical_bytes()
    if have and need > have:
        raise GeneratorError(
            f'generator "{spec.name}": {" x ".join(map(str, spec.shape))} voxels need some {gibibytes(need)}, and this '
            f"machine has {gibibytes(have)}; give a smaller shape, or larger voxel_mm"
        )
    half = 0.5 * spec.shape[0] * spec.voxel_mm
    low, high = region.z_mm()
    if spec.centre_z_mm - half < low - SLACK_MM or spec.centre_z_mm + half > high + SLACK_MM:
        raise GeneratorError(
            f'generator "{spec.name}": {spec.shape[0]} voxels of {spec.voxel_mm:g} mm reach from z = '
            f"{spec.centre_z_mm - half:g} to {spec.centre_z_mm + half:g} mm, but the {spec.region} is drawn from "
            f"{low:g} to {high:g} mm; shape counts voxels along z, y, x: give fewer where they are larger, such as "
            f'--set "shape={_fitting(spec, high - low)}" --set centre_z_mm={0.5 * (low + high):g}'
        )


def _fitting(spec: Procedural, length_mm: float) -> list[int]:
    """A shape of the same proportions that lies within a length along z."""
    least = min(1.0, length_mm / (spec.shape[0] * spec.voxel_mm))
    return [int(n * least) for n in spec.shape]


def person(spec: Procedural, seed: int, patient: int) -> tuple[dict[str, float | str], Numbers]:
    """A patient's covariates, and all the numbers that the drawing needs."""
    region = REGIONS[spec.region]
    draw_facts, draw_shape, _ = jax.random.split(patient_key(seed, patient, Stream.ANATOMY), 3)
    facts = covariates.draw(spec, draw_facts)
    numbers: Numbers = {k: jnp.float32(v) for k, v in facts.items() if not isinstance(v, str)}
    numbers["male"] = jnp.float32(facts["sex"] == "male")
    numbers["wobble"] = jax.random.normal(draw_shape, (region.wobbles,))
    if region.grow is not None:
        with compiled.turn(f"grow {spec.region}"):
            numbers |= _grow(region.grow, numbers, jax.random.fold_in(draw_shape, 1))
    return facts, numbers


# As of `painting.plan`; single fusions gain nothing here.
_grow = partial(
    jax.jit,
    static_argnums=0,
    compiler_options={"xla_cpu_use_fusion_emitters": False, "xla_backend_optimization_level": 1},
)(lambda grow, numbers, key: grow(numbers, key))


def planned(region: Region, numbers: Numbers) -> tuple[Numbers, Numbers, Painted]:
    """Levels [mm] and volumes [mL] of a patient's organs, and the patient on the region's coarse grid."""
    with compiled.turn(f"plan {region.draw.__module__} {region.plan_shape}"):
        return painting.plan(*_plan_of(region, numbers))  # type: ignore[no-any-return]


def _plan_of(region: Region, numbers: Numbers) -> tuple[Any, ...]:
    """What `painting.plan` is called with."""
    first = painting.first_mm(region.plan_shape, region.plan_voxel_mm, region.plan_centre_mm)
    per_cm = painting.voxels_per_cm(region.plan_voxel_mm)
    where = (jnp.float32(region.plan_voxel_mm), jnp.asarray(first))
    return (region.draw, tuple(region.organs), region.plan_shape, per_cm, *where, numbers)
