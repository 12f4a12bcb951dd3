"""Read, change, resolve and check a specification; the one place where these steps meet."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from functools import reduce
from pathlib import Path
from typing import Any

import pydantic

from phantomsim import catalogue
from phantomsim.errors import CatalogueError, SpecError
from phantomsim.spec import Catalogued
from phantomsim.specfile import kinds, nodes, resolve, sets, types
from phantomsim.specfile.explain import explain
from phantomsim.specfile.nodes import Node
from phantomsim.specfile.words import quote


def load(source: str | Path, model: Any, changes: Sequence[str] = ()) -> Any:
    """See `phantomsim.spec.read`."""
    folder = folder_of(model)
    return _checked(_document(source, folder), model, folder, changes)


def from_sets(model: Any, changes: Sequence[str]) -> Any:
    """See `phantomsim.spec.assemble`."""
    nothing = nodes.Origin("--set")
    return _checked(Node({}, nothing, nothing), model, None, changes)


def problems(source: str | Path, changes: Sequence[str] = ()) -> list[str]:
    """See `phantomsim.spec.check`."""
    try:
        load_any(source, changes)
    except (SpecError, CatalogueError) as error:
        return str(error).splitlines()
    return []


def load_any(source: str | Path, changes: Sequence[str] = ()) -> Any:
    """A specification of any kind, told by its key `kind`. Raises SpecError, CatalogueError."""
    node = _document(source, None)
    model = kinds.load(_where(node))
    return _checked(node, model, folder_of(model), changes)


def tell(source: str | Path | None, model: Any, changes: Sequence[str], path: Sequence[str | int], what: str) -> str:
    """A line that says something of a key of a specification that `load` accepts: `file:line:column: a.b: what`.

    Args:
        source: as of `load`; None for changes alone, as of `from_sets`.
        path: of the key from the root; one that nobody wrote is placed at the nearest table above it.
    """
    nothing, folder = nodes.Origin("--set"), folder_of(model)
    node = Node({}, nothing, nothing) if source is None else _document(source, folder)
    node, _ = _resolved(node, types.of(model), folder, changes, resolve.Resolver())
    steps = list(path)
    while steps and (below := node.get(steps[0])) is not None:
        node = below
        steps.pop(0)
    return node.at.problem(what, reduce(nodes.join, steps, node.at.path))


def folder_of(model: Any) -> str | None:
    """The catalogue folder that a model is read from: its marker's, else its sub-package's; None if it has none."""
    type_ = types.of(model)
    marker = type_.marker(Catalogued)
    if marker:
        return marker.folder
    packages = {m.bare.__module__.split(".")[1] for m in type_.members if m.model and "." in m.bare.__module__}
    return next((f for f in catalogue.FOLDERS if f in packages), None)


def _document(source: str | Path, folder: str | None) -> Node:
    if isinstance(source, Path) or resolve.is_path(source) or Path(source).is_file():
        return nodes.parse(Path(source).resolve(), str(source))
    folders = [folder] if folder else list(catalogue.FOLDERS)
    for one in folders:
        if source in catalogue.names(one):
            return nodes.parse(catalogue.path(one, source), resolve.shown(catalogue.path(one, source)))
    if Path(source).exists():  # a folder, which parse tells
        return nodes.parse(Path(source).resolve(), str(source))
    known = [name for one in folders for name in catalogue.names(one)]
    raise CatalogueError(catalogue.unknown(folder or "specification", source, known))


def _where(node: Node) -> str:
    """Where the model of a document is, by its `kind` or that of its base."""
    kind = _kind(node)
    part = next((where for keys, where in kinds.PARTS.items() if keys <= set(node.value)), None)
    if kind is None and part:
        return part
    if kind is None:
        allowed = ", ".join(map(quote, kinds.KINDS))
        raise SpecError(node.at.problem(f'missing key "kind", which says what the file is: one of {allowed}'))
    if (
        kind.value == "star"
        or str(kind.value).endswith(".toml")
        or kind.value in catalogue.names(catalogue.PARTS["lesions"])
    ):
        return kinds.NOUNS["lesions"][0]
    if kind.value not in kinds.KINDS:
        near = catalogue.nearest(str(kind.value), [*kinds.KINDS, *catalogue.names(catalogue.PARTS["lesions"])])
        hint = f'; did you mean "{near}"?' if near else ""
        allowed = ", ".join(map(quote, kinds.KINDS))
        raise SpecError(kind.value_at.problem(f"is {quote(kind.value)}; must be one of {allowed}{hint}", kind.at.path))
    return kinds.KINDS[kind.value]


def _kind(node: Node) -> Node | None:
    base = node.get("base")
    if node.get("kind") or base is None or not isinstance(base.value, str):
        return node.get("kind")
    homes = [f for f in catalogue.FOLDERS if base.value in catalogue.names(f)]
    return resolve.expand(node, homes[0] if homes else catalogue.FOLDERS[0]).get("kind")


def _checked(node: Node, model: Any, folder: str | None, changes: Sequence[str]) -> Any:
    type_, resolver = types.of(model), resolve.Resolver()
    node, told = _resolved(node, type_, folder, changes, resolver)
    told += resolver.problems
    try:
        result = pydantic.TypeAdapter(model).validate_json(json.dumps(node.plain(), default=str), strict=True)
    except pydantic.ValidationError as error:
        told += explain(error, node, type_, resolver.broken)
        told = told or ["the specification is not right, but nothing says where"]
    if told:
        raise SpecError("\n".join(_in_order(told)))
    return result


def _resolved(
    node: Node, type_: types.Type, folder: str | None, changes: Sequence[str], resolver: resolve.Resolver
) -> tuple[Node, list[str]]:
    """The whole document after the changes, and what is wrong with these."""
    if not (type_.model and "base" in types.fields(type_.model)):
        node = resolve.expand(node, folder or catalogue.FOLDERS[-1])
    node, told = _changed(node, changes)
    return resolver.resolve(node, type_), told


def _in_order(told: list[str]) -> list[str]:
    """File after file as they are first named, and down each file; no line twice."""
    places = [re.match(r"(.*?):(\d+):(\d+): ", line) for line in told]
    files = list(dict.fromkeys(p[1] for p in places if p))
    keys = [(files.index(p[1]), int(p[2]), int(p[3])) if p else (-1, 0, 0) for p in places]
    return list(dict.fromkeys(told[n] for n in sorted(range(len(told)), key=keys.__getitem__)))


def _changed(node: Node, changes: Sequence[str]) -> tuple[Node, list[str]]:
    told = []
    for change in changes:
        try:
            node = sets.apply(node, change)
        except SpecError as error:
            told.append(str(error))
    return node, told
