"""A TOML document as nodes that remember where they were written, however they are merged later."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from phantomsim.errors import SpecError
from phantomsim.specfile.positions import Lines, positions

#: No specification is longer; it keeps a data file that was named by mistake out of memory.
MAX_BYTES = 16_000_000


@dataclass(frozen=True)
class Origin:
    """Where something was written.

    Attributes:
        where: `file:line:column`, or `--set a.b=value`.
        path: key path in that file; for `--set` the keys that it names.
        file: the file; None for `--set`.
    """

    where: str
    path: str = ""
    file: Path | None = None

    def problem(self, what: str, path: str | None = None) -> str:
        """One line: where, which key, what."""
        path = self.path if path is None else path
        named = "" if not path or (self.file is None and path == self.path) else f"{path}: "
        return " ".join(f"{self.where}: {named}{what}".split("\n"))


@dataclass(frozen=True)
class Node:
    """A value and its origins: `at` is the key (or list item), `value_at` the value itself.

    Tables hold nodes by name, lists hold nodes, anything else is a plain value.
    """

    value: Any
    at: Origin
    value_at: Origin

    @property
    def is_set(self) -> bool:
        return self.at.file is None

    def get(self, step: str | int) -> Node | None:
        """The child of that key or number; None if there is none."""
        if isinstance(self.value, dict):
            return self.value.get(step)
        if isinstance(self.value, list) and isinstance(step, int) and 0 <= step < len(self.value):
            return self.value[step]
        return None

    def plain(self) -> Any:
        """The value without origins."""
        if isinstance(self.value, dict):
            return {k: n.plain() for k, n in self.value.items()}
        if isinstance(self.value, list):
            return [n.plain() for n in self.value]
        return self.value


def join(path: str, step: str | int) -> str:
    """`a` and `b` give `a.b`, `a` and 0 give `a[0]`; keys that need quotes get them."""
    if isinstance(step, int):
        return f"{path}[{step}]"
    step = step if re.fullmatch(r"[A-Za-z0-9_-]+", step) else '"' + step.replace('"', '\\"') + '"'
    return f"{path}.{step}" if path else step


def parse(file: Path, shown: str | None = None) -> Node:
    """Read a TOML file. `shown` is how errors name it. Raises SpecError for no file, bad UTF-8 or bad TOML."""
    shown = shown or str(file)
    try:
        if file.stat().st_size > MAX_BYTES:
            raise SpecError(
                f"{shown}: is larger than {MAX_BYTES // 1_000_000} MB; a specification is a short TOML text"
            )
        text = file.read_bytes().decode("utf-8-sig")  # editors of Windows begin a file with a mark
        data = tomllib.loads(text)
    except FileNotFoundError:
        raise SpecError(f"{shown}: no such file") from None
    except IsADirectoryError:
        raise SpecError(f"{shown}: is a folder; name a TOML file") from None
    except OSError as error:
        raise SpecError(f"{shown}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise SpecError(f"{shown}: byte {error.start} is not UTF-8; a specification is a TOML text") from None
    except tomllib.TOMLDecodeError as error:
        raise SpecError(_syntax_error(shown, text, str(error))) from None
    except RecursionError:
        raise SpecError(f"{shown}: is nested too deeply") from None
    return _build(data, text, file, shown)


def _syntax_error(shown: str, text: str, message: str) -> str:
    found = re.fullmatch(r"(.*) \(at line (\d+), column (\d+)\)", message, re.DOTALL)
    if found:
        return f"{shown}:{found[2]}:{found[3]}: not TOML: {found[1]}"
    line, column = Lines(text).at(len(text.replace("\r\n", "\n").rstrip("\n")))
    return f"{shown}:{line}:{column}: not TOML: {message}"


def _build(data: Any, text: str, file: Path, shown: str) -> Node:
    places, lines = positions(text), Lines(text)

    def origin(offset: int, dotted: str) -> Origin:
        line, column = lines.at(offset)
        return Origin(f"{shown}:{line}:{column}", dotted, file)

    def node(value: Any, path: tuple[str | int, ...], dotted: str) -> Node:
        if isinstance(value, dict):
            value = {k: node(v, (*path, k), join(dotted, k)) for k, v in value.items()}
        elif isinstance(value, list):
            value = [node(v, (*path, n), join(dotted, n)) for n, v in enumerate(value)]
        place = places[path]
        return Node(value, origin(place.key, dotted), origin(place.value, dotted))

    return node(data, (), "")
