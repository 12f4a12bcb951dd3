"""The folder of a run: what lies where, and how it is read back."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from phantomsim.errors import StoreError
from phantomsim.spec import canonical
from phantomsim.store import atomic_write_bytes, atomic_write_text, writing
from phantomsim.trials.spec import Trial

RESULT_COLUMNS = ("patient", "subject", "present", "arm", "reader", "score", "status", "message")


class RunFolder:
    """Paths of a run.

    trial.json   the trial with every reference resolved (canonical text)
    source.txt   the folder that its file came from
    plan.csv     a row per patient: batch, subject, estimated and, once run, measured cost
    parts/       a JSON file per finished patient
    pictures/    arrays of the patients shown in the report
    results.csv, patients.csv, verdicts.json, report.html, provenance.json
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def part(self, patient: int) -> Path:
        """The file of one finished patient."""
        return self.path / "parts" / f"patient-{patient:06d}.json"

    def trial(self) -> Trial:
        """The trial that is run here. Raises StoreError if there is none."""
        return _trial(self.path / "trial.json")

    def source(self) -> Path | None:
        """The folder that the trial's file came from, where outside algorithms are looked for."""
        file = self.path / "source.txt"
        return Path(file.read_text().strip()) if file.is_file() else None

    def write_trial(self, trial: Trial, source: Path | None = None) -> None:
        """Write the resolved trial, and the folder that its file came from."""
        with writing(self.path):
            (self.path / "parts").mkdir(parents=True, exist_ok=True)
        if source is not None:
            atomic_write_text(self.path / "source.txt", f"{source.resolve()}\n")
        atomic_write_text(self.path / "trial.json", canonical(trial) + "\n")

    def untouched(self) -> bool:
        """Whether nothing lies here but what a run leaves that could not even begin, on a full disk say."""
        return self.path.is_dir() and all(
            p.name == "source.txt" or (p.name == "parts" and p.is_dir() and not any(p.iterdir()))
            for p in self.path.iterdir()
        )

    def done(self) -> dict[int, dict[str, Any]]:
        """Every finished patient's part, by number; unreadable parts count as not done."""
        parts = {}
        for file in sorted((self.path / "parts").glob("patient-*.json")):
            try:
                part = json.loads(file.read_text())
                parts[int(part["patient"])] = part
            except (ValueError, KeyError, TypeError):
                continue
        return parts

    def write_pictures(self, patient: int, arrays: Mapping[str, np.ndarray]) -> None:
        """Keep arrays that the report shows (.npz, no pickle)."""
        buffer = io.BytesIO()
        np.savez_compressed(buffer, allow_pickle=False, **arrays)  # type: ignore[arg-type]
        atomic_write_bytes(self.path / "pictures" / f"patient-{patient:06d}.npz", buffer.getvalue())

    def pictures(self) -> dict[int, dict[str, np.ndarray]]:
        """Arrays that the report shows, by patient."""
        found = {}
        for file in sorted((self.path / "pictures").glob("patient-*.npz")):
            with np.load(file, allow_pickle=False) as data:
                found[int(file.stem.split("-")[1])] = dict(data)
        return found

    def write_table(self, name: str, columns: Iterable[str], rows: Iterable[Mapping[str, Any]]) -> None:
        """Write a CSV table; floats by `repr`, so that they read back exactly; None is empty."""
        buffer = io.StringIO()
        writer = csv.DictWriter(buffer, list(columns), lineterminator="\n", restval="", extrasaction="ignore")
        writer.writeheader()
        writer.writerows({k: "" if v is None else v for k, v in row.items()} for row in rows)
        atomic_write_text(self.path / name, buffer.getvalue())

    def read_table(self, name: str) -> list[dict[str, str]]:
        """Read a CSV table. Raises StoreError if it is not there."""
        try:
            with open(self.path / name, newline="") as file:
                return list(csv.DictReader(file))
        except FileNotFoundError:
            raise StoreError(f"{self.path / name} is not there; is {self.path} the folder of a finished run?") from None


@lru_cache(maxsize=4)
def _trial(file: Path) -> Trial:
    try:
        return Trial.model_validate_json(file.read_text())
    except FileNotFoundError:
        raise StoreError(f"{file} is not there; {file.parent} is not the folder of a run") from None
    except ValueError as error:
        raise StoreError(f"{file} is not a trial that this version can read: {error}") from None
