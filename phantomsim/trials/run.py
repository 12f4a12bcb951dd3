"""Carry out a trial: plan, work through the patients, analyse, report.

This is the lowest place that touches disk, clock and processes; all below is a pure function of the trial.
"""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from phantomsim import errors
from phantomsim.algorithms.run import ensure
from phantomsim.errors import PhantomsimError, StoreError, TrialError
from phantomsim.generators.lesions import known
from phantomsim.spec import canonical, digest, read
from phantomsim.trials.executors import run_batches
from phantomsim.trials.finish import finish
from phantomsim.trials.folder import RunFolder
from phantomsim.trials.plan import PLAN_COLUMNS, make_plan
from phantomsim.trials.spec import Trial
from phantomsim.trials.statistics.analyse import Analysis

#: Called with (patients finished, patients in all, the notice of the last one).
Progress = Callable[[int, int, dict[str, Any]], None]

#: Errors that concern the whole trial, or that the next patient would most likely meet again: the first one stops
#: the run. Of others, such as a lesion without a place, a few are gathered, to be mended in one go.
HOPELESS = frozenset(
    ("SpecError", "CatalogueError", "FormatError", "TissueError", "ScannerError", "StoreError", "DiskError")
)
MOST_FAILURES = 3


@dataclass(frozen=True)
class Result:
    """A finished trial.

    Attributes:
        folder: where everything lies: results.csv, patients.csv, plan.csv, verdicts.json, report.html.
        analysis: estimates per arm, verdicts, ROC points.
    """

    trial: Trial
    folder: Path
    analysis: Analysis

    @property
    def failures(self) -> list[str]:
        """Why readings failed, one message for each; they count as their endpoint's worst value."""
        rows = RunFolder(self.folder).read_table("results.csv")
        return [row["message"] for row in rows if row["status"] != "ok"]

    @property
    def report(self) -> Path:
        """The report, a self-contained HTML page."""
        return self.folder / "report.html"


def load_trial(source: str | Path, sets: Sequence[str] = (), patients: int | None = None) -> Trial:
    """Read a trial by catalogue name or path.

    Args:
        sets: changes as on the command line, "population.patients=8".
        patients: number of patients, instead of the file's.
    Raises:
        SpecError: with every problem of the file.
    """
    more = [] if patients is None else [f"population.patients={patients}"]
    return read(source, Trial, [*sets, *more])


