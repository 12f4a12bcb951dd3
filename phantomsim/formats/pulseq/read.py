"""Reads Pulseq files. Nothing in them is executed, and nothing is allocated beyond stated limits."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path
from typing import Any

import numpy as np

from phantomsim.errors import FormatError
from phantomsim.formats.pulseq.sections import Section, numbers, split
from phantomsim.formats.pulseq.shapes import unpack
from phantomsim.formats.pulseq.tables import ADC, RF, TRAP, PulseqFile, RASTERS_s
from phantomsim.formats.pulseq.verify import verify

MAX_BYTES = 2**29
MAX_BLOCKS = 10_000_000
MAX_SAMPLES = 2**26  # of all shapes together
OLDEST, NEWEST = (1, 4), (1, 5)
USES = "erispou"
SHAPE = re.compile(r"shape_id[ \t]+(\d+)\s+num_samples[ \t]+(\d+)[ \t\r]*$", re.MULTILINE | re.IGNORECASE)
KNOWN = ("LABELSET", "LABELINC", "ROTATIONS", "TRIGGERS", "DELAYS")


def read(path: str | os.PathLike[str]) -> PulseqFile:
    """Read a .seq file.

    Raises:
        FormatError: not Pulseq, of another version, too large, or not consistent; with the line.
    """
    name = os.fspath(path)
    try:
        size = os.path.getsize(path)
        if size > MAX_BYTES:
            raise FormatError(f"{name}: has {size} bytes; at most {MAX_BYTES} are read. Split the sequence")
        data = Path(path).read_bytes()
    except OSError as e:
        raise FormatError(f"{name}: cannot be read: {e.strerror or e}. Check the path and its rights") from e
    return parse(data, name)


def parse(data: bytes, name: str = "sequence") -> PulseqFile:
    """The tables of a file's bytes; see `read`."""
    if data.startswith(b"\x01pulseq\x02"):
        raise FormatError(f"{name}: a binary Pulseq file; only text is read. Write it again as text")
    try:
        text = data.decode()
    except UnicodeDecodeError as e:
        raise FormatError(f"{name}: not a Pulseq file: it is no text ({e.reason})") from e
    sections = split(text, name)
    found: dict[str, Any] = {"notices": [], "extension_types": {}}
    found["version"] = _version(sections, name)
    for section in sections:
        _section(section, found)
    _notice(found, data)
    if "blocks" not in found:
        raise FormatError(f"{name}: has no section [BLOCKS]; a sequence has at least one block")
    file = PulseqFile(**found | {"notices": tuple(found["notices"])})
    verify(file, name)
    return file


def _version(sections: list[Section], name: str) -> tuple[int, int, int]:
    for section in sections:
        if section.name == "VERSION":
            parts = dict(line.split(None, 1) for _, line in section.lines() if len(line.split()) > 1)
            # The revision may have a suffix such as "1post1".
            digits = [re.match(r"\d+", parts.get(key, "")) for key in ("major", "minor", "revision")]
            if not digits[0] or not digits[1]:
                raise section.fail("must hold lines 'major', 'minor' and 'revision' with numbers")
            version = (int(digits[0][0]), int(digits[1][0]), int(digits[2][0]) if digits[2] else 0)
            if not OLDEST <= version[:2] <= NEWEST:
                shown = ".".join(map(str, version[:2]))
                raise section.fail(
                    f"version {shown} is not supported; versions 1.4 and 1.5 are. Convert it with pypulseq: "
                    "seq.read(old); seq.write(new)"
                )
            return version
    raise FormatError(f"{name}: has no section [VERSION]; is it a Pulseq file?")


