"""Forest plot: the estimate of every arm and the difference of every hypothesis, with intervals."""

from __future__ import annotations

import math

from markupsafe import Markup

from phantomsim.trials.report import words
from phantomsim.trials.report.data import ReportData
from phantomsim.trials.report.figures.svg import Drawing, Scale, axis_below, line, picture, tag, text
from phantomsim.trials.statistics.spec import Endpoint

WIDTH, LEFT, RIGHT, ROW = 960, 300, 710, 32
LONGEST = 34  # characters that fit beside the axis


def draw(data: ReportData, endpoint: Endpoint) -> Drawing:
    """Arms above, differences below, each on a scale of its own."""
    what = "AUC" if endpoint.statistic == "auc" else f"mean of {endpoint.reader}"
    arms = [(e.arm, e.estimate, e.ci_low, e.ci_high) for e in data.estimates if e.endpoint == endpoint.name]
    found = [v for v in data.verdicts if v.endpoint == endpoint.name]
    says = what.lower() in endpoint.name.lower() or (endpoint.statistic != "auc" and endpoint.reader == endpoint.name)
    parts, y = _block(
        f"{endpoint.name} per arm" if says else f"{endpoint.name}: {what} per arm", arms, endpoint, 0.0, [], 95.0
    )
    if found:
        rows = [(f"{v.arm_a} {words.MINUS} {v.arm_b}", v.estimate, v.ci_low, v.ci_high) for v in found]
        level = 100 * (1 - found[0].alpha)
        title = f"Difference in {what}" + (f" ({endpoint.better} is better)" if endpoint.statistic != "auc" else "")
        more, y = _block(title, rows, endpoint, y + 14, _nulls(data, endpoint), level)
        parts += more
    label = f"Forest plot of {endpoint.name}: " + "; ".join(
        f"{name} {words.number(value)} ({words.interval(low, high)})" for name, value, low, high in arms
    )
    caption = "Points are estimates, bars confidence intervals."
    if any(v.margin for v in found):
        caption += " Dashed: the margin that the hypothesis states; solid: no difference."
    elif found:
        caption += " Solid vertical line: no difference."
    return Drawing(endpoint.name, picture(WIDTH, y, label, parts), caption)


def _nulls(data: ReportData, endpoint: Endpoint) -> list[tuple[float, str]]:
    """Where hypotheses draw their lines: no difference, and each margin on its side."""
    better = 1.0 if endpoint.better == "higher" else -1.0
    lines = {0.0: "null"}
    for v in data.verdicts:
        if v.endpoint == endpoint.name and v.margin:
            lines[better * v.margin * (1.0 if v.test == "superiority" else -1.0)] = "margin"
    return list(lines.items())


def _block(
    title: str,
    rows: list[tuple[str, float, float, float]],
    endpoint: Endpoint,
    top: float,
    nulls: list[tuple[float, str]],
    level: float,
) -> tuple[list[Markup], float]:
    """Rows of point and interval over an axis; returns the drawing and where it ends."""
    values = [v for row in rows for v in row[1:]] + [v for v, _ in nulls]
    scale = Scale.around(values, LEFT, RIGHT)
    places = words.decimals(endpoint.statistic, *values)
    first, bottom = top + 34, top + 34 + ROW * len(rows)
    parts = [
        text(0, top + 18, title, class_="head", longest=60),
        text(WIDTH, top + 18, f"estimate ({level:g} % CI)", "end", "label"),
    ]
    parts += axis_below(scale, bottom, first, "")
    parts += [line(scale(v), first, scale(v), bottom, kind) for v, kind in nulls]
    for number, row in enumerate(rows):
        parts += _row(row, first + ROW * (number + 0.5), scale, places)
    return parts, bottom + 26


def _row(row: tuple[str, float, float, float], y: float, scale: Scale, places: int) -> list[Markup]:
    name, value, low, high = row
    known = math.isfinite(low) and math.isfinite(high)
    numbers = f"{words.fixed(value, places)} ({words.interval(low, high, places) if known else 'no interval'})"
    parts = [*_name(name, y), text(WIDTH, y + 5, numbers, "end", "number")]
    if known:
        parts.append(line(scale(low), y, scale(high), y, "bar"))
        parts += [line(scale(end), y - 6, scale(end), y + 6, "bar") for end in (low, high)]
    if math.isfinite(value):
        parts.append(tag("rect", x=scale(value) - 4, y=y - 4, width=8, height=8, class_="point"))
    return parts


def _name(name: str, y: float) -> list[Markup]:
    """A row's name; a long difference stands in two lines."""
    first, minus, second = name.partition(f" {words.MINUS} ")
    if len(name) <= LONGEST or not minus:
        return [text(LEFT - 14, y + 5, name, "end", longest=LONGEST)]
    lines = ((first, y - 3), (f"{words.MINUS} {second}", y + 12))
    return [text(LEFT - 14, at, part, "end", "small", LONGEST) for part, at in lines]
