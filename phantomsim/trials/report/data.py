"""What a report is made of: plain values, so that it can be drawn from any run, or by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from phantomsim.trials.statistics.analyse import ArmEstimate
from phantomsim.trials.statistics.spec import Endpoint
from phantomsim.trials.statistics.verdict import Verdict


@dataclass(frozen=True)
class ArmFacts:
    """How one arm images and processes every patient, in words.

    Attributes:
        dose: what a scan costs, by unit-suffixed name (`mAs`, `CTDIvol_mGy`, `scan_time_s`); texts say how it is known.
    """

    name: str
    scanner: str = ""
    protocol: str = ""
    reconstruction: str = ""
    algorithm: str = ""
    dose: Mapping[str, float | str] = field(default_factory=dict)


@dataclass(frozen=True)
class ReaderFacts:
    """One reader and how it works; `kind` picks the text of the methods ("npw", "cho", ...)."""

    name: str
    kind: str
    settings: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class ScoreSet:
    """What one reader said of all cases of one arm.

    Attributes:
        scores: float [N]; NaN for a failed case.
        present: whether the case holds a lesion, bool [N].
    """

    reader: str
    arm: str
    scores: np.ndarray
    present: np.ndarray


@dataclass(frozen=True)
class ExampleSlice:
    """One slice of one patient in one arm.

    Attributes:
        image: the algorithm's image (or the reconstruction), [y, x], y towards anterior, x towards the right side.
        lesion: volume fraction of the lesion [y, x]; None where the patient has none.
        spacing_mm: distance of pixel centres along y, x [mm].
        window: values shown as black and white.
        unit: of values and window.
        present: whether the lesion is in this image; if not, its outline shows where it would be.
        note: what to say of the patient: lesion volume, host.
    """

    patient: int
    arm: str
    image: np.ndarray
    lesion: np.ndarray | None
    spacing_mm: tuple[float, float]
    window: tuple[float, float]
    unit: str = "HU"
    present: bool = True
    note: str = ""


@dataclass(frozen=True)
class Failure:
    """A case that an arm or reader could not finish; `count` like cases may be told as one."""

    patient: str
    arm: str
    reader: str
    message: str
    count: int = 1


@dataclass(frozen=True)
class Refusal:
    """Lesion placements that were tried and refused for one patient; `placed` says whether one was found."""

    patient: str
    refused: int
    placed: bool = True
    reason: str = ""


@dataclass(frozen=True)
class ReportData:
    """Everything that the report shows.

    Attributes:
        name, title, description: of the trial, as written.
        verdicts: in the order of the hypotheses.
        estimates: per endpoint and arm, with ROC curves.
        by_kind: the same for patients of each kind of lesion alone; empty where there is one kind.
        endpoints, arms, readers: as the trial states them.
        scores: for the distributions; may be empty.
        examples: slices; may be empty.
        failures, refusals: what went wrong; shown even when empty.
        frozen: digest of the plan that was frozen before the run; "" for a trial that was not frozen.
        departures: where the run differs from the frozen plan, in words.
        plan: what was planned, by label: patients, subjects, expected power, ...
        population: who was imaged, by label: generator, lesions, covariates, ...
        limits: what this trial cannot say, one sentence each; added to what holds for every simulation.
        provenance: versions, digests, seed, device, by label.
        command: what was run; reproduce: what to run to get the same tables again.
        specification: the whole trial as text.
    """

    name: str
    title: str
    description: str
    verdicts: Sequence[Verdict]
    estimates: Sequence[ArmEstimate]
    endpoints: Sequence[Endpoint]
    arms: Sequence[ArmFacts]
    by_kind: Mapping[str, Sequence[ArmEstimate]] = field(default_factory=dict)
    readers: Sequence[ReaderFacts] = ()
    scores: Sequence[ScoreSet] = ()
    examples: Sequence[ExampleSlice] = ()
    failures: Sequence[Failure] = ()
    refusals: Sequence[Refusal] = ()
    frozen: str = ""
    departures: Sequence[str] = ()
    plan: Mapping[str, object] = field(default_factory=dict)
    population: Mapping[str, object] = field(default_factory=dict)
    limits: Sequence[str] = ()
    provenance: Mapping[str, object] = field(default_factory=dict)
    command: str = ""
    reproduce: str = ""
    specification: str = ""
