"""One line for one error: what is wrong, what is allowed, what was probably meant."""

from __future__ import annotations

from typing import Any, get_args

from phantomsim.catalogue import nearest
from phantomsim.specfile import types
from phantomsim.specfile.hints import meant
from phantomsim.specfile.nodes import Node
from phantomsim.specfile.sites import Site
from phantomsim.specfile.types import Type
from phantomsim.specfile.words import describe, quote


def line(error: Any, site: Site) -> str:
    """The line for one of pydantic's errors."""
    kind, node = error["type"], site.node
    if kind == "extra_forbidden" and node is not None:
        allowed = ", ".join(types.fields(site.owner.model)) if site.owner.model else ""
        return node.at.problem(f"unknown key{likely(site)[1]}" + (f"  allowed: {allowed}" if allowed else ""))
    if node is None and isinstance(site.table.value, list):  # a list of fixed length that is too short
        return says(site.table, f"must be {describe(site.owner)}")
    if kind == "missing" or node is None:
        table = site.table
        return table.at.problem(f"missing key {quote(str(site.path[-1]))}: {describe(site.type_)}")
    if kind.startswith("union_tag"):
        return _wrong_tag(node, site.type_)
    if kind in ("value_error", "assertion_error"):
        return _misfit(error, node)
    return says(node, _must(error, site, node))


def _must(error: Any, site: Site, node: Node) -> str:
    if error["type"] in ("literal_error", "enum"):
        values = [a for m in site.type_.members for a in get_args(m.bare) if isinstance(a, str)]
        near = nearest(str(node.value), values)
        return f"must be {describe(site.type_)}" + (f'; did you mean "{near}"?' if near else "")
    if site.type_.bare is Any or error["type"] in ("custom", "url_parsing"):
        return error["msg"]
    must = f"must be {describe(site.type_)}"
    if error["type"] == "finite_number":
        return f"{must}, finite"
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
    return says(tag, f"must be one of {', '.join(map(quote, tags))}{hint}")


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


def likely(site: Site) -> tuple[str | None, str]:
    """For an unknown key: the key that was probably meant, and a hint that says so."""
    model = site.owner.model
    return meant(str(site.path[-1]), list(types.fields(model))) if model else (None, "")


def says(node: Node, must: str) -> str:
    """`file:line:column: key: is VALUE; must be ...`"""
    counted = isinstance(node.value, list) and "be a list" in must
    what = f"has {len(node.value)} item{'s' * (len(node.value) != 1)}" if counted else f"is {quote(node.value)}"
    what += " (a string)" if isinstance(node.value, str) and "one of" not in must else ""
    return node.value_at.problem(f"{what}; {must}", node.at.path)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return text in ("true", "false")
    return True
