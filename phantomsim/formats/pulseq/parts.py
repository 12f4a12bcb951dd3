"""Sections of a Pulseq file that are no plain tables: RF events with their use, shapes, extensions."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from phantomsim.formats.pulseq.sections import Section, numbers
from phantomsim.formats.pulseq.shapes import unpack
from phantomsim.formats.pulseq.tables import RF

MAX_SAMPLES = 2**26  # of all shapes together
USES = "erispou"
SHAPE = re.compile(r"shape_id[ \t]+(\d+)\s+num_samples[ \t]+(\d+)[ \t\r]*$", re.MULTILINE | re.IGNORECASE)


def whole(section: Section, table: np.ndarray, what: str) -> np.ndarray:
    wrong = (table != np.rint(table)) | (table < 0) | (table > 2**53)
    if wrong.any():
        offset, line = section.lines()[int(np.argmax(wrong.any(1)))]
        raise section.fail(f"{line[:60]!r} is no {what}; must be whole numbers from 0", offset)
    return table.astype(np.int64)


def rf(section: Section, v15: bool) -> tuple[np.ndarray, tuple[str, ...]]:
    if not v15:
        table = section.table(8, "RF event")
        blank, zero = np.full((len(table), 1), np.nan), np.zeros((len(table), 2))
        return np.column_stack([table[:, :5], blank, table[:, 5:6], zero, table[:, 6:]]), ("u",) * len(table)
    rows = [(offset, line.split()) for offset, line in section.lines()]
    for offset, row in rows:
        values = numbers(" ".join(row[:-1]))
        if len(row) != 12 or row[-1] not in USES or values is None or len(values) != 11:
            shown = " ".join(row)[:60]
            raise section.fail(f"{shown!r} is no RF event; must be 11 numbers and one of {' '.join(USES)}", offset)
    table = np.array([row[:-1] for _, row in rows], float).reshape(-1, len(RF))
    if not np.isfinite(table).all():
        raise section.fail("holds numbers that are not finite")
    return table, tuple(row[-1] for _, row in rows)


def shapes(section: Section) -> dict[int, np.ndarray]:
    marks, found, total = list(SHAPE.finditer(section.body)), {}, 0
    for mark, end in zip(marks, [m.start() for m in marks[1:]] + [len(section.body)]):
        name, samples = int(mark[1]), int(mark[2])
        body = section.body[mark.end() : end]
        values = numbers("\n".join(line.split("#", 1)[0] for line in body.split("\n")) if "#" in body else body)
        if values is None or not np.isfinite(values).all():
            raise section.fail(f"shape {name} holds something that is no number", mark.start())
        total += samples
        if total > MAX_SAMPLES:
            raise section.fail(f"shapes have more than {MAX_SAMPLES} samples", mark.start())
        try:
            found[name] = unpack(values, samples)
        except ValueError as e:
            raise section.fail(f"shape {name} {e}", mark.start()) from e
    return found


def extension(section: Section, found: dict[str, Any]) -> None:
    _, name, number = section.name.split()
    found["extension_types"][int(number)] = name
    if name in ("LABELSET", "LABELINC"):
        rows = [(offset, line.split()) for offset, line in section.lines()]
        for offset, row in rows:
            if len(row) != 3 or not re.fullmatch(r"\d+", row[0]) or not re.fullmatch(r"[+-]?\d+", row[1]):
                raise section.fail(f"{' '.join(row)[:60]!r} is no label; must be ID, value and label", offset)
        found["label_set" if name == "LABELSET" else "label_inc"] = {int(r[0]): (int(r[1]), r[2]) for _, r in rows}
    elif name == "ROTATIONS":
        table = section.table(5, "rotation")
        if np.any(np.abs(np.linalg.norm(table[:, 1:], axis=1) - 1) > 1e-3):
            raise section.fail("holds a quaternion whose length is not 1")
        found["rotations"] = {int(row[0]): tuple(row[1:].tolist()) for row in table}
    elif name == "TRIGGERS":
        found["notices"].append("triggers are left out: nothing waits for anything here")
    elif name == "DELAYS":
        found["notices"].append("soft delays are kept at the durations that the file has")
    else:
        found["notices"].append(f"the extension {name} is not supported and left out")
