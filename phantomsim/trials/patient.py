"""One patient through all arms: the unit of work of a trial."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from phantomsim.errors import TrialError
from phantomsim.phantom import Phantom
from phantomsim.trials.case import Case, Imaging
from phantomsim.trials.readers.read import Reading, read
from phantomsim.trials.readers.spec import Reader
from phantomsim.trials.spec import Trial


def simulate_patient(
    trial: Trial, patient: int, folder: Path | None = None
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """All arms of one patient, with the lesion and without, read by all readers.

    Args:
        folder: where outside algorithms are looked for; None: the current folder.
    Returns:
        A part: plain values for JSON (patient, subject, lesions, covariates, refused placements, rows); and the
        arrays of the report's pictures (empty but for the first patients).
    """
    imaging = Imaging.of(trial, patient, folder=folder)
    if trial.population.kinds and not imaging.phantom.lesions:
        # No place for the lesion, in any arm alike: the patient is left out and the report counts it.
        return _facts(imaging.phantom, patient) | {"rows": [], "dose": {}}, {}
    rows: list[dict[str, Any]] = []
    pictures: dict[str, np.ndarray] = {}
    for number, arm in enumerate(trial.arms):
        for present in (True, False) if imaging.phantom.lesions else (False,):
            case = imaging.case(arm, present)
            rows += [_row(reader, case) for reader in trial.readers if reader.reads(present)]
            if patient < trial.run.examples:
                pictures |= _picture(case, f"{number}-{int(present)}")
    return _facts(imaging.phantom, patient) | {"rows": rows, "dose": _doses(trial, imaging)}, pictures


def _row(reader: Reader, case: Case) -> dict[str, Any]:
    """One score, or what stands for it: features of a trained reader, or why there is none."""
    row: dict[str, Any] = {"present": int(case.present), "arm": case.arm, "reader": reader.name}
    if case.output is None:
        return row | {"status": "failed", "message": case.failure}
    reading = Reading(
        image=case.output.image if case.output.image is not None else np.asarray(case.image.values),
        spacing_mm=tuple(float(s) for s in case.image.grid.spacing_mm),  # type: ignore[arg-type]
        noise_free=np.asarray(case.noise_free.values),
        template=case.template,
        lesion_fraction=case.lesion_fraction,
        present=case.present,
        mask=case.output.mask,
        score=case.output.score,
    )
    try:
        value = read(reader, reading)
    except TrialError as error:
        return row | {"status": "failed", "message": str(error)}
    if reader.trained:
        return row | {"status": "ok", "features": np.asarray(value, float).tolist()}
    return row | {"status": "ok", "score": float(value)}


def _facts(phantom: Phantom, patient: int) -> dict[str, Any]:
    told: Any = phantom.facts.provenance.get("lesions") or [{}] * len(phantom.lesions)
    lesions = [
        dict(more)
        | {
            "kind": s.kind,
            "host": s.host,
            "tissue": s.tissue,
            "volume_mL": float(s.volume_mL),
            **{f"{axis}_mm": float(c) for axis, c in zip("xyz", s.centre_mm)},
        }
        for s, more in zip(phantom.lesions, told, strict=True)
    ]
    facts = phantom.facts
    return {
        "patient": patient,
        "subject": facts.subject,
        "covariates": dict(facts.covariates),
        "refused": facts.provenance.get("refused_by_rule", {}),
        "lesions": lesions,
    }


def _doses(trial: Trial, imaging: Imaging) -> dict[str, Any]:
    return {arm.name: imaging.dose(arm) for arm in trial.arms}


def _picture(case: Case, name: str) -> dict[str, np.ndarray]:
    """The slice through the lesion's fullest place (or the middle), as float32, with the lesion's fraction."""
    fraction = case.lesion_fraction
    z = int(np.argmax(fraction.sum(axis=(1, 2)))) if fraction.max() > 0 else fraction.shape[0] // 2
    image = case.output.image if case.output is not None and case.output.image is not None else case.image.values
    return {
        f"image-{name}": np.asarray(image[z], np.float32),
        f"lesion-{name}": np.asarray(fraction[z], np.float32),
        f"spacing-{name}": np.asarray([float(s) for s in case.image.grid.spacing_mm[1:]]),
    }
