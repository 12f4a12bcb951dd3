"""Distributions of scores: with the lesion above the line, without it below."""

from __future__ import annotations

import numpy as np
from markupsafe import Markup

from phantomsim.trials.report.data import ReportData, ScoreSet
from phantomsim.trials.report.figures.svg import Drawing, Scale, axis_below, line, picture, tag, text
from phantomsim.trials.statistics.spec import Endpoint

WIDTH, LEFT, HEIGHT = 960.0, 300.0, 84.0
MOST_BINS = 40


def draw(data: ReportData, endpoint: Endpoint) -> Drawing:
    """A mirrored histogram per arm on one common scale."""
    sets = [s for s in data.scores if s.reader == endpoint.reader]
    finite = np.concatenate([s.scores[np.isfinite(s.scores)] for s in sets]) if sets else np.zeros(0)
    scale = Scale.around([float(v) for v in finite], LEFT, WIDTH - 10, pad=0.02)
    edges = np.linspace(scale.low, scale.high, _bins(finite.size) + 1)
    twins = any(not np.asarray(s.present, bool).all() for s in sets)
    tallest = max((_counts(s, edges, p).max() for s in sets for p in (True, False)), default=1) or 1
    bottom = 8 + HEIGHT * max(len(sets), 1)
    parts: list[Markup] = axis_below(scale, bottom, 8, f"score of {endpoint.reader}")
    for number, scores in enumerate(sets):
        base = 8 + HEIGHT * (number + (0.5 if twins else 0.9))
        parts += _arm(scores, edges, scale, base, HEIGHT * (0.43 if twins else 0.8) / tallest)
    how = "cases with the lesion above each line, without it below; " if twins else ""
    caption = (
        f"Scores of reader {endpoint.reader}: {how}ticks mark medians; the tallest bar is {tallest} "
        f"case{'s' if tallest > 1 else ''}. Failed cases are not drawn."
    )
    label = f"Histograms of the scores of {endpoint.reader} per arm. " + "; ".join(_said(s) for s in sets)
    return Drawing(endpoint.name, picture(WIDTH, bottom + 44, label, parts), caption)


def _bins(cases: int) -> int:
    """About twice the square root of the number of cases in all arms."""
    return int(min(MOST_BINS, max(10, 2 * round(cases**0.5))))


def _of(scores: ScoreSet, present: bool) -> np.ndarray:
    chosen = scores.scores[np.asarray(scores.present, bool) == present]
    return chosen[np.isfinite(chosen)]


def _counts(scores: ScoreSet, edges: np.ndarray, present: bool) -> np.ndarray:
    return np.histogram(_of(scores, present), edges)[0]


def _arm(scores: ScoreSet, edges: np.ndarray, scale: Scale, y: float, per_case: float) -> list[Markup]:
    failed = int((~np.isfinite(scores.scores)).sum())
    parts = [text(LEFT - 14, y + (5 if not failed else -2), scores.arm, "end", longest=34)]
    if failed:
        parts.append(text(LEFT - 14, y + 15, f"{failed} failed", "end", "tick"))
    for present, up in ((True, -1.0), (False, 1.0)):
        for count, low, high in zip(_counts(scores, edges, present), edges[:-1], edges[1:]):
            if count:
                parts.append(_bar(scale(low), scale(high), y, up * count * per_case, "with" if present else "without"))
        if values := _of(scores, present).tolist():
            x = scale(float(np.median(values)))
            parts.append(line(x, y, x, y + up * 14, "median"))
    return [*parts, line(LEFT, y, WIDTH - 10, y, "axis")]


def _bar(left: float, right: float, y: float, height: float, class_: str) -> Markup:
    top = round(min(y, y + height), 2)
    return tag(
        "rect", x=left + 0.5, y=top, width=round(right - left - 1, 2), height=round(abs(height), 2), class_=class_
    )


def _said(scores: ScoreSet) -> str:
    medians = [f"{float(np.median(v)):.3g}" if (v := _of(scores, p)).size else "none" for p in (True, False)]
    return f"{scores.arm}: median {medians[0]} with and {medians[1]} without the lesion"
