"""From a finished trial to what its report shows."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tomli_w
from scipy import ndimage

from phantomsim.algorithms.run import title
from phantomsim.spec import Spec
from phantomsim.trials.plan import Plan
from phantomsim.trials.report import words
from phantomsim.trials.report.data import (
    ArmFacts,
    ExampleSlice,
    Failure,
    ReaderFacts,
    Refusal,
    ReportData,
    ScoreSet,
)
from phantomsim.trials.spec import Arm, Trial
from phantomsim.trials.statistics.analyse import Analysis, ArmEstimate

#: Level -600, width 1500 HU, as lungs are read (unverified); used where a lesion is surrounded by less than this.
LUNG_WINDOW_HU, LUNG_BELOW_HU = (-1350.0, 150.0), -400.0

Parts = Sequence[Mapping[str, Any]]


def assemble(
    trial: Trial,
    plan: Plan,
    parts: Parts,
    rows: Sequence[Mapping[str, Any]],
    analysis: Analysis,
    pictures: Mapping[int, Mapping[str, np.ndarray]],
    provenance: Mapping[str, Any],
    departures: Sequence[str] = (),
    frozen: str = "",
    by_kind: Mapping[str, Sequence[ArmEstimate]] | None = None,
) -> ReportData:
    """Gather what `render` needs; see `ReportData`. `frozen` is the digest of the frozen plan, "" without one."""
    return ReportData(
        name=trial.name,
        title=trial.title or trial.name,
        description=trial.description,
        verdicts=analysis.verdicts,
        estimates=analysis.estimates,
        by_kind=by_kind or {},
        endpoints=trial.endpoints,
        arms=[_arm(arm, parts, trial) for arm in trial.arms],
        readers=[ReaderFacts(r.name, r.kind, r.model_dump(exclude={"name", "kind"})) for r in trial.readers],
        scores=[_scores(rows, reader.name, arm.name) for reader in trial.readers for arm in trial.arms],
        examples=examples(trial, parts, pictures),
        failures=_failures(rows),
        refusals=_refusals(parts),
        frozen=frozen,
        departures=departures,
        plan={
            "patients": len(plan.subjects),
            "source subjects": len(set(plan.subjects)),
            "cases": plan.cases,
            "batches": len(plan.batches),
        },
        population=_population(trial, parts),
        provenance={k: v for k, v in provenance.items() if k != "command"},
        command=str(provenance.get("command", "")),
        reproduce=_again(provenance),
        specification=as_toml(trial),
    )


def _arm(arm: Arm, parts: Parts, trial: Trial) -> ArmFacts:
    dose: dict[str, Any] = next((part["dose"][arm.name] for part in parts if part["dose"]), {})
    return ArmFacts(
        name=arm.name,
        scanner=arm.scanner.name,
        protocol=_settings(arm.protocol, [a.protocol for a in trial.arms]),
        reconstruction=_settings(arm.reconstruction, [a.reconstruction for a in trial.arms]),
        algorithm=title(arm.algorithm),
        dose=dose,
    )


def _settings(spec: Spec, others: Sequence[Spec]) -> str:
    """What a protocol or reconstruction says: what must be said, and what any arm sets besides its default."""
    fields = {name: field for name, field in type(spec).model_fields.items() if name != "description"}
    alike = [other for other in others if type(other) is type(spec)]
    told = [k for k, f in fields.items() if f.is_required() or any(getattr(o, k) != f.default for o in alike)]
    values = {name: getattr(spec, name) for name in told or fields}
    return ", ".join(words.setting(name, value) for name, value in values.items() if value is not None)


def as_toml(trial: Trial) -> str:
    """The trial as a file that needs no catalogue: every reference resolved, every value told."""
    return tomli_w.dumps(_without_none(trial.model_dump(mode="json")))


def _without_none(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _without_none(v) for k, v in value.items() if v is not None}
    return [_without_none(v) for v in value] if isinstance(value, list) else value


def _again(provenance: Mapping[str, Any]) -> str:
    pins = " ".join(f"{name}=={provenance[name]}" for name in ("phantomsim", "jax", "numpy") if name in provenance)
    return (
        "# Save the whole specification (above, under Plan) as trial.toml. Tables are the same byte for byte on the\n"
        f"# same kind of device with the versions listed here ({pins}, Python {provenance.get('python', '')}).\n"
        "phantomsim run trial.toml --out again"
    )


def _scores(rows: Sequence[Mapping[str, Any]], reader: str, arm: str) -> ScoreSet:
    mine = [r for r in rows if r["reader"] == reader and r["arm"] == arm]
    return ScoreSet(
        reader, arm, np.array([r.get("score", math.nan) for r in mine]), np.array([bool(r["present"]) for r in mine])
    )


def examples(
    trial: Trial, parts: Parts | Mapping[int, Mapping[str, Any]], pictures: Mapping[int, Mapping[str, np.ndarray]]
) -> list[ExampleSlice]:
    """Slices of the first patients, with the lesion, in every arm; all arms of one unit share a window."""
    slices = []
    present = 1 if trial.population.kinds else 0
    for patient, arrays in sorted(pictures.items()):
        first = [arrays[f"image-{n}-{present}"] for n, arm in enumerate(trial.arms) if f"image-{n}-{present}" in arrays]
        lesion = next(iter(parts[patient]["lesions"]), None)
        note = _note(lesion) if lesion else ""
        for n, arm in enumerate(trial.arms):
            name = f"{n}-{present}"
            if f"image-{name}" not in arrays:
                continue
            fraction = arrays[f"lesion-{name}"]
            slices.append(
                ExampleSlice(
                    patient=patient,
                    arm=arm.name,
                    image=arrays[f"image-{name}"],
                    lesion=fraction if fraction.max() > 0 else None,
                    spacing_mm=tuple(arrays[f"spacing-{name}"].tolist()),
                    window=_window(first, fraction, arm),
                    unit="HU" if arm.scanner.kind == "ct" else "",
                    present=bool(present),
                    note=note,
                )
            )
    return slices


def _note(lesion: Mapping[str, Any]) -> str:
    where = f"{lesion['volume_mL']:.2g} mL in {lesion['host']}"
    return where if lesion["kind"] == "star" else f"{lesion['kind']}, {where}"


def _window(images: Sequence[np.ndarray], lesion: np.ndarray, arm: Arm) -> tuple[float, float]:
    """Black and white: for CT 160 HU about the soft tissue's median, or the lung's window; for MR up to the 99.5th
    percentile."""
    values = images[0]
    if arm.scanner.kind != "ct":
        return 0.0, float(np.percentile(values, 99.5))
    around = ndimage.binary_dilation(lesion > 0, iterations=3) & (lesion == 0)
    if around.any() and np.median(values[around]) < LUNG_BELOW_HU:
        return LUNG_WINDOW_HU
    soft = values[(values > -30) & (values < 120)]
    middle = round(float(np.median(soft)), -1) if soft.size else 40.0
    return middle - 80.0, middle + 80.0


def _failures(rows: Sequence[Mapping[str, Any]]) -> list[Failure]:
    """Failed readings, those of one patient, arm and message told as one."""
    failed = Counter((str(r["patient"]), r["arm"], r["reader"], r["message"]) for r in rows if r["status"] != "ok")
    return [Failure(*key, count=count) for key, count in failed.items()]


def _refusals(parts: Parts) -> list[Refusal]:
    return [
        Refusal(str(part["patient"]), _count(part["refused"]), bool(part["lesions"]), _reasons(part["refused"]))
        for part in parts
        if _count(part["refused"])
    ]


def _count(refused: Any) -> int:
    return sum(refused.values()) if isinstance(refused, dict) else int(refused)


def _reasons(refused: Any) -> str:
    return ", ".join(f"{why}: {n}" for why, n in refused.items() if n) if isinstance(refused, dict) else ""


def _population(trial: Trial, parts: Parts) -> dict[str, Any]:
    lesions = [lesion for part in parts for lesion in part["lesions"]]
    facts: dict[str, Any] = {"generator": trial.population.generator.name or trial.population.generator.kind}
    if lesions:
        volumes = np.array([lesion["volume_mL"] for lesion in lesions])
        count = Counter(f"{lesion['kind']} of {lesion['tissue']}" for lesion in lesions)
        facts["lesions"] = ", ".join(f"{n} {what}" for what, n in count.items())
        facts["lesion volume"] = f"{volumes.min():.3g} to {volumes.max():.3g} mL, median {np.median(volumes):.3g} mL"
    return facts
