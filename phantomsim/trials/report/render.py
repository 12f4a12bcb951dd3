"""From `ReportData` to one page of HTML that needs nothing else: no script, no font, no request."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib.resources import files

import jinja2
from markupsafe import Markup

from phantomsim.trials.report import methods, words
from phantomsim.trials.report.data import ArmFacts, ReportData
from phantomsim.trials.report.figures import distributions, forest, roc, slices
from phantomsim.trials.report.figures.svg import dash, path, series, tag


def render(data: ReportData) -> str:
    """The report of a trial.

    Args:
        data: what to show. Equal data give equal text: nothing is asked of clock, host or random numbers.
    Returns:
        A whole HTML document in UTF-8, at most a few megabytes, that works offline and prints.
    """
    return _template().render(
        data=data,
        headline=words.headline(data),
        sentences=[words.sentence(v, data) for v in data.verdicts],
        dose_columns=_dose_columns(data.arms),
        dose_notes=_dose_notes(data.arms),
        forests=[forest.draw(data, endpoint) for endpoint in data.endpoints],
        rocs=[roc.draw(data, endpoint) for endpoint in data.endpoints if endpoint.statistic == "auc"],
        distributions=[distributions.draw(data, endpoint) for endpoint in data.endpoints if data.scores],
        pictures=slices.tables(data.examples),
        methods=methods.paragraphs(data),
        references=methods.references(data),
        limits=methods.limits(data),
    )


def _dose_columns(arms: Sequence[ArmFacts]) -> list[str]:
    """Names of all dose figures, in the order in which arms give them; texts are told below the table."""
    return list(dict.fromkeys(k for arm in arms for k, v in arm.dose.items() if not isinstance(v, str)))


def _dose_notes(arms: Sequence[ArmFacts]) -> list[tuple[str, str]]:
    """What is said of doses in words, each once."""
    return list(dict.fromkeys((k, v) for arm in arms for k, v in arm.dose.items() if isinstance(v, str)))


def _lines(message: str) -> Markup:
    """The first line of a message, and the rest (what a program printed) to unfold."""
    first, _, rest = message.partition("\n")
    return tag("span", first) + (tag("pre", rest) if rest else Markup(""))


def _swatch(number: int) -> Markup:
    """A piece of an arm's line for a legend."""
    drawn = path([(0, 5), (40, 5)], f"curve {series(number)}", dash=dash(number))
    return tag("svg", [drawn], viewBox="0 0 40 10", aria_hidden="true")


@cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("phantomsim.trials.report", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        number=words.number,
        stated=words.stated,
        point=words.point,
        bounds=words.bounds,
        p=words.p_value,
        unit=words.unit,
        lines=_lines,
    )
    style = files("phantomsim.trials.report").joinpath("templates", "style.css").read_text("utf-8")
    environment.globals.update(style=Markup(style), swatch=_swatch)  # noqa: S704 - our own file
    return environment.get_template("report.html.j2")
