"""Contrast agent: iodine in the tissues of a patient, as in a phase of enhancement."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from phantomsim import catalogue, spec
from phantomsim.phantom import Facts, Phantom
from phantomsim.spec import Catalogued, Spec

FOLDER = "generators/phases"
NATIVE = "native"

#: Iodine by tissue [mg/mL].
Iodine = dict[str, Annotated[float, Field(ge=0.0, le=40.0)]]


class Phase(Spec):
    """A phase of enhancement of a healthy body, a file of `generators/phases`.

    Attributes:
        iodine_mg_per_mL: in tissues by name [mg/mL]; those that a phantom does not have do not matter.
    """

    kind: Literal["phase"] = "phase"
    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$", max_length=80)]
    description: str = ""
    iodine_mg_per_mL: Iodine
    source: str = ""


def names() -> list[str]:
    """Phases of the catalogue; "native", without contrast agent, comes before them."""
    return [NATIVE, *catalogue.names(FOLDER)]


def _known(phase: str) -> str:
    if phase not in (known := names()):
        raise ValueError(f'phase "{phase}" is none of {", ".join(known)}')
    return phase


#: What a generator says of its patients: "native" or a phase of the catalogue.
PhaseName = Annotated[str, AfterValidator(_known)]


def body_iodine(phase: str) -> dict[str, float]:
    """Iodine in a healthy body [mg/mL] by tissue; none in the native phase. Raises CatalogueError: no such phase."""
    if phase == NATIVE:
        return {}
    return dict(spec.read(phase, Annotated[Phase, Catalogued(FOLDER)]).iodine_mg_per_mL)


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
