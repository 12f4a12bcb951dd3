"""Contrast agent: iodine in the tissues of a patient, as in a phase of enhancement."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from phantomsim.generators.contrast_spec import NATIVE, body_iodine
from phantomsim.phantom import Facts, Phantom


def enhanced(phantom: Phantom, iodine_mg_per_mL: Mapping[str, float]) -> Phantom:
    """The patient with contrast agent in some tissues, by name; others stay. With lesions or without, twins alike."""
    tissues = tuple(_with(t, iodine_mg_per_mL) for t in phantom.tissues)
    lesions = tuple(dataclasses.replace(s, tissue=_with(s.tissue, iodine_mg_per_mL)) for s in phantom.lesions)
    return dataclasses.replace(phantom, tissues=tissues, lesions=lesions)


def in_phase(phantom: Phantom, phase: str) -> Phantom:
    """A healthy patient in a phase of the catalogue, such as "portal-venous"; told in its provenance.

    Raises:
        CatalogueError: no such phase.
    """
    return phantom if phase == NATIVE else _told(enhanced(phantom, body_iodine(phase)), phase)


def phase_of(phantom: Phantom) -> str:
    """The phase that a patient was put into."""
    return str(phantom.facts.provenance.get("phase", NATIVE))


def unenhanced(phantom: Phantom) -> Phantom:
    """The patient before `in_phase`."""
    if phase_of(phantom) == NATIVE:
        return phantom
    before = {_with(t, iodine): t for iodine in [body_iodine(phase_of(phantom))] for t in iodine}
    tissues = tuple(before.get(t, t) for t in phantom.tissues)
    return _told(dataclasses.replace(phantom, tissues=tissues), NATIVE)


def _told(phantom: Phantom, phase: str) -> Phantom:
    facts = phantom.facts
    facts = Facts(facts.subject, facts.covariates, facts.provenance | {"phase": phase})
    return dataclasses.replace(phantom, facts=facts)


def _with(tissue: str, iodine_mg_per_mL: Mapping[str, float]) -> str:
    amount = iodine_mg_per_mL.get(tissue, 0.0)
    return f"iodine-{tissue}-{amount:g}" if amount else tissue
