"""What a trial found for each kind of lesion, where patients have several kinds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from phantomsim.errors import TrialError
from phantomsim.generators.lesions.spec import Lesions
from phantomsim.trials.spec import Population, Trial
from phantomsim.trials.statistics.analyse import ArmEstimate, analyse


def title(lesions: Lesions) -> str:
    """What a table calls patients with these lesions: their kind, and whether its mass effect is left out."""
    off = not lesions.mass_effect and not isinstance(lesions.kind, str) and lesions.kind.mass_effect is not None
    return f"{lesions.name}, without mass effect" if off else lesions.name


def titles(population: Population) -> tuple[str, ...]:
    """The groups of a population in the order of its entries, each once."""
    return tuple(dict.fromkeys(title(lesions) for lesions in population.kinds))


def by_kind(trial: Trial, rows: Sequence[Mapping[str, Any]]) -> dict[str, tuple[ArmEstimate, ...]]:
    """Estimates per endpoint and arm in each group alone; nothing where all patients have one kind.

    Trained readers have learnt from patients of all kinds. Groups that are too small for an estimate are left out.
    """
    kinds, found = titles(trial.population), {}
    if len(kinds) < 2:
        return {}
    entries = [title(lesions) for lesions in trial.population.kinds]
    for kind in kinds:
        mine = [dict(row) for row in rows if entries[int(row["patient"]) % len(entries)] == kind]
        try:
            found[kind] = analyse(mine, trial.endpoints, (), [arm.name for arm in trial.arms]).estimates
        except TrialError:
            continue
    return found
