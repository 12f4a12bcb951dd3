"""Empirical ROC curves of one endpoint, an arm each."""

from __future__ import annotations

from markupsafe import Markup

from phantomsim.trials.report import words
from phantomsim.trials.report.data import ReportData
from phantomsim.trials.report.figures.svg import (
    Drawing,
    Scale,
    axis_below,
    dash,
    line,
    path,
    picture,
    series,
    tag,
    text,
)
from phantomsim.trials.statistics.spec import Endpoint

SIZE, LEFT, BOTTOM, TOP = 400.0, 56.0, 350.0, 10.0


def draw(data: ReportData, endpoint: Endpoint) -> Drawing:
    """One square panel; chance is the diagonal."""
    arms = [e for e in data.estimates if e.endpoint == endpoint.name and e.roc is not None]
    x, y = Scale(0, 1, LEFT, SIZE - 10), Scale(0, 1, BOTTOM, TOP)
    parts: list[Markup] = axis_below(x, BOTTOM, TOP, "false positive fraction", 5)
    parts += _left(y, x)
    parts.append(line(x(0), y(0), x(1), y(1), "chance"))
    for number, arm in enumerate(arms):
        false, true = arm.roc  # type: ignore[misc]
        parts.append(path([(x(f), y(t)) for f, t in zip(false, true)], f"curve {series(number)}", dash=dash(number)))
    said = [f"{e.arm}: AUC {words.fixed(e.estimate, 3)} (95 % CI {words.interval(e.ci_low, e.ci_high)})" for e in arms]
    label = f"ROC curves of {endpoint.name}, reader {endpoint.reader}. " + "; ".join(said)
    present = max((e.n_present for e in arms), default=0)
    absent = max((e.n_cases - e.n_present for e in arms), default=0)
    caption = f"Empirical curves; {present} cases with and {absent} without the lesion in each arm. Dotted: chance."
    return Drawing(
        endpoint.name if endpoint.reader in endpoint.name else f"{endpoint.name} (reader {endpoint.reader})",
        picture(SIZE, SIZE, label, parts, "plot square"),
        caption,
        tuple(enumerate(said)),
    )


def _left(y: Scale, x: Scale) -> list[Markup]:
    """The vertical axis."""
    ticks = [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    parts = [line(x.start, y(t), x.end, y(t), "grid") for t in ticks]
    parts += [text(x.start - 8, y(t) + 4, f"{t:.1f}", "end", "tick") for t in ticks]
    parts.append(line(x.start, y.start, x.start, y.end, "axis"))
    middle = (y.start + y.end) / 2
    turned = f"rotate(-90 14 {middle:g})"
    words_ = "true positive fraction"
    return [*parts, tag("text", words_, x=14, y=middle, text_anchor="middle", class_="label", transform=turned)]
