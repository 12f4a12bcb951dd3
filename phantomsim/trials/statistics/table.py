"""From rows of results to arrays: one row per arm, one column per case."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from phantomsim.errors import TrialError
from phantomsim.trials.statistics.auc import Bools, Floats

Row = Mapping[str, Any]
_TRUE, _FALSE = {"1", "true", "1.0"}, {"0", "false", "0.0"}


@dataclass(frozen=True)
class Scores:
    """What one reader said of all cases.

    Attributes:
        arms: names [R].
        scores: [R, N], NaN where failed.
        failed: which have no usable score: status is not "ok", score missing or not finite, or no row [R, N].
        present: which cases hold a lesion [N].
        subjects: source subject of every case [N].
    """

    arms: tuple[str, ...]
    scores: Floats
    failed: Bools
    present: Bools
    subjects: np.ndarray


def scores_of(rows: Iterable[Row], reader: str, arms: Iterable[str] | None = None) -> Scores:
    """Gather the scores of one reader; a case that any arm lacks counts as failed in that arm.

    Args:
        rows: with keys patient, subject, present, arm, reader, score and status (optional; "" and "ok" are fine);
            values may be text as csv gives it.
        reader: name.
        arms: which arms in which order; as they first appear if None.
    Raises:
        TrialError: no row of that reader, a case twice, two subjects for one patient, an unreadable value.
    """
    mine = [row for row in rows if row["reader"] == reader]
    if not mine:
        raise TrialError(f'no result of reader "{reader}"; it must be among the trial\'s readers and have run')
    names = tuple(arms) if arms is not None else tuple(dict.fromkeys(str(r["arm"]) for r in mine))
    keys = [(str(row["patient"]), _flag(row["present"])) for row in mine]
    cases = {key: column for column, key in enumerate(dict.fromkeys(keys))}
    scores = np.full((len(names), len(cases)), np.nan)
    seen = np.zeros(scores.shape, bool)
    subjects: dict[str, str] = {}
    for key, row in zip(keys, mine):
        if subjects.setdefault(key[0], str(row["subject"])) != str(row["subject"]):
            raise TrialError(f"patient {key[0]} has two subjects: {subjects[key[0]]} and {row['subject']}")
        if str(row["arm"]) not in names:
            continue
        at = names.index(str(row["arm"])), cases[key]
        if seen[at]:
            raise TrialError(f'patient {key[0]} (present {key[1]}) is twice in arm "{row["arm"]}", reader "{reader}"')
        seen[at], scores[at] = True, _score(row)
    return Scores(
        arms=names,
        scores=scores,
        failed=~np.isfinite(scores),
        present=np.array([key[1] for key in cases]),
        subjects=np.array([subjects[key[0]] for key in cases]),
    )


def _flag(value: Any) -> bool:
    text = str(value).strip().lower()
    if text not in _TRUE | _FALSE:
        raise TrialError(f'present is "{value}"; must be one of true, false, 1, 0')
    return text in _TRUE


def _score(row: Row) -> float:
    """The score, NaN if the case failed."""
    score = row.get("score")
    if str(row.get("status") or "ok") != "ok" or score is None or str(score).strip() == "":
        return math.nan
    try:
        value = float(score)
    except (TypeError, ValueError):
        raise TrialError(f'score "{score}" of patient {row["patient"]} is not a number') from None
    return value if math.isfinite(value) else math.nan
