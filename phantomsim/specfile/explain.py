"""pydantic's errors as lines for people: where it was written, which key, what is allowed, what was meant."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Set
from typing import Any

import pydantic

from phantomsim.specfile import types
from phantomsim.specfile.lines import likely, line, says
from phantomsim.specfile.nodes import Node
from phantomsim.specfile.sites import Site, Steps, locate
from phantomsim.specfile.types import Type
from phantomsim.specfile.words import describe

#: Errors about a number or text of the right type; in a union they say more than "is of no allowed type".
_RIGHT_TYPE = ("greater_than", "less_than", "multiple_of", "string_", "too_", "value_error", "finite_number")


def explain(error: pydantic.ValidationError, root: Node, type_: Type, broken: Set[Steps]) -> list[str]:
    """One line for each thing that is wrong, in the order of the file, none twice."""
    found = [(e, locate(tuple(e["loc"]), root, type_)) for e in error.errors(include_url=False)]
    found = [(e, s) for e, s in found if not any(s.path[:n] in broken for n in range(len(s.path) + 1))]
    # A file of another kind has other keys: that it is of another kind is all there is to say.
    found = [(e, s) for e, s in found if e["type"] == "literal_error" and s.path == ("kind",)] or found
    problems = []
    unions = defaultdict(list)
    for e, s in found:
        if s.union is not None:
            unions[s.union].append((e, s))
    single = [(e, s) for e, s in found if s.union is None]
    for path, group in unions.items():
        kept = _likeliest(group)
        single += kept
        if not kept:
            problems.append(_wrong_union(root, type_, path))
    wrong = {*broken, *(s.path for _, s in single)}
    problems += [line(e, s) for e, s in single if not _told(e, s, single, wrong)]
    return list(dict.fromkeys(problems))


def _told(error: Any, site: Site, others: list[tuple[Any, Site]], wrong: Set[Steps]) -> bool:
    """Whether another error says it: a misspelt key is not missing too, wrong items are not also too few."""
    if error["type"] == "missing":
        return any(e["type"] == "extra_forbidden" and _instead(s) == site.path for e, s in others)
    below = [path for path in wrong if len(path) > len(site.path) and path[: len(site.path)] == site.path]
    return error["type"] == "too_short" and bool(below)


def _instead(site: Site) -> Steps:
    return (*site.path[:-1], likely(site)[0] or "")


def _likeliest(group: list[tuple[Any, Site]]) -> list[tuple[Any, Site]]:
    """Of the errors of all members of a union those that help: of the member that was meant."""
    by_member = defaultdict(list)
    for e, s in group:
        by_member[s.member].append((e, s))
    inner = [errors for errors in by_member.values() if any(len(s.path) > len(s.union or ()) for _, s in errors)]
    right = [errors for errors in by_member.values() if errors[0][0]["type"].startswith(_RIGHT_TYPE)]
    right = [errors for errors in right if errors[0][0]["type"] != "string_type"]
    return min(inner or right, key=len, default=[])


def _wrong_union(root: Node, type_: Type, path: Steps) -> str:
    site = locate((), root, type_)
    node, type_ = root, site.type_
    for step in path:
        type_ = types.choose(type_, node.plain()).item(step)
        node = node.get(step) or node
    return says(node, f"must be {describe(type_)}")
