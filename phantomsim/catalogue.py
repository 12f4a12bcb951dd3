"""The catalogue: plain files that come with phantomsim, and the tables of tissues, algorithms and readers.

`generators/`, `scanners/` and `trials/` hold TOML files that users read, copy and edit.
"""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Iterable
from pathlib import Path

from phantomsim.errors import CatalogueError

#: Folders of files; each holds what the sub-package of the same name reads.
FOLDERS = ("generators", "scanners", "trials")


def root() -> Path:
    """The catalogue's folder: `$PHANTOMSIM_CATALOGUE`, else the installed one, else the checkout's."""
    chosen = os.environ.get("PHANTOMSIM_CATALOGUE")
    if chosen:
        if not Path(chosen).is_dir():
            raise CatalogueError(f"PHANTOMSIM_CATALOGUE={chosen}: no such folder; unset it or name one that exists")
        return Path(chosen)
    here = Path(__file__).resolve().parent
    installed = here / "_catalogue"
    return installed if installed.is_dir() else here.parent


def names(folder: str) -> list[str]:
    """Names in a folder of files (`scanners`, `generators/labels`, ...), sorted."""
    return sorted(p.stem for p in (root() / folder).glob("*.toml"))


def path(folder: str, name: str) -> Path:
    """The file of a name. Raises CatalogueError, with the nearest name, if there is none."""
    known = names(folder)
    if name not in known:
        raise CatalogueError(unknown(folder, name, known))
    return root() / folder / f"{name}.toml"


def description(file: Path) -> str:
    """One line on a catalogue file: its `description` or `title`, up to the first full stop or line end."""
    try:
        data = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        return f"(cannot be read: {error})"
    return first_sentence(str(data.get("title") or data.get("description") or ""))


def first_sentence(text: str) -> str:
    """The first sentence of a text, on one line."""
    paragraph = " ".join(text.strip().split("\n\n")[0].split())
    return paragraph.partition(". ")[0].rstrip(".")


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that looks most like `name`; None if none does."""
    by_lower = {k.lower(): k for k in known}
    found = difflib.get_close_matches(name.lower(), by_lower, 1, 0.6)
    found = found or [k for k in by_lower if len(name) > 2 and (name.lower() in k)][:1]
    return by_lower[found[0]] if found else None


def unknown(folder: str, name: str, known: list[str]) -> str:
    """The message for a name that is not in a catalogue folder."""
    near = nearest(name, known)
    kind = folder.split("/")[-1].removesuffix("s")
    hint = f'; nearest: "{near}"' if near else f"; allowed: {', '.join(known) or 'none'}" if len(known) <= 8 else ""
    return f'no {kind} "{name}"{hint}. List all: phantomsim catalogue {folder.split("/")[0]}'
