"""Reads Pulseq files. Nothing in them is executed, and nothing is allocated beyond stated limits."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path
from typing import Any

import numpy as np

from phantomsim.errors import FormatError
from phantomsim.formats.pulseq import parts
from phantomsim.formats.pulseq.sections import Section, numbers, split
from phantomsim.formats.pulseq.tables import ADC, TRAP, PulseqFile, RASTERS_s
from phantomsim.formats.pulseq.verify import verify

MAX_BYTES = 2**29
MAX_BLOCKS = 10_000_000
OLDEST, NEWEST = (1, 4), (1, 5)
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
            fields = dict(line.split(None, 1) for _, line in section.lines() if len(line.split()) > 1)
            # The revision may have a suffix such as "1post1".
            digits = [re.match(r"\d+", fields.get(key, "")) for key in ("major", "minor", "revision")]
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
        found["blocks"] = parts.whole(section, table, "block")[:, 1:]
    elif section.name == "RF":
        found["rf"], found["rf_use"] = parts.rf(section, v15)
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
        found["extensions"] = parts.whole(section, section.table(4, "extension"), "extension")
    elif section.name == "SHAPES":
        found["shapes"] = parts.shapes(section)
    elif section.name.startswith("extension"):
        parts.extension(section, found)
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


def _notice(found: dict[str, Any], data: bytes) -> None:
    """Replace the signature among the notices by what is wrong with it, if anything is."""
    signatures = [n for n in found["notices"] if isinstance(n, Section)]
    found["notices"] = [n for n in found["notices"] if not isinstance(n, Section)]
    for section in signatures:
        fields = dict(_definition(line) for _, line in section.lines())
        if fields.get("Type", "").lower() != "md5":
            found["notices"].append(f"the signature is of type {fields.get('Type')!r}; only md5 is verified")
            continue
        # The newline before the header belongs to the signature.
        start = [m.start() for m in re.finditer(rb"^[ \t]*\[SIGNATURE\]", data, re.MULTILINE)][-1]
        signed = data[:start].removesuffix(b"\n").removesuffix(b"\r")
        if hashlib.md5(signed, usedforsecurity=False).hexdigest() != fields.get("Hash", "").lower():
            found["notices"].append("the signature does not fit: the file was changed after it was written")
