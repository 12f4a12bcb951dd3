"""Writes Pulseq files: the same tables give the same bytes."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable

import numpy as np

from phantomsim.errors import FormatError
from phantomsim.formats.pulseq.shapes import pack
from phantomsim.formats.pulseq.tables import PulseqFile
from phantomsim.store import atomic_file


def write(path: str | os.PathLike[str], file: PulseqFile) -> None:
    """Write a .seq file of the version that the tables name (1.4.x or 1.5.x), signed by its md5.

    Numbers keep 12 significant digits. Delays that are no whole microseconds are written as they are.

    Raises:
        FormatError: the version cannot hold what the tables do.
    """
    with atomic_file(path) as part:
        part.write(text(file).encode())


def text(file: PulseqFile) -> str:
    """The file's text."""
    v15 = file.version[:2] >= (1, 5)
    if not v15 and (np.any(file.rf[:, 7:9]) or np.any(file.adc[:, 4:6]) or file.rotations):
        raise FormatError("Pulseq 1.4 has no offsets in ppm and no rotations; write version 1.5")
    parts = ["# Pulseq sequence file\n", _version(file), _definitions(file), _blocks(file)]
    rf = file.rf if v15 else np.delete(file.rf, (5, 7, 8), 1)
    parts += [_table("[RF]", rf, file.rf_use if v15 else None)]
    parts += [_table("[GRADIENTS]", file.gradients if v15 else np.delete(file.gradients, (2, 3), 1))]
    parts += [_table("[TRAP]", file.traps), _table("[ADC]", file.adc if v15 else np.delete(file.adc, (4, 5, 8), 1))]
    parts += [_table("[EXTENSIONS]", file.extensions), _extensions(file), _shapes(file)]
    body = "\n".join(part for part in parts if part)
    digest = hashlib.md5(body.encode(), usedforsecurity=False).hexdigest()
    return f"{body}\n[SIGNATURE]\nType md5\nHash {digest}\n"


def _version(file: PulseqFile) -> str:
    major, minor, revision = file.version
    return f"[VERSION]\nmajor {major}\nminor {minor}\nrevision {revision}\n"


def _definitions(file: PulseqFile) -> str:
    lines = "".join(f"{key} {value}\n" for key, value in sorted(file.definitions.items()))
    return f"[DEFINITIONS]\n{lines}" if lines else ""


def _blocks(file: PulseqFile) -> str:
    width = len(str(len(file.blocks)))
    rows = np.column_stack([np.arange(1, len(file.blocks) + 1), file.blocks]).tolist()
    pattern = f"%{width}d %4d %3d %3d %3d %3d %2d %2d"
    return "[BLOCKS]\n" + "".join(pattern % tuple(row) + "\n" for row in rows)


def _table(header: str, table: np.ndarray, last: Iterable[str] | None = None) -> str:
    if not len(table):
        return ""
    lines = [" ".join(f"{value:.12g}" for value in row) for row in table.tolist()]
    if last is not None:
        lines = [f"{line} {use}" for line, use in zip(lines, last)]
    return header + "\n" + "\n".join(lines) + "\n"


def _extensions(file: PulseqFile) -> str:
    parts = []
    for number, name in sorted(file.extension_types.items()):
        if name in ("LABELSET", "LABELINC"):
            labels = file.label_set if name == "LABELSET" else file.label_inc
            lines = [f"{i} {value} {label}" for i, (value, label) in sorted(labels.items())]
        elif name == "ROTATIONS":
            lines = [f"{i} " + " ".join(f"{q:.12g}" for q in quaternion) for i, quaternion in file.rotations.items()]
        else:
            continue
        parts.append(f"extension {name} {number}\n" + "\n".join(lines) + "\n")
    return "\n".join(parts)


def _shapes(file: PulseqFile) -> str:
    parts = ["[SHAPES]\n"] if file.shapes else []
    for name, shape in sorted(file.shapes.items()):
        lines = "\n".join(f"{value:.12g}" for value in pack(shape).tolist())
        parts.append(f"shape_id {name}\nnum_samples {len(shape)}\n{lines}\n")
    return "\n".join(parts)
