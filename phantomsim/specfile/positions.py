"""Where every key and value of a TOML text stands; `tomllib` checks and reads it, this only finds the places."""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_right
from dataclasses import dataclass

Path = tuple[str | int, ...]

_BLANK = re.compile(r"(?:[ \t\n]|#[^\n]*)*")
_SPACE = re.compile(r"[ \t]*")
_STRING = r'"(?:\\.|[^"\\\n])*"' + r"|'[^'\n]*'"
_LONG_STRING = r'"""(?:\\.|[^\\])*?"""(?:"{0,2})' + r"|'''.*?'''(?:'{0,2})"
_KEY = re.compile(_STRING + r"|[A-Za-z0-9_-]+")
_SCALAR = re.compile(_LONG_STRING + "|" + _STRING + r"|[^,\]}\n#]+", re.DOTALL)


@dataclass(frozen=True)
class Place:
    """Character offsets of a key (of the value where it has none, as in lists) and of its value."""

    key: int
    value: int
    end: int


def positions(text: str) -> dict[Path, Place]:
    """Places of all keys and list items of a TOML text that `tomllib` accepts; the root is `()`."""
    return _Scanner(text.replace("\r\n", "\n")).document()


class Lines:
    """Turns offsets into line and column, both from 1."""

    def __init__(self, text: str) -> None:
        text = text.replace("\r\n", "\n")
        self._starts = [0, *(m.end() for m in re.finditer("\n", text))]

    def at(self, offset: int) -> tuple[int, int]:
        line = bisect_right(self._starts, offset)
        return line, offset - self._starts[line - 1] + 1


class _Scanner:
    def __init__(self, text: str) -> None:
        self.text, self.i = text, 0
        self.places: dict[Path, Place] = {(): Place(0, 0, len(text))}
        self.counts: dict[Path, int] = {}  # length so far of each array of tables

    def document(self) -> dict[Path, Place]:
        table: Path = ()
        self.skip(_BLANK)
        while self.i < len(self.text):
            table = self.header() if self.text[self.i] == "[" else self.statement(table)
            self.skip(_BLANK)
        return self.places

    def header(self) -> Path:
        start = self.i
        many = self.text.startswith("[[", start)
        self.i += 2 if many else 1
        keys = self.dotted()
        self.i += 2 if many else 1
        path: Path = ()
        for n, (name, at) in enumerate(keys):
            path += (name,)
            self.places.setdefault(path, Place(at, at, self.i))
            if many and n == len(keys) - 1:
                self.counts[path] = self.counts.get(path, 0) + 1
            if path in self.counts:
                path += (self.counts[path] - 1,)
                self.places.setdefault(path, Place(start, start, self.i))
        # A table made by a header below it ([a.b] before [a]) is at its own header all the same.
        self.places[path] = Place(keys[-1][1] if not many else start, start, self.i)
        return path

    def statement(self, table: Path) -> Path:
        """`a.b = value`; returns the table that it stands in, which stays the current one."""
        path = table
        keys = self.dotted()
        for name, at in keys:
            path += (name,)
            self.places.setdefault(path, Place(at, at, at))
        self.i += 1  # the equals sign
        self.skip(_SPACE)
        self.value(path, keys[-1][1])
        return table

    def dotted(self) -> list[tuple[str, int]]:
        """Parts of a dotted key with their offsets; leaves the cursor on what follows (`=` or `]`)."""
        parts = []
        while True:
            self.skip(_SPACE)
            at, token = self.i, self.skip(_KEY)
            parts.append((tomllib.loads(f"k = {token}")["k"] if token[0] in "\"'" else token, at))
            self.skip(_SPACE)
            if self.text[self.i] != ".":
                return parts
            self.i += 1

    def value(self, path: Path, key: int | None = None) -> None:
        start = self.i
        key = start if key is None else key
        if self.text[start] == "[":
            self.array(path)
        elif self.text[start] == "{":
            self.inline_table(path)
        else:
            self.i = start + len(self.skip(_SCALAR).rstrip(" \t"))
        self.places[path] = Place(key, start, self.i)

    def array(self, path: Path) -> None:
        self.i += 1
        for n in range(len(self.text)):
            self.skip(_BLANK)
            if self.text[self.i] == "]":
                break
            self.value((*path, n))
            self.comma()
        self.i += 1

    def inline_table(self, path: Path) -> None:
        self.i += 1
        self.skip(_BLANK)
        while self.text[self.i] != "}":
            self.statement(path)
            self.comma()
        self.i += 1

    def comma(self) -> None:
        self.skip(_BLANK)
        if self.text[self.i] == ",":
            self.i += 1
            self.skip(_BLANK)

    def skip(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self.text, self.i)
        found = match.group() if match else ""
        self.i += len(found)
        return found
