"""Where in a document pydantic's errors are."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from phantomsim.specfile import types
from phantomsim.specfile.nodes import Node
from phantomsim.specfile.types import Type

Steps = tuple[str | int, ...]


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
