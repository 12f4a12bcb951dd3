"""Splits a Pulseq file into its sections and reads tables of numbers, with line numbers for errors."""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass

import numpy as np

from phantomsim.errors import FormatError

HEADER = re.compile(r"^[ \t]*(\[[A-Z]+\]|extension[ \t]+[A-Za-z_]+[ \t]+\d+)[ \t\r]*$", re.MULTILINE)
COMMENT = re.compile(r"#.*")
FILLED = re.compile(r"\S[^\n]*")  # a line that is not blank


@dataclass(frozen=True)
class Section:
    """Text below a header.

    Attributes:
        name: of the header, without brackets.
        line: number of the first line of the body, from 1.
        file: its path, for errors.
    """

    name: str
    body: str
    line: int
    file: str

    def fail(self, what: str, offset: int = 0) -> FormatError:
        """An error at a place of the body."""
        line = self.line + self.body.count("\n", 0, offset)
        return FormatError(f"{self.file}:{line}: [{self.name}] {what}")

    def lines(self) -> list[tuple[int, str]]:
        """Lines that hold something besides comments, with their offsets."""
        found, offset = [], 0
        for line in self.body.split("\n"):
            kept = line.split("#", 1)[0].strip()
            if kept:
                found.append((offset, kept))
            offset += len(line) + 1
        return found

    def table(self, columns: int, what: str) -> np.ndarray:
        """Numbers, so many a line, float64 [line, column].

        Raises:
            FormatError: a line that holds something else.
        """
        body = COMMENT.sub("", self.body) if "#" in self.body else self.body
        rows = len(FILLED.findall(body))
        values = numbers(body)
        if values is None or len(values) != rows * columns or not np.isfinite(values).all():
            raise self._wrong_line(columns, what)
        return values.reshape(rows, columns)

    def _wrong_line(self, columns: int, what: str) -> FormatError:
        for offset, line in self.lines():
            values = numbers(line)
            if values is None or len(values) != columns or not np.isfinite(values).all():
                return self.fail(f"{line[:60]!r} is no {what}; must be {columns} numbers", offset)
        return self.fail(f"holds a line that is no {what}")


def numbers(text: str) -> np.ndarray | None:
    """All numbers of a text, or None if it holds anything else."""
    if not text.strip():
        return np.zeros(0)
    with warnings.catch_warnings():
        warnings.simplefilter("error", DeprecationWarning)
        try:
            return np.fromstring(text, sep=" ")
        except (DeprecationWarning, ValueError):
            return None


def split(text: str, file: str) -> list[Section]:
    """Sections in the order of the file.

    Raises:
        FormatError: there is none, or text before the first.
    """
    marks = list(HEADER.finditer(text))
    if not marks:
        raise FormatError(f"{file}: not a Pulseq file: it has no section such as [VERSION]")
    if COMMENT.sub("", text[: marks[0].start()]).strip():
        raise FormatError(f"{file}:1: not a Pulseq file: it holds text before its first section")
    found, line, at = [], 1, 0
    for mark, end in zip(marks, [m.start() for m in marks[1:]] + [len(text)]):
        line, at = line + text.count("\n", at, mark.end()), mark.end()
        found.append(Section(mark.group(1).strip("[]"), text[mark.end() : end], line, file))
    return found
