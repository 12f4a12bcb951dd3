"""The plan: who is imaged in which batch, what it will cost, and what the trial can hope to show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from phantomsim.trials.population import subject_names
from phantomsim.trials.spec import Trial

PLAN_COLUMNS = ("patient", "batch", "subject", "estimated_s", "measured_s", "peak_MiB")


@dataclass(frozen=True)
class Plan:
    """Batches are fixed here, so that tables do not depend on who works through them.

    Attributes:
        subjects: source subject of every patient; clusters of the statistics.
        batches: patients by batch; a worker takes whole batches.
        cases: images to be read: patients x (with and without lesion) x arms.
    """

    trial: Trial
    subjects: tuple[str, ...]
    batches: tuple[tuple[int, ...], ...]

    @property
    def cases(self) -> int:
        """Images to be read."""
        twins = 2 if self.trial.population.kinds else 1
        return len(self.subjects) * twins * len(self.trial.arms)

    def rows(self, parts: dict[int, dict[str, Any]], seconds_per_patient: float | None = None) -> list[dict[str, Any]]:
        """The rows of plan.csv; measured columns are filled for finished patients."""
        size = self.trial.run.batch
        return [
            {
                "patient": patient,
                "batch": patient // size,
                "subject": subject,
                "estimated_s": seconds_per_patient,
                "measured_s": parts.get(patient, {}).get("seconds"),
                "peak_MiB": parts.get(patient, {}).get("peak_MiB"),
            }
            for patient, subject in enumerate(self.subjects)
        ]


def make_plan(trial: Trial) -> Plan:
    """Fix the batches of a trial.

    Raises:
        GeneratorError: the generator's sources are not there.
    """
    subjects = tuple(subject_names(trial.population))
    size = trial.run.batch
    batches = tuple(tuple(range(i, min(i + size, len(subjects)))) for i in range(0, len(subjects), size))
    return Plan(trial, subjects, batches)
