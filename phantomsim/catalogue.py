"""The catalogue: plain files that come with phantomsim, and the tables of tissues, algorithms and readers.

`generators/`, `scanners/` and `trials/` hold TOML files that users read, copy and edit; `generators/lesions`, `phases`
and `labels` hold what those name.

    for name, what in catalogue.entries("scanners"): ...
    print(catalogue.show("ct-64"))
    catalogue.copy("ct-64", "my-ct.toml")
"""

from __future__ import annotations

import difflib
import os
import shutil
import tomllib
from collections.abc import Iterable
from pathlib import Path

from phantomsim.errors import CatalogueError

#: Folders of files; each holds what the sub-package of the same name reads.
FOLDERS = ("generators", "scanners", "trials")
#: Folders within those: what generators and trials name.
PARTS = {"lesions": "generators/lesions", "phases": "generators/phases", "labels": "generators/labels"}
#: Tables in the code; phantomsim.specfile.listing reads them.
TABLES = ("tissues", "algorithms", "readers")


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


def entries(noun: str) -> list[tuple[str, str]]:
    """Names and one line about each, of a folder or table. Raises CatalogueError for an unknown noun."""
    if noun in FOLDERS or noun in PARTS:
        folder = PARTS.get(noun, noun)
        return [(name, _description(path(folder, name))) for name in names(folder)]
    if noun in TABLES:
        from phantomsim.specfile import listing

        return listing.entries(noun)
    raise CatalogueError(f'the catalogue has no "{noun}"; it has {", ".join((*FOLDERS, *PARTS, *TABLES))}')


def show(name: str) -> str:
    """The text of an entry: a file as it is, or the TOML of a table's entry.

    Args:
        name: a name, or `noun/name` where several nouns have it.
    Raises:
        CatalogueError: no such name, or several.
    """
    noun, name = _noun_of(name)
    if noun in FOLDERS or noun in PARTS:
        return path(PARTS.get(noun, noun), name).read_text(encoding="utf-8")
    from phantomsim.specfile import listing

    return listing.show(noun, name)


def copy(name: str, destination: str | Path, force: bool = False) -> Path:
    """Copy a file of the catalogue, such as a generator's, scanner's, trial's or lesion's, to edit it.

    Args:
        name: as for `show`.
        destination: a file, or a folder, where it keeps its name.
        force: whether a file that is there is overwritten.
    Returns:
        The file written.
    Raises:
        CatalogueError: no such name, no file of its own, or a file is in the way.
    """
    noun, name = _noun_of(name)
    if noun in TABLES:
        raise CatalogueError(
            f'"{name}" is one of the {noun}, which have no files to copy; see: {_command("show", name)}'
        )
    target = Path(destination).expanduser()
    target = target / f"{name}.toml" if target.is_dir() or str(destination).endswith(os.sep) else target
    if target.exists() and not force:
        raise CatalogueError(f"{target} exists; choose another name, or add --force to overwrite it")
    if not target.parent.is_dir():
        raise CatalogueError(f"no folder {target.parent} to copy to; make it first")
    shutil.copyfile(path(PARTS.get(noun, noun), name), target)
    return target


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that looks most like `name`; None if none does."""
    by_lower = {k.lower(): k for k in known}
    found = difflib.get_close_matches(name.lower(), by_lower, 1, 0.6)
    found = found or [k for k in by_lower if len(name) > 1 and name.lower() in k][:1]
    return by_lower[found[0]] if found else None


def unknown(folder: str, name: str, known: list[str]) -> str:
    """The message for a name that is not in a catalogue folder."""
    near = nearest(name, known)
    kind = folder.split("/")[-1].removesuffix("s")
    hint = f'; nearest: "{near}"' if near else f"; allowed: {', '.join(known) or 'none'}" if len(known) <= 8 else ""
    return f'no {kind} "{name}"{hint}. List all: {_command(folder.split("/")[-1])}'


def first_sentence(text: str) -> str:
    """The first sentence of a text, on one line."""
    paragraph = " ".join(text.strip().split("\n\n")[0].split())
    return paragraph.partition(". ")[0].rstrip(".")


def _description(file: Path) -> str:
    """One line on a catalogue file, from its `title` or `description`."""
    try:
        data = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        return f"(cannot be read: {error})"
    return first_sentence(str(data.get("title") or data.get("description") or ""))


def _noun_of(name: str) -> tuple[str, str]:
    noun, slash, rest = name.rpartition("/")
    nouns = [noun] if slash else [*FOLDERS, *PARTS, *TABLES]
    found = {one: [n for n, _ in entries(one)] for one in nouns}
    homes = [one for one, known in found.items() if rest in known]
    if len(homes) > 1:
        both = " or ".join(f"{home}/{rest}" for home in homes)
        raise CatalogueError(f'"{rest}" is the name of several things; say {both}')
    if not homes:
        near = nearest(rest, [n for known in found.values() for n in known])
        hint = f'; nearest: "{near}"' if near else ""
        raise CatalogueError(f'nothing in the catalogue is called "{name}"{hint}. List all: {_command()}')
    return homes[0], rest


def _command(*words: str) -> str:
    return " ".join(("phantomsim catalogue", *words))
