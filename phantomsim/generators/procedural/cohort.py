"""Many patients at once, at the coarse grid of their region: what laws of populations measure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from phantomsim.generators.procedural.painted import Painted
from phantomsim.generators.procedural.region import Region
from phantomsim.generators.procedural.spec import Procedural
from phantomsim.laws import Law


@dataclass(frozen=True)
class Cohort:
    """Sampled patients.

    Attributes:
        region: what they are of.
        facts: covariates by name, [patient]; `male` is 1 or 0.
        volumes_mL: what every organ was painted with, by organ, [patient].
        solved_mL: what levels that were solved gave, by their name, [patient].
        first, second: the organs that fill most of each voxel and the rest, uint8 [patient, z, y, x], on the region's
            coarse grid.
        share: of the second, float16.
    """

    region: Region
    facts: dict[str, np.ndarray]
    volumes_mL: dict[str, np.ndarray]
    solved_mL: dict[str, np.ndarray]
    first: np.ndarray
    second: np.ndarray
    share: np.ndarray

    def part(self, patient: int, *organs: str) -> np.ndarray:
        """Share of each voxel that some organs fill, float32 [z, y, x]."""
        share = self.share[patient].astype(np.float32)
        first, second = (self._among(of[patient], organs) for of in (self.first, self.second))
        return first * (1 - share) + second * share

    def mask(self, patient: int, *organs: str) -> np.ndarray:
        """Voxels mostly of some organs, bool [z, y, x]."""
        return self._among(self.first[patient], organs)

    def _among(self, labels: np.ndarray, organs: tuple[str, ...]) -> np.ndarray:
        names = list(self.region.organs)
        return np.isin(labels, [names.index(o) for o in organs])

    def total_mL(self, *organs: str) -> np.ndarray:
        """What some organs hold together, [patient]."""
        return np.sum([self.volumes_mL[o] for o in organs], axis=0)


def cohort(spec: Procedural, region: Region, seed: int, patients: int) -> Cohort:
    """Draw patients 0 .. patients - 1 of a generator, the same as `generate` gives."""
    from phantomsim.generators.procedural.generate import person, planned

    people = [person(spec, seed, i) for i in range(patients)]
    solved, plans = zip(*(jax.device_get(planned(region, numbers)[1:]) for _, numbers in people))
    wholes = [region.made_whole(Painted(*plan), region.plan_voxel_mm) for plan in plans]
    parts = [np.stack(p) for p in zip(*wholes)]
    volumes = [volumes_mL(one, region, region.plan_voxel_mm) for one in wholes]
    facts = {k: np.array([f[k] for f, _ in people], float) for k, v in people[0][0].items() if not isinstance(v, str)}
    facts["male"] = np.array([f["sex"] == "male" for f, _ in people], float)
    first, second, share = parts
    return Cohort(region, facts, _rows(volumes), _rows(solved), first, second, share.astype(np.float16))


def _rows(patients: Sequence[Mapping[str, Any]]) -> dict[str, np.ndarray]:
    return {name: np.array([float(one[name]) for one in patients]) for name in patients[0]}


def volumes_mL(painted: Painted, region: Region, voxel_mm: float) -> dict[str, float]:
    """What a painted grid (numpy arrays) holds of every organ [mL]."""
    first, second, share = (np.asarray(part).ravel() for part in painted)
    count = len(region.organs)
    counts = np.bincount(first, 1.0 - share, count) + np.bincount(second, share, count)
    return dict(zip(region.organs, (counts * (voxel_mm**3 / 1000.0)).tolist()))


def figure_laws(what: str, source: str, values: np.ndarray, mean: float, sd: float | None = None) -> list[Law]:
    """Mean (within 5 % or 3 standard errors) and, if given, SD (within 20 %) of a sample against published ones."""
    error = 3.0 * float(values.std(ddof=1)) / np.sqrt(len(values))
    laws = [
        Law(f"mean {what}, {len(values)} patients", source, mean, float(values.mean()), max(0.05 * abs(mean), error))
    ]
    if sd is not None:
        laws.append(Law(f"SD of {what}, {len(values)} patients", source, sd, float(values.std(ddof=1)), 0.2 * sd))
    return laws
