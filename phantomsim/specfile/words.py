"""What a field takes and what a value is, in words for people."""

from __future__ import annotations

from enum import Enum
from typing import Any, Literal, get_args, get_origin

import annotated_types as at

from phantomsim.specfile.types import SEQUENCES, Type, fields, of, tags

_WORDS = {int: "a whole number", float: "a number", str: "a string", bool: "true or false", type(None): "nothing"}


def describe(type_: Type) -> str:
    """In words what a field takes: `a whole number, at least 1`, `one of "a", "b"`."""
    members = type_.members
    if tags(type_) and isinstance(type_.discriminator, str):
        return f"a table with {type_.discriminator} = {' | '.join(quote(tag) for tag in tags(type_))}"
    if len(members) > 1:
        return ", or ".join(dict.fromkeys(describe(m) for m in members))
    bounds = "".join(f", {text}" for text in map(_bound, type_.metadata) if text)
    return _noun(type_) + bounds


def _noun(type_: Type) -> str:
    bare, origin, args = type_.bare, get_origin(type_.bare), get_args(type_.bare)
    if type_.model:
        return f"a table of {', '.join(fields(type_.model))}"
    if origin is Literal:
        return f"one of {', '.join(map(quote, args))}" if len(args) > 1 else quote(args[0])
    if isinstance(bare, type) and issubclass(bare, Enum):
        return f"one of {', '.join(quote(e.value) for e in bare)}"
    if origin is tuple and args and args[-1] is not Ellipsis:
        return f"a list of {len(args)} {_plural(of(args[0])) if len(set(args)) == 1 else 'values'}"
    if origin in SEQUENCES or bare in SEQUENCES:
        return "a list" + (f" of {_plural(of(args[0]))}" if args else "")
    if origin is dict or bare is dict:
        return "a table"
    return _WORDS.get(bare, "a string" if getattr(bare, "__name__", "") == "Path" else "a value")


def _plural(type_: Type) -> str:
    words = {int: "whole numbers", float: "numbers", str: "strings"}
    return words.get(type_.bare, "tables" if all(m.model for m in type_.members) else "values")


def _bound(limit: Any) -> str:
    match limit:
        case at.Ge(ge=x):
            return f"at least {x}"
        case at.Gt(gt=x):
            return f"above {x}"
        case at.Le(le=x):
            return f"at most {x}"
        case at.Lt(lt=x):
            return f"below {x}"
        case at.MinLen(min_length=n):
            return f"at least {n} long"
        case at.MaxLen(max_length=n):
            return f"at most {n} long"
        case at.MultipleOf(multiple_of=n):
            return f"a multiple of {n}"
    pattern = getattr(limit, "pattern", None)
    return f"matching {pattern}" if pattern else ""


def quote(value: Any) -> str:
    """A value as TOML writes it, short."""
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            text = '"' + value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
            return text if len(text) <= 60 else text[:56] + '..."'
        case dict():
            return "a table"
        case list() | tuple():
            return "a list"
    return str(value)
