"""Numbers and verdicts in words."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from phantomsim.trials.report.data import ReportData
from phantomsim.trials.statistics.verdict import Verdict
from phantomsim.units import SUFFIXES

MINUS = "\N{MINUS SIGN}"
DASH = "\N{EN DASH}"


@dataclass(frozen=True)
class Sentence:
    """A verdict for people: `tone` is "good", "open" or "bad" for the colour, `label` says the same without it."""

    tone: str
    label: str
    text: str
    note: str
    confirmatory: bool


def number(value: object, digits: int = 3) -> str:
    """A number with so many significant digits, never in e-notation between 1e-4 and 1e6; texts as they are."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return DASH
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return str(value)
    if isinstance(value, int) or not math.isfinite(value):
        return str(value).replace("-", MINUS)
    if value == 0:
        return "0"
    size = math.floor(math.log10(abs(value)))
    text = f"{value:.{max(0, digits - 1 - size)}f}" if -5 < size < 6 else f"{value:.{digits - 1}e}"
    return text.replace("-", MINUS)


def fixed(value: float, decimals: int) -> str:
    """A number with so many decimals; a dash where there is none."""
    return DASH if not math.isfinite(value) else f"{value:.{decimals}f}".replace("-", MINUS)


def decimals(statistic: str, *values: float) -> int:
    """Decimals that suit values which stand beside each other: three for AUC, else three digits of the largest."""
    if statistic == "auc":
        return 3
    largest = max((abs(v) for v in values if math.isfinite(v) and v), default=1.0)
    return min(8, max(0, 2 - math.floor(math.log10(largest))))


def interval(low: float, high: float, places: int = 3) -> str:
    """Two bounds; "to", since a dash reads as a minus."""
    return f"{fixed(low, places)} to {fixed(high, places)}"


def places(found: Any) -> int:
    """Decimals for a verdict or an estimate and its interval, which stand beside each other."""
    suits = decimals(getattr(found, "statistic", "mean"), found.estimate, found.ci_low, found.ci_high)
    return max(suits, 3) if abs(found.estimate) < 1 else suits


def point(found: Any) -> str:
    """The estimate of a verdict or an arm."""
    return fixed(found.estimate, places(found))


def bounds(found: Any) -> str:
    """The interval of a verdict or an arm; a dash where there is none."""
    known = math.isfinite(found.ci_low) and math.isfinite(found.ci_high)
    return interval(found.ci_low, found.ci_high, places(found)) if known else DASH


def stated(value: object) -> str:
    """A number that somebody wrote (a dose, a margin, alpha): as few digits as it needs, whole ones all."""
    if not isinstance(value, float):
        return number(value)
    return f"{value:.{9 if value.is_integer() else 4}g}".replace("-", MINUS)


def p_value(value: float) -> str:
    """As journals print it."""
    if not math.isfinite(value):
        return DASH
    return "< 0.001" if value < 0.001 else f"{value:.3f}" if value < 0.1 else f"{value:.2f}"


#: Units that are made of several suffixes.
COMPOUND = {"mGy_cm": "mGy cm", "kg_per_m2": "kg/m\N{SUPERSCRIPT TWO}", "g_per_cm3": "g/cm\N{SUPERSCRIPT THREE}"}


def parted(name: str) -> tuple[str, str]:
    """A name and its unit: "CTDIvol", "mGy"; the unit is "" for a bare unit (`mAs`) and for names without one."""
    known = {**{suffix: suffix for suffix in SUFFIXES}, **COMPOUND}
    for suffix in sorted(known, key=len, reverse=True):
        if name.endswith("_" + suffix):
            return name.removesuffix("_" + suffix).replace("_", " "), known[suffix]
    return name.replace("_", " "), ""


def unit(name: str) -> str:
    """`CTDIvol_mGy` as "CTDIvol [mGy]"."""
    what, of = parted(name)
    return f"{what} [{of}]" if of else what


def setting(name: str, value: object) -> str:
    """One setting in words: "TE 16 ms", "fov 240 x 240 mm", "120 kVp", "sequence spoiled-gre"."""
    what, of = parted(name)
    many = isinstance(value, (list, tuple))
    told = " x ".join(stated(v) for v in value) if many else stated(value)  # type: ignore[attr-defined]
    if name in SUFFIXES:
        return f"{told} {name}"
    return " ".join(filter(None, (what, told, of)))


def badge(verdict: Verdict) -> str:
    """The decision in a word or two."""
    return {"superior": "Superiority shown", "non-inferior": "Non-inferiority shown"}.get(
        verdict.decision, "Not shown" if verdict.decision == "not shown" else "Inconclusive"
    )


def tone(verdict: Verdict) -> str:
    """Colour class of a decision."""
    return "good" if verdict.shown else "bad" if verdict.decision == "not shown" else "open"


