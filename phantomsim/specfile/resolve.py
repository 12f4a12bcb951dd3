"""Turn what a file writes in short into whole tables: catalogue names, paths, `base`, names within a sibling."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from phantomsim import catalogue
from phantomsim.errors import CatalogueError, SpecError
from phantomsim.spec import Catalogued, FilePath, Marker, Shorthand, Within
from phantomsim.specfile import nodes, types
from phantomsim.specfile.nodes import Node, Origin
from phantomsim.specfile.sets import merge
from phantomsim.specfile.words import quote

Steps = tuple[str | int, ...]


class Resolver:
    """Resolves one document, and collects what is wrong with its references.

    Attributes:
        problems: one line each.
        broken: places in the resolved document of which the problem is told already.
    """

    def __init__(self) -> None:
        self.problems: list[str] = []
        self.broken: set[Steps] = set()

    def resolve(self, node: Node, type_: types.Type, at: Steps = (), siblings: Node | None = None) -> Node:
        """The node with every reference at and below it replaced by what it refers to."""
        if not isinstance(node.value, dict | list) and len(type_.members) > 1:
            marked = [m for m in type_.members if m.marker(Marker)]
            type_ = marked[0] if isinstance(node.value, str) and marked and not type_.marker(Marker) else type_
        try:
            node = self._refer(node, type_, siblings)
        except (SpecError, CatalogueError) as error:
            self.problems += str(error).splitlines()
            self.broken.add(at)
            return node
        except _Follows:
            self.broken.add(at)
            return node
        return self._children(node, types.choose(type_, node.plain()), at)

    def _children(self, node: Node, type_: types.Type, at: Steps) -> Node:
        if isinstance(node.value, list):
            items = [self.resolve(n, type_.item(i), (*at, i)) for i, n in enumerate(node.value)]
            return replace(node, value=items)
        if not isinstance(node.value, dict):
            return node
        keys = sorted(node.value, key=lambda k: bool(type_.item(k).marker(Within)))  # after what they refer to
        for key in keys:
            child = node.value[key]
            siblings = None if any((*at, s) in self.broken for s in _sibling(type_.item(key))) else node
            child = self.resolve(child, type_.item(key), (*at, key), siblings)
            node = replace(node, value={**node.value, key: child})
        return node

    def _refer(self, node: Node, type_: types.Type, siblings: Node | None) -> Node:
        marker = type_.marker(Marker)
        if isinstance(marker, Catalogued):
            return node if node.value in marker.words else expand(node, marker.folder)
        if isinstance(marker, Within):
            return _within(node, marker, siblings)
        if isinstance(marker, Shorthand):
            return _shorthand(node, marker.key)
        return _absolute(node) if type_.marker(FilePath) else node


class _Follows(Exception):
    """Nothing can be said here because what it refers to is wrong, which is told there."""


def _sibling(type_: types.Type) -> list[str]:
    marker = type_.marker(Within)
    return [marker.sibling] if marker else []


def expand(node: Node, folder: str, seen: tuple[Path, ...] = ()) -> Node:
    """A whole table from a catalogue name, a path, or a table with `base`.

    Raises:
        SpecError: no such file, one that is no TOML, or files that refer to each other in a circle.
        CatalogueError: no such name.
    """
    if isinstance(node.value, str):
        file = find(node, folder)
        if file in seen:
            circle = " -> ".join(p.name for p in (*seen[seen.index(file) :], file))
            raise SpecError(node.value_at.problem(f"base refers to itself: {circle}"))
        return expand(nodes.parse(file, shown(file)), folder, (*seen, file))
    if isinstance(node.value, dict) and "base" in node.value:
        base, rest = _split(node)
        return merge(expand(base, folder, seen), rest)
    return node


def find(node: Node, folder: str) -> Path:
    """The file that a string refers to: a path where it holds a slash or ends in .toml, else a catalogue name."""
    text = node.value
    if not is_path(text):
        try:
            return catalogue.path(folder, text)
        except CatalogueError as error:
            raise CatalogueError(node.value_at.problem(str(error))) from None
    file = Path(_from_file(text, node.value_at))
    if not file.is_file():
        hint = catalogue.nearest(file.name, [p.name for p in file.parent.glob("*.toml")])
        near = f"; nearest: {hint}" if hint else "" if file.parent.is_dir() else f" (no folder {file.parent})"
        raise SpecError(node.value_at.problem(f"no file {text}{near}; looked for {file}"))
    return file.resolve()


def is_path(text: str) -> bool:
    """Whether a reference is a path rather than a catalogue name."""
    return "/" in text or "\\" in text or text.endswith(".toml")


def shown(file: Path) -> str:
    """A file as errors name it: from the current folder where it lies below, else in full."""
    try:
        return str(file.relative_to(Path.cwd()))
    except (ValueError, OSError):
        return str(file)


def _from_file(text: str, origin: Origin) -> str:
    folder = origin.file.parent if origin.file else Path.cwd()
    return os.path.abspath(folder / Path(text).expanduser())


def _split(node: Node) -> tuple[Node, Node]:
    """`base`, and the table without it."""
    base = node.value["base"]
    if not isinstance(base.value, str):
        raise SpecError(base.value_at.problem(f"is {quote(base.value)}; must be a name or a path", base.at.path))
    return base, replace(node, value={k: v for k, v in node.value.items() if k != "base"})


def _within(node: Node, marker: Within, siblings: Node | None) -> Node:
    if isinstance(node.value, dict) and "base" in node.value:
        base, rest = _split(node)
        return merge(_within(base, marker, siblings), rest)
    if not isinstance(node.value, str):
        return node
    owner = siblings.get(marker.sibling) if siblings else None
    table = owner.get(marker.table) if owner else None
    if table is None or not isinstance(table.value, dict):
        raise _Follows
    if node.value not in table.value:
        near = catalogue.nearest(node.value, table.value)
        hint = f'; did you mean "{near}"?' if near else ";"
        allowed = f"{hint}  allowed: {', '.join(table.value) or 'none'} ({marker.table} of this {marker.sibling})"
        raise SpecError(node.value_at.problem(f'no {marker.table.removesuffix("s")} "{node.value}"{allowed}'))
    return table.value[node.value]


def _shorthand(node: Node, key: str) -> Node:
    if isinstance(node.value, str):
        return replace(node, value={key: replace(node, at=node.value_at)})
    if isinstance(node.value, dict) and "base" in node.value and key not in node.value:
        base, rest = _split(node)
        return replace(rest, value={key: base, **rest.value})
    return node


def _absolute(node: Node) -> Node:
    if not isinstance(node.value, str) or node.value[:1] in ("$", ""):
        return node
    return replace(node, value=_from_file(node.value, node.value_at))
