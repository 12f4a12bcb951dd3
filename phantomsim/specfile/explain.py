"""pydantic's errors as lines for people: where it was written, which key, what is allowed, what was meant."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Set
from dataclasses import dataclass, replace
from typing import Any, get_args

import pydantic

from phantomsim.catalogue import nearest
from phantomsim.specfile import types
from phantomsim.specfile.hints import meant
from phantomsim.specfile.nodes import Node
from phantomsim.specfile.types import Type, describe, quote

Steps = tuple[str | int, ...]

#: Errors about a number or text of the right type; in a union they say more than "is of no allowed type".
_RIGHT_TYPE = ("greater_than", "less_than", "multiple_of", "string_", "too_", "value_error", "finite_number")


@dataclass(frozen=True)
class Site:
    """Where in the document one error is.

    Attributes:
        path: keys and numbers from the root; the last may be a key that is missing.
        node: the value there; None if it is missing.
        table: the table or list that holds it.
        type_: what it should be.
        owner: what holds it should be.
        union, member: path of the union without tag that it lies in (None if none), and which member it is of.
    """

    path: Steps
    node: Node | None
    table: Node
    type_: Type
    owner: Type = Type(Any)
    union: Steps | None = None
    member: str = ""


def explain(error: pydantic.ValidationError, root: Node, type_: Type, broken: Set[Steps]) -> list[str]:
    """One line for each thing that is wrong, in the order of the file, none twice."""
    found = [(e, locate(tuple(e["loc"]), root, type_)) for e in error.errors(include_url=False)]
    found = [(e, s) for e, s in found if not any(s.path[:n] in broken for n in range(len(s.path) + 1))]
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
    problems += [_line(e, s) for e, s in single if not _told(e, s, single, wrong)]
    return list(dict.fromkeys(problems))


def _told(error: Any, site: Site, others: list[tuple[Any, Site]], wrong: Set[Steps]) -> bool:
    """Whether another error says it: a misspelt key is not missing too, wrong items are not also too few."""
    if error["type"] == "missing":
        return any(e["type"] == "extra_forbidden" and _instead(s) == site.path for e, s in others)
    below = [path for path in wrong if len(path) > len(site.path) and path[: len(site.path)] == site.path]
    return error["type"] == "too_short" and bool(below)


def _instead(site: Site) -> Steps:
    return (*site.path[:-1], _meant(site)[0] or "")


def locate(loc: Steps, root: Node, type_: Type) -> Site:
    """Follow pydantic's location, which also names members of unions, through the document."""
    site = Site((), root, root, type_)
    for step in loc:
        type_ = site.type_
        if len(type_.members) > 1:
            tagged = types.tags(type_).get(str(step))
            if tagged or type_.discriminator:
                site = replace(site, type_=tagged or type_)
            else:
                site = replace(site, type_=_member(type_, str(step)), union=site.path, member=str(step))
            continue
        if site.node is None or not isinstance(site.node.value, dict | list) or step == "[key]":
            break
        path, node = (*site.path, step), site.node.get(step)
        site = replace(site, path=path, node=node, table=site.node, type_=type_.item(step), owner=type_)
    return site


def _member(type_: Type, label: str) -> Type:
    """The member of a union that pydantic calls so (`float`, `Range`, `function-after[check(), Range]`)."""
    named = [m for m in type_.members if getattr(m.bare, "__name__", "") in (label, label.split("-")[-1])]
    inside = [m for m in type_.members if m.model and m.model.__name__ in label]
    return (named or inside or [Type(Any)])[0]


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
    return _is(node, f"must be {describe(type_)}")


def _line(error: Any, site: Site) -> str:
    kind, node = error["type"], site.node
    if kind == "extra_forbidden" and node is not None:
        allowed = ", ".join(types.fields(site.owner.model)) if site.owner.model else ""
        return node.at.problem(f"unknown key{_meant(site)[1]}" + (f"  allowed: {allowed}" if allowed else ""))
    if node is None and isinstance(site.table.value, list):  # a list of fixed length that is too short
        return _is(site.table, f"must be {describe(site.owner)}")
    if kind == "missing" or node is None:
        table = site.table
        return table.at.problem(f"missing key {quote(str(site.path[-1]))}: {describe(site.type_)}")
    if kind.startswith("union_tag"):
        return _wrong_tag(node, site.type_)
    if kind in ("value_error", "assertion_error"):
        return _misfit(error, node)
    return _is(node, _must(error, site, node))


def _must(error: Any, site: Site, node: Node) -> str:
    if error["type"] in ("literal_error", "enum"):
        values = [a for m in site.type_.members for a in get_args(m.bare) if isinstance(a, str)]
        near = nearest(str(node.value), values)
        return f"must be {describe(site.type_)}" + (f'; did you mean "{near}"?' if near else "")
    if site.type_.bare is Any or error["type"] in ("custom", "url_parsing"):
        return error["msg"]
    must = f"must be {describe(site.type_)}"
    if error["type"] == "int_type" and isinstance(node.value, float) and node.value.is_integer():
        return f"{must}; write {node.value:.0f}"
    if error["type"] in ("int_type", "float_type", "bool_type") and isinstance(node.value, str):
        return f"{must}, without quotes" if _is_number(node.value) else must
    return must


def _wrong_tag(node: Node, type_: Type) -> str:
    key = type_.discriminator if isinstance(type_.discriminator, str) else "kind"
    tags, tag = list(types.tags(type_)), node.get(key)
    if tag is None:
        return node.at.problem(f"missing key {quote(key)}: one of {', '.join(map(quote, tags))}")
    near = nearest(str(tag.value), tags)
    hint = f'; did you mean "{near}"?' if near else ""
    return _is(tag, f"must be one of {', '.join(map(quote, tags))}{hint}")


def _misfit(error: Any, node: Node) -> str:
    """A validator's own words, at the table that it checks or at the key that it names (spec.Misfit)."""
    cause = error.get("ctx", {}).get("error")
    path = node.at.path
    for step in getattr(cause, "path", ()):
        child = node.get(step)
        if child is None:
            break
        node, path = child, child.at.path
    return node.at.problem(str(cause or error["msg"]), path)


def _meant(site: Site) -> tuple[str | None, str]:
    model = site.owner.model
    return meant(str(site.path[-1]), list(types.fields(model))) if model else (None, "")


def _is(node: Node, must: str) -> str:
    what = f"has {len(node.value)} items" if isinstance(node.value, list) else f"is {quote(node.value)}"
    what += " (a string)" if isinstance(node.value, str) and "one of" not in must else ""
    return node.value_at.problem(f"{what}; {must}", node.at.path)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return text in ("true", "false")
    return True
