"""Evidence: the laws of every part, measured."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator

from phantomsim.laws import Law

PARTS = {
    "materials": "phantomsim.materials.laws",
    "ct": "phantomsim.scanners.ct.laws",
    "mr": "phantomsim.scanners.mr.laws",
    "anatomy": "phantomsim.generators.laws",
    "lesions": "phantomsim.generators.lesions.laws",
    "statistics": "phantomsim.trials.statistics.laws",
}


def measure(
    part: str = "all",
    patients: int = 200,
    placements: int = 12,
    progress: Callable[[str], None] = lambda step: None,
) -> Iterator[tuple[str, list[Law]]]:
    """Measure the laws of one part, or of all; yields (part, laws).

    Args:
        patients: how many are sampled of every region of the anatomy.
        placements: lesions of each kind for which rules are looked at.
        progress: told which part is measured when it begins.

    Raises:
        KeyError: no such part.
    """
    options = {"anatomy": {"patients": patients}, "lesions": {"placements": placements}}
    names = list(PARTS) if part == "all" else [part]
    for number, name in enumerate(names, 1):
        progress(f"Measuring {name}, part {number} of {len(names)}")
        yield name, importlib.import_module(PARTS[name]).laws(**options.get(name, {}))