def run(
    trial: Trial | str | Path,
    out: Path | str | None = None,
    *,
    patients: int | None = None,
    workers: int | None = None,
    resume: bool = False,
    sets: Sequence[str] = (),
    frozen: Path | None = None,
    progress: Progress | None = None,
    source: Path | None = None,
) -> Result:
    """Carry out a trial.

    Args:
        trial: a `Trial`, a catalogue name or a path.
        out: folder of the run; default `runs/<name>`, with a number behind where that is taken.
        workers: processes; default one per processor and thread. Results do not depend on it.
        resume: go on with the run in `out` (default: the newest of this very trial under `runs/`).
        frozen: a file that `phantomsim plan --freeze` wrote; the report shows every departure from it.
        progress: called after every patient.
        source: folder where outside algorithms are looked for; default: the trial file's, else the current one.
    Raises:
        AlgorithmError: an algorithm's module or function is not there.
        SpecError, TrialError, StoreError, and what the patients' generators raise.
    """
    if not isinstance(trial, Trial):
        source = source or source_of(trial)
        trial = load_trial(trial, sets, patients)
    ready(trial, source)
    plan = make_plan(trial)
    folder = _folder(trial, out, resume)
    _start(folder, trial, resume, source)
    done = folder.done()
    todo = [left for batch in plan.batches if (left := [p for p in batch if p not in done])]
    count = workers or max(1, processors() // trial.run.threads)
    failed: list[dict[str, Any]] = []
    for notice in run_batches(folder.path, todo, count, trial.run.threads):
        if "error" in notice:
            failed.append(notice)
            if len(failed) >= MOST_FAILURES or notice["kind"] in HOPELESS:
                break
            continue
        done[notice["patient"]] = notice
        if progress:
            progress(len(done), len(plan.subjects), notice)
    if failed:
        raise _failure(failed, folder.path)
    parts = folder.done()
    folder.write_table("plan.csv", PLAN_COLUMNS, plan.rows(parts))
    analysis = finish(folder, trial, plan, parts, command=shlex.join(sys.argv), frozen=frozen)
    return Result(trial, folder.path, analysis)


def _failure(failed: Sequence[dict[str, Any]], folder: Path) -> PhantomsimError:
    """What stopped the run, of the class that it had in the worker: a line per distinct cause."""
    kinds = [getattr(errors, notice["kind"], TrialError) for notice in failed]
    lines = list(dict.fromkeys(notice["error"] for notice in failed))
    lines[-1] += f". Finished patients are kept in {folder}; mend the cause and run again with --resume"
    error: PhantomsimError = (kinds[0] if len(set(kinds)) == 1 else TrialError)("\n".join(lines))
    return error


def ready(trial: Trial, source: Path | None = None) -> None:
    """Find before the first scan what would fail in every one.

    Args:
        source: folder where outside algorithms are looked for.
    Raises:
        AlgorithmError: an algorithm's module or function is not there.
        ScannerError: a protocol asks too much of its scanner, or a reconstruction of its protocol.
        TissueError, FormatError: lesions name hosts that no patient has, or a file that is wrong or not there.
    """
    for lesions in trial.population.kinds:
        for key, error in known.wrong(lesions, trial.population.generator):
            raise type(error)(f"population.lesions: {key}: {error}")
    for arm in trial.arms:
        ensure(arm.algorithm, source)
        arm.build().check(arm.reconstruction)


def processors() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _folder(trial: Trial, out: Path | str | None, resume: bool) -> RunFolder:
    """The folder to run in; a default that is taken gets a number behind."""
    if out is not None:
        return RunFolder(Path(out))
    base = Path("runs") / trial.name
    taken = [base, *(Path(f"{base}-{i}") for i in range(2, 10_000))]
    if resume:
        ours = [p for p in taken if (p / "trial.json").is_file() and _same(p, trial)]
        if not ours:
            raise TrialError(f"nothing to resume: no run of this very trial under {base.parent}/; give --out")
        return RunFolder(max(ours, key=lambda p: (p / "trial.json").stat().st_mtime))
    return RunFolder(next(p for p in taken if not p.exists()))


def _same(path: Path, trial: Trial) -> bool:
    try:
        return (path / "trial.json").read_text() == canonical(trial) + "\n"
    except OSError:
        return False


def source_of(trial: str | Path) -> Path | None:
    """The folder of a trial's file; None for a name in the catalogue."""
    return Path(trial).resolve().parent if Path(trial).is_file() else None


def _start(folder: RunFolder, trial: Trial, resume: bool, source: Path | None) -> None:
    """Make the folder, or check that it is this trial's."""
    if (folder.path / "trial.json").exists():
        if not resume:
            raise StoreError(f"{folder.path} already holds a run; give another --out, or --resume to go on with it")
        if not _same(folder.path, trial):
            was = digest(folder.trial())[:12]
            raise StoreError(
                f"{folder.path} holds another trial (digest {was}, now {digest(trial)[:12]}); resume with the same "
                "file and --set, or give another --out"
            )
        return
    if folder.path.exists() and not folder.untouched():
        raise StoreError(f"{folder.path} exists and is not a run's folder; give another --out")
    folder.write_trial(trial, source)


def analyse_again(path: Path, frozen: Path | None = None) -> Result:
    """Analyse a finished run once more and write its tables and report again.

    Raises:
        StoreError, TrialError: it is not the folder of a run, or not all patients are done.
    """
    folder = RunFolder(path)
    trial = folder.trial()
    plan = make_plan(trial)
    command = shlex.join(sys.argv)
    return Result(trial, path, finish(folder, trial, plan, folder.done(), command=command, frozen=frozen))
