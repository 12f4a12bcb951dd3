"""Patients from shapes."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np

from phantomsim.generators import texture
from phantomsim.generators.procedural import abdomen, covariates, head, paint
from phantomsim.generators.spec import Procedural
from phantomsim.grid import Grid
from phantomsim.keys import Stream, patient_key
from phantomsim.phantom import Facts, Phantom


@dataclasses.dataclass(frozen=True)
class Region:
    """An anatomy: its tissues, how it is drawn, and the coarse grid on which volumes are solved."""

    tissues: tuple[str, ...]
    draw: paint.Draw
    plan_shape: tuple[int, int, int]
    plan_voxel_mm: float
    plan_centre_mm: tuple[float, float, float]


REGIONS = {
    "abdomen": Region(abdomen.TISSUES, abdomen.draw, abdomen.PLAN_SHAPE, abdomen.PLAN_VOXEL_MM, (0.0, 0.0, 0.0)),
    "head": Region(head.TISSUES, head.draw, head.PLAN_SHAPE, head.PLAN_VOXEL_MM, (0.0, 0.0, 0.0)),
}


def generate(spec: Procedural, seed: int, patient: int) -> Phantom:
    """Patient number `patient`; see `generators.generate.generate`.

    The anatomy depends on the key and the covariates alone: another voxel size or frame shows the same patient.
    """
    region = REGIONS[spec.region]
    draw_facts, draw_shape, draw_texture = jax.random.split(patient_key(seed, patient, Stream.ANATOMY), 3)
    facts = covariates.draw(spec, draw_facts)
    numbers: paint.Numbers = {k: jnp.float32(v) for k, v in facts.items() if not isinstance(v, str)}
    numbers["wobble"] = jax.random.normal(draw_shape, (64,))
    coarse = (jnp.float32(region.plan_voxel_mm), jnp.asarray(region.plan_centre_mm, jnp.float32))
    levels, volumes = paint.plan(region.draw, region.tissues, region.plan_shape, *coarse, numbers)
    grid = Grid.centred(spec.shape, (spec.voxel_mm,) * 3, (0.0, 0.0, spec.centre_z_mm))
    where = (jnp.float32(spec.voxel_mm), jnp.asarray(grid.centre_mm, jnp.float32))
    label = np.asarray(paint.paint(region.draw, region.tissues, spec.shape, *where, numbers, levels))
    known = facts | {f"drawn_{name}_mL": float(v) for name, v in volumes.items()}
    provenance: dict[str, object] = {"generator": spec.name or spec.kind, "seed": seed, "patient": patient}
    density = texture.density(draw_texture, spec.texture, grid, label, region.tissues)
    return Phantom(grid, label, density, (), (), region.tissues, Facts(f"p{patient:05d}", known, provenance))
