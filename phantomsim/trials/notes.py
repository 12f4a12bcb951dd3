"""What of a made patient is not as was asked, in words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from phantomsim.phantom import Phantom

DRAWN, ASKED = "drawn_", "asked_"  # before the name of a covariate: what was painted of it; what it was asked to be
CLOSE = 0.05  # share by which a volume may differ


def notes(phantom: Phantom) -> Iterator[str]:
    """A line for each thing: organs without room, lesions that were left out, mass effects that fold the anatomy."""
    subject, provenance = phantom.facts.subject, phantom.facts.provenance
    for line in (*_organs(phantom.facts.covariates), *_lesions(provenance)):
        yield f"{subject}: {line}"


def _organs(covariates: Any) -> Iterator[str]:
    for name, found in covariates.items():
        if not name.endswith("_mL"):
            continue
        drawn = name.startswith(DRAWN)
        asked = covariates.get(name.removeprefix(DRAWN) if drawn else ASKED + name)
        if asked and abs(found / asked - 1.0) > CLOSE:
            organ = name.removeprefix(DRAWN).removesuffix("_mL").replace("_", " ")
            why = "its neighbours leave it no more room" if drawn else "voxels may be too wide for it"
            yield f"{organ} of {found:.4g} mL where {asked:.4g} mL were asked for: {why}"


def _lesions(provenance: Any) -> Iterator[str]:
    if skipped := provenance.get("skipped_lesions", 0):
        rules = ", ".join(f"{rule} {n} times" for rule, n in provenance["refused_by_rule"].items())
        total = skipped + len(provenance["lesions"])
        yield f"{skipped} of {total} lesions left out, for want of a place (refused by: {rules})"
    for number, lesion in enumerate(provenance.get("lesions", ()), 1):
        least = lesion.get("least_jacobian", 1.0)
        if least <= 0.0:
            yield (
                f"the mass effect of lesion {number} folds the anatomy (least Jacobian {least:.2g}): its voxels are "
                "too wide for it; make smaller ones"
            )
