"""From finished patients to tables, verdicts and the report."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from phantomsim.errors import TrialError
from phantomsim.spec import digest
from phantomsim.store import atomic_write_text
from phantomsim.trials.folder import RESULT_COLUMNS, RunFolder
from phantomsim.trials.freeze import departures
from phantomsim.trials.groups import by_kind
from phantomsim.trials.plan import Plan
from phantomsim.trials.provenance import provenance
from phantomsim.trials.readers import read as reading
from phantomsim.trials.readers.spec import Reader
from phantomsim.trials.report.assemble import assemble
from phantomsim.trials.report.render import render
from phantomsim.trials.spec import Trial
from phantomsim.trials.statistics.analyse import Analysis, analyse

PATIENT_COLUMNS = (
    *("patient", "subject", "kind", "tissue", "host", "volume_mL", "x_mm", "y_mm", "z_mm", "midline_shift_mm"),
    *("refused", "covariates"),
)


def finish(
    folder: RunFolder,
    trial: Trial,
    plan: Plan,
    parts: Mapping[int, Mapping[str, Any]],
    command: str = "",
    frozen: Path | None = None,
) -> Analysis:
    """Analyse all parts and write results.csv, patients.csv, verdicts.json, provenance.json and report.html.

    Raises:
        TrialError: patients are missing.
    """
    missing = [p for p in range(len(plan.subjects)) if p not in parts]
    if missing:
        raise TrialError(
            f"{folder.path}: {len(missing)} patients are not done, the first is {missing[0]}; use --resume"
        )
    ordered = [parts[p] for p in range(len(plan.subjects))]
    rows = score_rows(trial, ordered)
    analysis = analyse(rows, trial.endpoints, trial.hypotheses, [a.name for a in trial.arms])
    groups = by_kind(trial, rows)
    facts = provenance(trial, command)
    left = departures(trial, frozen) if frozen else []
    was = str(json.loads(frozen.read_text())["digest"]) if frozen else ""
    folder.write_table("results.csv", RESULT_COLUMNS, rows)
    folder.write_table("patients.csv", PATIENT_COLUMNS, [row for part in ordered for row in _patient_rows(part)])
    verdicts = {
        "trial": trial.name,
        "digest": digest(trial),
        "verdicts": [v.row() for v in analysis.verdicts],
        "estimates": [e.row() for e in analysis.estimates],
        "by_kind": {kind: [e.row() for e in estimates] for kind, estimates in groups.items()},
        "departures": left,
    }
    _write_json(folder.path / "verdicts.json", verdicts)
    _write_json(folder.path / "provenance.json", facts)
    data = assemble(trial, plan, ordered, rows, analysis, folder.pictures(), facts, left, was, groups)
    atomic_write_text(folder.path / "report.html", render(data))
    return analysis


def score_rows(trial: Trial, parts: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """One row per case x arm x reader in plan order; trained readers are cross-fitted over all patients here."""
    rows = [
        {"patient": part["patient"], "subject": part["subject"], **row, "message": row.get("message", "")}
        for part in parts
        for row in part["rows"]
    ]
    for reader in trial.readers:
        if reader.trained:
            for arm in trial.arms:
                mine = [r for r in rows if r["reader"] == reader.name and r["arm"] == arm.name]
                _train(reader, mine, trial.seed, arm.name)
    return rows


def _train(reader: Reader, rows: list[dict[str, Any]], seed: int, arm: str) -> None:
    """Fill in the scores of a trained reader in one arm; all fail if it cannot be trained."""
    size = max((len(r["features"]) for r in rows if "features" in r), default=1)
    features = np.array([r.get("features", [np.nan] * size) for r in rows])
    present = np.array([bool(r["present"]) for r in rows])
    try:
        scores = reading.finish(reader, features, present, [r["subject"] for r in rows], seed, arm)
    except TrialError as error:
        for row in rows:
            if row["status"] == "ok":  # what failed before keeps its own reason
                row.update(status="failed", message=str(error))
        return
    for row, score in zip(rows, scores):
        if row["status"] == "ok":
            row["score"] = float(score)


def _patient_rows(part: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A row per lesion; one without a lesion for a healthy patient."""
    shared = {
        "patient": part["patient"],
        "subject": part["subject"],
        "refused": json.dumps(part["refused"], sort_keys=True),
        "covariates": json.dumps(part["covariates"], sort_keys=True),
    }
    return [shared | lesion for lesion in part["lesions"]] or [shared]


def _write_json(path: Path, value: Any) -> None:
    atomic_write_text(path, json.dumps(value, indent=2, sort_keys=True, default=str) + "\n")
