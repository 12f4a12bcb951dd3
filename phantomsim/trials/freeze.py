"""A confirmatory trial is frozen before it runs: its canonical text and digest, in a file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from phantomsim.errors import TrialError
from phantomsim.spec import canonical, digest
from phantomsim.store import atomic_write_text
from phantomsim.trials.spec import Trial


def write_frozen(trial: Trial, path: Path) -> str:
    """Freeze a trial; returns its digest. Raises TrialError if the file is there already."""
    if path.exists():
        raise TrialError(f"{path} is there already; a frozen plan is never overwritten. Give another name")
    frozen = {"digest": digest(trial), "trial": json.loads(canonical(trial))}
    atomic_write_text(path, json.dumps(frozen, indent=2, sort_keys=True) + "\n")
    return frozen["digest"]


def departures(trial: Trial, path: Path) -> list[str]:
    """What differs between a trial and its frozen plan, a line each: "key: frozen X, run Y".

    Raises:
        TrialError: the file is not a frozen plan, or its text was changed after freezing.
    """
    try:
        frozen = json.loads(path.read_text())
        was, stated = Trial.model_validate_json(json.dumps(frozen["trial"])), frozen["digest"]
    except FileNotFoundError:
        raise TrialError(f"{path} is not there; write it with: phantomsim plan TRIAL --freeze {path}") from None
    except (ValueError, KeyError, TypeError) as error:
        raise TrialError(f"{path} is not a frozen plan of this version: {error}") from None
    if digest(was) != stated:
        raise TrialError(f"{path} was changed after it was frozen: its digest is {digest(was)}, it says {stated}")
    return _differences(json.loads(canonical(was)), json.loads(canonical(trial)), "")


def _differences(a: Any, b: Any, where: str) -> list[str]:
    if isinstance(a, dict) and isinstance(b, dict):
        keys = sorted(a.keys() | b.keys())
        return [line for k in keys for line in _differences(a.get(k), b.get(k), f"{where}.{k}".lstrip("."))]
    if isinstance(a, list) and isinstance(b, list) and len(a) == len(b):
        return [line for i, (x, y) in enumerate(zip(a, b)) for line in _differences(x, y, f"{where}[{i}]")]
    return [] if a == b else [f"{where}: frozen {json.dumps(a)}, run {json.dumps(b)}"]