def measure(verdict: Verdict, data: ReportData) -> str:
    """What was compared: "AUC" where there is one such endpoint, else with the endpoint's name."""
    endpoint = next((e for e in data.endpoints if e.name == verdict.endpoint), None)
    if endpoint is None or endpoint.statistic != "auc":
        return f"Mean {verdict.endpoint}"
    alone = sum(e.statistic == "auc" for e in data.endpoints) == 1
    return "AUC" if alone else endpoint.name if "auc" in endpoint.name.lower() else f"AUC ({endpoint.name})"


def sentence(verdict: Verdict, data: ReportData) -> Sentence:
    """One verdict in plain language.

    "AUC at 320 mAs is higher than at 20 mAs by 0.210 (95 % CI 0.110 to 0.310); superiority shown at alpha 0.05."
    """
    words = {"superior": _shown, "non-inferior": _non_inferior, "not shown": _not_shown}.get(verdict.decision, _open)
    family = sum(v.confirmatory for v in data.verdicts)
    note = f"p = {p_value(verdict.p_adjusted)}".replace("= <", "<")
    if not math.isfinite(verdict.p_adjusted):
        note = ""
    elif verdict.confirmatory and family > 1:
        note += f" after Holm's adjustment over {family} confirmatory hypotheses"
    note += f"{'; ' if note else ''}{verdict.n_cases} cases of {verdict.n_clusters} subjects in each arm"
    if verdict.n_failed:
        note += f"; {verdict.n_failed} failed cases counted as the endpoint's worst value"
    return Sentence(tone(verdict), badge(verdict), words(verdict, data), note + ".", verdict.confirmatory)


def headline(data: ReportData) -> Sentence:
    """The trial's conclusion: how many confirmatory hypotheses were shown."""
    family = [v for v in data.verdicts if v.confirmatory]
    shown = sum(v.shown for v in family)
    if not family:
        what = "No confirmatory hypothesis was stated" if data.verdicts else "No hypothesis was stated"
        return Sentence("open", "Descriptive", f"{what}: this trial describes, it does not decide.", "", False)
    kinds = "hypothesis" if len(family) == 1 else "hypotheses"
    if shown == len(family):
        text = f"The confirmatory {kinds} {'was' if shown == 1 else 'were'} shown ({shown} of {shown})."
        return Sentence("good", "Shown", text, "", True)
    open_ones = sum(v.decision == "inconclusive" for v in family)
    text = f"{shown} of {len(family)} confirmatory {kinds} shown" if shown else f"No confirmatory {kinds} shown"
    text += f", {open_ones} inconclusive" if open_ones and open_ones < len(family) else ""
    if open_ones == len(family):
        return Sentence("open", "Inconclusive", "These data cannot answer the question that the trial asks.", "", True)
    return Sentence("open" if shown else "bad", "Partly shown" if shown else "Not shown", text + ".", "", True)


def _with(arm: str) -> str:
    """Arms named by a dose read "at 20 mAs", others "with gaussian"."""
    return f"{'at' if arm[:1].isdigit() else 'with'} {arm}"


def _ci(v: Verdict, sign: float = 1.0) -> str:
    low, high = sorted((sign * v.ci_low, sign * v.ci_high))
    return f"{fixed(sign * v.estimate, places(v))} ({100 * (1 - v.alpha):g} % CI {interval(low, high, places(v))})"


def _shown(v: Verdict, data: ReportData) -> str:
    higher = v.estimate > 0
    margin = f" by more than {v.margin:g}" if v.margin else ""
    return (
        f"{measure(v, data)} {_with(v.arm_a)} is {'higher' if higher else 'lower'} than {_with(v.arm_b)} by "
        f"{_ci(v, 1.0 if higher else -1.0)}; superiority{margin} shown at alpha {v.alpha:g}."
    )


def _non_inferior(v: Verdict, data: ReportData) -> str:
    return (
        f"{measure(v, data)} {_with(v.arm_a)} is not worse than {_with(v.arm_b)} by {v.margin:g} or more: "
        f"difference {_ci(v)}; non-inferiority shown at alpha {v.alpha:g}."
    )


def _not_shown(v: Verdict, data: ReportData) -> str:
    better = next((e.better for e in data.endpoints if e.name == v.endpoint), "higher")
    claim = f"to be {better} than {_with(v.arm_b)}" + (f" by more than {v.margin:g}" if v.margin else "")
    if v.test == "non-inferiority":
        claim = f"to be non-inferior to {v.arm_b} within a margin of {v.margin:g}"
    wrong_way = (v.ci_high < 0) if better == "higher" else (v.ci_low > 0)
    more = " The whole interval lies on the worse side of zero." if wrong_way else ""
    more = more or (" This does not show that the arms are equal." if v.test == "superiority" else "")
    return f"{measure(v, data)} {_with(v.arm_a)} was not shown {claim}: difference {_ci(v)}.{more}"


def _open(v: Verdict, data: ReportData) -> str:
    return f"No conclusion on {measure(v, data)} {_with(v.arm_a)} against {v.arm_b}: {v.reason}."
