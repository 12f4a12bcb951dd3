"""How the numbers were made, in words, with the papers they follow; the words are in `texts.toml`."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import Any

from phantomsim.trials.report.data import ReaderFacts, ReportData


@cache
def texts() -> dict[str, Any]:
    """The table of texts and papers."""
    return tomllib.loads(files("phantomsim.trials.report").joinpath("texts.toml").read_text("utf-8"))


def limits(data: ReportData) -> list[str]:
    """What the trial cannot say: what holds for every simulation, and the trial's own."""
    return [*texts()["limits"], *data.limits]


def paragraphs(data: ReportData) -> list[tuple[str, str]]:
    """Heading and text of each part of the methods that the trial uses."""
    parts = texts()["parts"]
    found = [
        ("Design", _design(data)),
        ("Readers", " ".join(filter(None, map(_reader, data.readers)))),
        ("Area under the ROC curve", parts["auc"] if _uses(data, "auc") else ""),
        ("Means", parts["mean"] if _uses(data, "mean") else ""),
        ("Hypotheses", _tests(data) if data.verdicts else ""),
        ("Failures", _failures(data)),
    ]
    return [(head, text) for head, text in found if text]


def references(data: ReportData) -> list[str]:
    """The papers that the methods name, in order of first use."""
    names = []
    for reader in data.readers:
        names += {"npw": ["wagner"], "cho": ["myers", _channels(reader)]}.get(reader.kind, [])
    names += ["hanley", "delong", "obuchowski", "pepe"] if _uses(data, "auc") else []
    names += ["holm"] if _family(data) > 1 else []
    names += ["altman"] if _not_shown(data) else []
    return [texts()["papers"][name] for name in dict.fromkeys(names) if name in texts()["papers"]]


def _uses(data: ReportData, statistic: str) -> bool:
    return any(e.statistic == statistic for e in data.endpoints)


def _family(data: ReportData) -> int:
    return sum(v.confirmatory for v in data.verdicts)


def _not_shown(data: ReportData) -> bool:
    return any(v.decision == "not shown" for v in data.verdicts)


def _design(data: ReportData) -> str:
    parts = texts()["parts"]
    chosen = [parts["paired"].format(arms=len(data.arms)) if len(data.arms) > 1 else parts["single"]]
    chosen += [parts["twins"]] if _uses(data, "auc") else []
    return " ".join([*chosen, parts["random"]])


def _channels(reader: ReaderFacts) -> str:
    channels = reader.settings.get("channels")
    return str(channels.get("kind", "")) if isinstance(channels, dict) else ""


def _reader(reader: ReaderFacts) -> str:
    """What it is and what its settings mean; empty for a kind that the table does not know."""
    text = texts()["readers"].get(reader.kind, "")
    if not text:
        return ""
    channels = texts()["channels"].get(_channels(reader), "")
    meanings = texts()["options"].get(reader.kind, {})
    more = [meaning for key, by_value in meanings.items() if (meaning := by_value.get(str(reader.settings.get(key))))]
    told = text.replace("{channels}", f" with {channels}" if channels else "")
    return " ".join([f"Reader {reader.name} {told}", *more])


def _tests(data: ReportData) -> str:
    parts = texts()["parts"]
    chosen = [parts["tests"]]
    chosen += [parts["holm"].format(family=_family(data))] if _family(data) > 1 else []
    chosen += [parts["not-shown"]] if _not_shown(data) else []
    return " ".join(chosen)


def _failures(data: ReportData) -> str:
    parts = texts()["parts"]
    worst = "; ".join(f"{e.name}: {e.worst:g}" for e in data.endpoints)
    return " ".join([parts["failures"].format(worst=worst)] + ([parts["failures-auc"]] if _uses(data, "auc") else []))
