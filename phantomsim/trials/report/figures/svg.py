"""Scalable drawings, written by hand: small, the same bytes each time, text that can be read aloud and searched."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

#: Arms are told apart by colour and by dash; both repeat after eight.
DASHES = ("none", "7 3", "2 3", "9 3 2 3", "12 4", "4 2", "1 2", "9 3 2 3 2 3")


@dataclass(frozen=True)
class Drawing:
    """A figure: its name, the SVG, what it shows, and a legend of (series number, text)."""

    title: str
    svg: Markup
    caption: str
    legend: tuple[tuple[int, str], ...] = ()


@dataclass(frozen=True)
class Scale:
    """A straight map from values to pixels."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """Pixel of a value; values outside are put on the edge."""
        share = (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)
        return round(self.start + share * (self.end - self.start), 2)

    @classmethod
    def around(cls, values: Iterable[float], start: float, end: float, pad: float = 0.06) -> Scale:
        """A scale on which all finite values lie, with some room."""
        finite = [v for v in values if math.isfinite(v)] or [0.0, 1.0]
        low, high = min(finite), max(finite)
        room = pad * (high - low) or 0.5 * abs(high) or 0.5
        return cls(low - room, high + room, start, end)

    def ticks(self, wanted: int = 6) -> list[float]:
        """Round values on the scale: steps of 1, 2 or 5 times a power of ten."""
        rough = (self.high - self.low) / max(wanted, 1)
        power = 10.0 ** math.floor(math.log10(rough))
        step = next(m * power for m in (1, 2, 5, 10) if m * power >= rough * 0.999)
        first = math.ceil(self.low / step - 1e-9)
        return [k * step for k in range(first, math.floor(self.high / step + 1e-9) + 1)]


def tag(name: str, content: str | Markup | Sequence[Markup] = "", **attributes: object) -> Markup:
    """One element; `class_` and `stroke_width` become `class` and `stroke-width`, everything is escaped."""
    inner = Markup("").join(content) if not isinstance(content, str) else escape(content)
    pairs = Markup("").join(
        Markup(' {}="{}"').format(key.rstrip("_").replace("_", "-"), value) for key, value in attributes.items()
    )
    return Markup("<{0}{1}>{2}</{0}>").format(name, pairs, inner)


def picture(width: float, height: float, label: str, content: Sequence[Markup], class_: str = "plot") -> Markup:
    """An SVG of a shape that scales; `label` is what a screen reader says."""
    box = f"0 0 {width:g} {height:g}"
    return tag(
        "svg", content, viewBox=box, class_=class_, role="img", aria_label=label, xmlns="http://www.w3.org/2000/svg"
    )


def line(x1: float, y1: float, x2: float, y2: float, class_: str) -> Markup:
    """A straight line."""
    return tag("line", x1=x1, y1=y1, x2=x2, y2=y2, class_=class_)


def text(x: float, y: float, words: str, anchor: str = "start", class_: str = "", longest: int = 0) -> Markup:
    """Text; beyond `longest` characters it is cut, and the whole stays as a tooltip."""
    cut = words if not longest or len(words) <= longest else words[: longest - 1] + "\N{HORIZONTAL ELLIPSIS}"
    content: list[Markup] = [escape(cut)]
    if cut != words:
        content.append(tag("title", words))
    return tag("text", content, x=x, y=y, text_anchor=anchor, class_=class_)


def path(points: Iterable[tuple[float, float]], class_: str, closed: bool = False, dash: str = "none") -> Markup:
    """A line through points."""
    steps = " ".join(f"{'L' if i else 'M'}{x:g} {y:g}" for i, (x, y) in enumerate(points))
    return tag("path", d=steps + (" Z" if closed else ""), class_=class_, stroke_dasharray=dash)


def series(number: int) -> str:
    """The colour class of an arm by its number."""
    return f"s{number % 8 + 1}"


def dash(number: int) -> str:
    """The dash pattern of an arm by its number."""
    return DASHES[number % 8]


def tick_text(value: float, ticks: Sequence[float]) -> str:
    """A tick's number with the decimals that the step needs."""
    step = ticks[1] - ticks[0] if len(ticks) > 1 else 1.0
    places = max(0, -math.floor(math.log10(step) + 1e-9))
    return f"{value + 0.0:.{places}f}".replace("-", "\N{MINUS SIGN}")


def axis_below(scale: Scale, y: float, top: float, label: str, wanted: int = 6) -> list[Markup]:
    """A horizontal axis with grid lines up to `top`."""
    ticks = scale.ticks(wanted)
    parts = [line(scale(t), top, scale(t), y, "grid") for t in ticks]
    parts += [text(scale(t), y + 16, tick_text(t, ticks), "middle", "tick") for t in ticks]
    parts += [line(scale.start, y, scale.end, y, "axis")]
    return [*parts, text((scale.start + scale.end) / 2, y + 34, label, "middle", "label")]