def _section(section: Section, found: dict[str, Any]) -> None:
    v15 = found["version"][:2] >= (1, 5)
    if section.name == "DEFINITIONS":
        found["definitions"] = {k: v for k, v in (_definition(line) for _, line in section.lines())}
        _check_rasters(section, found)
    elif section.name == "BLOCKS":
        table = section.table(8, "block")
        if len(table) > MAX_BLOCKS:
            raise section.fail(f"has {len(table)} blocks; at most {MAX_BLOCKS} are read")
        found["blocks"] = _whole(section, table, "block")[:, 1:]
    elif section.name == "RF":
        found["rf"], found["rf_use"] = _rf(section, v15)
    elif section.name == "GRADIENTS":
        table = section.table(7 if v15 else 5, "gradient")
        blank = np.full((len(table), 2), np.nan)
        found["gradients"] = table if v15 else np.column_stack([table[:, :2], blank, table[:, 2:]])
    elif section.name == "TRAP":
        found["traps"] = section.table(len(TRAP), "trapezoid")
    elif section.name == "ADC":
        table = section.table(len(ADC) if v15 else 6, "ADC event")
        zero = np.zeros((len(table), 2))
        found["adc"] = table if v15 else np.column_stack([table[:, :4], zero, table[:, 4:], zero[:, :1]])
    elif section.name == "EXTENSIONS":
        found["extensions"] = _whole(section, section.table(4, "extension"), "extension")
    elif section.name == "SHAPES":
        found["shapes"] = _shapes(section)
    elif section.name.startswith("extension"):
        _extension(section, found)
    elif section.name == "SIGNATURE":
        found["notices"].append(section)
    elif section.name != "VERSION":
        raise section.fail(f"is no section of Pulseq {'.'.join(map(str, found['version'][:2]))}")


def _definition(line: str) -> tuple[str, str]:
    key, _, value = line.partition(" ")
    return key, value.strip()


def _check_rasters(section: Section, found: dict[str, Any]) -> None:
    for key, default in RASTERS_s.items():
        given = found["definitions"].get(key)
        value = numbers(given) if given is not None else None
        if given is None:
            found["notices"].append(f"{key} is not defined; {default:g} s is taken")
        elif value is None or len(value) != 1 or not 0 < value[0] < 1:
            raise section.fail(f"{key} is {given!r}; must be a time in seconds")
    required = found["definitions"].get("RequiredExtensions", "").split()
    unknown = [name for name in required if name not in KNOWN]
    if unknown:
        raise section.fail(f"requires the extension {unknown[0]}, which is not supported; {', '.join(KNOWN)} are")


def _whole(section: Section, table: np.ndarray, what: str) -> np.ndarray:
    wrong = (table != np.rint(table)) | (table < 0) | (table > 2**53)
    if wrong.any():
        offset, line = section.lines()[int(np.argmax(wrong.any(1)))]
        raise section.fail(f"{line[:60]!r} is no {what}; must be whole numbers from 0", offset)
    return table.astype(np.int64)


def _rf(section: Section, v15: bool) -> tuple[np.ndarray, tuple[str, ...]]:
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


def _shapes(section: Section) -> dict[int, np.ndarray]:
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


def _extension(section: Section, found: dict[str, Any]) -> None:
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


def _notice(found: dict[str, Any], data: bytes) -> None:
    """Replace the signature among the notices by what is wrong with it, if anything is."""
    signatures = [n for n in found["notices"] if isinstance(n, Section)]
    found["notices"] = [n for n in found["notices"] if not isinstance(n, Section)]
    for section in signatures:
        parts = dict(_definition(line) for _, line in section.lines())
        if parts.get("Type", "").lower() != "md5":
            found["notices"].append(f"the signature is of type {parts.get('Type')!r}; only md5 is verified")
            continue
        # The newline before the header belongs to the signature.
        start = [m.start() for m in re.finditer(rb"^[ \t]*\[SIGNATURE\]", data, re.MULTILINE)][-1]
        signed = data[:start].removesuffix(b"\n").removesuffix(b"\r")
        if hashlib.md5(signed, usedforsecurity=False).hexdigest() != parts.get("Hash", "").lower():
            found["notices"].append("the signature does not fit: the file was changed after it was written")
