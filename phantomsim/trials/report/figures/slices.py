"""Example slices: the same picture with and without the lesion's outline, whole and close up."""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from phantomsim.trials.report import words
from phantomsim.trials.report.data import ExampleSlice
from phantomsim.trials.report.figures.svg import line, tag, text

SCALE_BAR_MM = 10.0


@dataclass(frozen=True)
class Table:
    """Pictures by arm (rows) and patient (columns); each cell is the plain picture and its outlined twin."""

    title: str
    patients: tuple[str, ...]
    rows: tuple[tuple[str, tuple[tuple[Markup, Markup] | None, ...]], ...]
    caption: str


def tables(examples: Sequence[ExampleSlice]) -> list[Table]:
    """Whole slices, then close-ups of the lesion. Empty without examples."""
    if not examples:
        return []
    arms = tuple(dict.fromkeys(e.arm for e in examples))
    columns = tuple(dict.fromkeys((e.patient, e.present) for e in examples))
    found = {(e.arm, e.patient, e.present): e for e in examples}
    notes = {(e.patient, e.present): e.note for e in examples}
    boxes = {c: _body(next(e for e in examples if (e.patient, e.present) == c)) for c in columns}
    names = {k: f"i{number}" for number, k in enumerate(found)}
    heads = tuple(f"Patient {p}{'' if y else ', without lesion'}{_dash(notes[p, y])}" for p, y in columns)

    def table(title: str, close: bool) -> Table:
        rows = tuple(
            (
                arm,
                tuple(
                    _pair(found[arm, *c], names[arm, *c], boxes[c], close) if (arm, *c) in found else None
                    for c in columns
                ),
            )
            for arm in arms
        )
        return Table(title, heads, rows, _caption(examples, close))

    whole = [table("Whole slices", False)]
    return whole if all(e.lesion is None for e in examples) else [*whole, table("Close-ups of the lesion", True)]


def _dash(note: str) -> str:
    return f" \N{EN DASH} {note}" if note else ""


def _caption(examples: Sequence[ExampleSlice], close: bool) -> str:
    windows = {e.patient: f"{' to '.join(map(words.number, e.window))} {e.unit}".strip() for e in examples}
    alike = len({e.window for e in examples}) == 1
    told = windows[examples[0].patient] if alike else "; ".join(f"patient {p}: {w}" for p, w in windows.items())
    text_ = (
        f"Axial slices through the lesion's centre, window {told}. Anterior is up, the patient's right "
        "is on the viewer's left. Each picture stands twice: as it is, and with the lesion's true outline "
        "(volume fraction one half)."
    )
    return text_ + (f" The bar is {SCALE_BAR_MM:g} mm." if close else "")


def _pair(e: ExampleSlice, name: str, box: tuple[float, ...], close: bool) -> tuple[Markup, Markup]:
    """The picture and its twin; the pixels stand once in the page, all else refers to them."""
    view = _close(e) if close else box
    whose = f"Patient {e.patient}, arm {e.arm}, {'close-up' if close else 'axial slice'}"
    pixels = tag("use", href=f"#{name}") if close else _pixels(e, name)
    outline = [tag("path", d=_outline(e), class_="outline")] if e.lesion is not None else []
    marks = [*_bar(view)] if close else [text(view[0] + 4, view[1] + view[3] / 2, "R", class_="side")]
    plain = _frame(view, f"{whose}, as read", [pixels, *marks])
    twin = _frame(view, f"{whose}, lesion outlined", [tag("use", href=f"#{name}"), *outline, *marks])
    return plain, twin


def _frame(view: tuple[float, ...], label: str, content: Sequence[Markup]) -> Markup:
    box = " ".join(f"{v:.6g}" for v in view)
    return tag("svg", content, viewBox=box, class_="slice", role="img", aria_label=label)


def _pixels(e: ExampleSlice, name: str) -> Markup:
    """The picture in millimetres from the corner of its first shown pixel."""
    rows, columns = e.image.shape
    low, high = e.window
    grey = np.clip((np.asarray(e.image, float) - low) / (high - low), 0, 1)[::-1, ::-1]
    url = "data:image/png;base64," + base64.b64encode(png(np.round(grey * 255).astype(np.uint8))).decode()
    width, height = columns * e.spacing_mm[1], rows * e.spacing_mm[0]
    return tag("image", id=name, href=url, width=f"{width:.6g}", height=f"{height:.6g}", preserveAspectRatio="none")


def png(grey: np.ndarray) -> bytes:
    """An 8-bit greyscale PNG of an array uint8 [row, column] (ISO/IEC 15948)."""
    rows, columns = grey.shape
    lines = np.concatenate([np.zeros((rows, 1), np.uint8), grey], axis=1).tobytes()  # filter 0 before each row

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", columns, rows, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(lines, 9)) + chunk(b"IEND", b"")


def _shown(fraction: np.ndarray) -> np.ndarray:
    """As the picture is shown: anterior up, right on the left."""
    return np.asarray(fraction, float)[::-1, ::-1]


def _outline(e: ExampleSlice) -> str:
    """Where the lesion fills half a pixel (or half of its largest share, if it never does), as an SVG path."""
    import contourpy

    f = np.pad(_shown(e.lesion), 1)  # type: ignore[arg-type]
    level = 0.5 * min(1.0, float(f.max()))
    if level <= 0:
        return ""
    dy, dx = e.spacing_mm
    steps = []
    for points in contourpy.contour_generator(z=f).lines(level):
        # A pixel's centre lies half a pixel from its corner; the padding moved everything by one.
        at = (np.asarray(points) - 0.5) * (dx, dy)
        steps.append("M" + "L".join(f"{x:.2f} {y:.2f}" for x, y in at) + "Z")
    return " ".join(steps)


def _body(e: ExampleSlice) -> tuple[float, ...]:
    """The part of the picture that is not black, and a little more [mm]."""
    low, high = e.window
    bright = (np.asarray(e.image) > low + 0.1 * (high - low))[::-1, ::-1]
    spans = []
    for axis, d in ((1, e.spacing_mm[0]), (0, e.spacing_mm[1])):
        used = np.flatnonzero(bright.mean(axis) > 0.02)
        n = bright.shape[1 - axis]
        first, last = (used[0], used[-1] + 1) if used.size else (0, n)
        spans.append((max(0, first - 6) * d, min(n, last + 6) * d))
    (top, bottom), (left, right) = spans
    return float(left), float(top), float(right - left), float(bottom - top)


def _close(e: ExampleSlice) -> tuple[float, ...]:
    """A square around the lesion, four times as wide as it and at least 40 mm [mm]."""
    dy, dx = e.spacing_mm
    f = _shown(e.lesion) if e.lesion is not None else np.zeros(e.image.shape)
    if not f.max() > 0:
        return 0.0, 0.0, e.image.shape[1] * dx, e.image.shape[0] * dy
    y, x = np.nonzero(f >= 0.5 * f.max())
    side = max(40.0, 4.0 * float(max(np.ptp(y) * dy, np.ptp(x) * dx)))
    return float((x.mean() + 0.5) * dx - side / 2), float((y.mean() + 0.5) * dy - side / 2), side, side


def _bar(view: tuple[float, ...]) -> list[Markup]:
    left, bottom = view[0] + 0.06 * view[2], view[1] + 0.94 * view[3]
    return [line(left, bottom, left + SCALE_BAR_MM, bottom, "scale")]
