"""Whether patients hold the volumes that were drawn for them: as solved on the coarse grid, and on a finer one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from phantomsim.generators.procedural import painting
from phantomsim.generators.procedural.cohort import Cohort, volumes_mL
from phantomsim.generators.procedural.region import Region
from phantomsim.generators.procedural.spec import Procedural
from phantomsim.laws import Law

FINER, FEW = 3, 4  # voxels along an edge of a coarse one; patients painted on them
SOLVED, COUNTED = 0.035, 0.05  # shares by which a volume may be off; the cerebellum is solved with 3 % for its rim


def solved_law(people: Cohort) -> Law:
    """The organ that found least or most room, of all patients."""
    ratios = {
        name: mL / people.facts[f"{name}_mL"] for name, mL in people.solved_mL.items() if f"{name}_mL" in people.facts
    }
    worst = {name: float(r[np.argmax(abs(r - 1.0))]) for name, r in ratios.items()}
    name = max(worst, key=lambda k: abs(worst[k] - 1.0))
    what = f"solved volume over what was drawn for a patient, worst of {len(people.first)} patients' organs ({name})"
    return Law(what, "requested", 1.0, worst[name], SOLVED)


def fine_laws(spec: Procedural, region: Region, seed: int, organs_of: Mapping[str, Sequence[str]]) -> list[Law]:
    """Volumes that were drawn for a few patients, counted in voxels a third as wide as those they were solved on.

    Args:
        organs_of: what a covariate [mL] is the volume of.
    """
    ratios = [_ratios(spec, region, seed, patient, organs_of) for patient in range(FEW)]
    voxel_mm = region.plan_voxel_mm / FINER
    return [
        Law(
            f"{fact.removesuffix('_mL')} in voxels of {voxel_mm:.3g} mm over what was drawn, mean of {FEW}",
            "the same body on any grid",
            1.0,
            float(np.mean([each[fact] for each in ratios])),
            COUNTED,
        )
        for fact in organs_of
    ]


def _ratios(
    spec: Procedural, region: Region, seed: int, patient: int, organs_of: Mapping[str, Sequence[str]]
) -> dict[str, float]:
    from phantomsim.generators.procedural.generate import person, planned

    facts, numbers = person(spec, seed, patient)
    levels = planned(region, numbers)[0]
    voxel_mm = region.plan_voxel_mm / FINER
    z, y, x = region.plan_shape
    shape = (z * FINER, y * FINER, x * FINER)
    first = painting.first_mm(shape, voxel_mm, region.plan_centre_mm)
    painted = painting.paint(region.draw, tuple(region.organs), shape, voxel_mm, first, numbers, levels)
    volumes = volumes_mL(region.made_whole(painted, voxel_mm), region, voxel_mm)
    return {fact: sum(volumes[o] for o in organs) / float(facts[fact]) for fact, organs in organs_of.items()}
