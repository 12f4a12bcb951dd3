"""What a field may hold, read from its annotation: markers, union members, element types, words for people."""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import annotated_types as at
import pydantic
from pydantic.fields import FieldInfo

_SEQUENCES = (list, tuple, set, frozenset)
_WORDS = {int: "a whole number", float: "a number", str: "a string", bool: "true or false", type(None): "nothing"}


@dataclass(frozen=True)
class Type:
    """An annotation taken apart: the bare type, what `Annotated` or `Field` adds to it, the discriminator."""

    bare: Any
    metadata: tuple[Any, ...] = ()
    discriminator: Any = None

    def marker(self, kind: type) -> Any:
        """The marker of that class; None if the field has none."""
        return next((m for m in self.metadata if isinstance(m, kind)), None)

    @property
    def model(self) -> type[pydantic.BaseModel] | None:
        is_model = isinstance(self.bare, type) and issubclass(self.bare, pydantic.BaseModel)
        return self.bare if is_model else None

    @property
    def members(self) -> list[Type]:
        """Members of a union, without None; the type itself where it is no union."""
        if get_origin(self.bare) not in (Union, types.UnionType):
            return [self]
        return [member for arg in get_args(self.bare) for member in of(arg).members if arg is not type(None)]

    def item(self, step: str | int) -> Type:
        """Type of what stands at a key or number; `Any` where it is not known."""
        if self.model:
            return fields(self.model).get(str(step), Type(Any))
        args = get_args(self.bare)
        origin = get_origin(self.bare)
        if isinstance(origin, type) and issubclass(origin, Mapping) and len(args) == 2:
            return of(args[1])
        if origin is tuple and args and args[-1] is not Ellipsis:
            return of(args[step]) if isinstance(step, int) and step < len(args) else Type(Any)
        return of(args[0]) if origin in _SEQUENCES and args else Type(Any)


def of(annotation: Any, metadata: tuple[Any, ...] = (), discriminator: Any = None) -> Type:
    """Take an annotation apart. A union of one type and None is that type."""
    if hasattr(annotation, "__value__"):  # type X = ...
        return of(annotation.__value__, metadata, discriminator)
    if get_origin(annotation) is Annotated:
        inner, *extra = get_args(annotation)
        for one in extra:
            if isinstance(one, FieldInfo):
                discriminator = discriminator or one.discriminator
                metadata += tuple(one.metadata)
            elif isinstance(one, pydantic.Discriminator):
                discriminator = one
            else:
                metadata += (one,)
        return of(inner, metadata, discriminator)
    if get_origin(annotation) in (Union, types.UnionType):
        inner = [a for a in get_args(annotation) if a is not type(None)]
        if len(inner) == 1:
            return of(inner[0], metadata, discriminator)
    if isinstance(discriminator, pydantic.Discriminator) and isinstance(discriminator.discriminator, str):
        discriminator = discriminator.discriminator
    return Type(annotation, metadata, discriminator)


def fields(model: type[pydantic.BaseModel]) -> dict[str, Type]:
    """Types of a model's fields by the name that a file uses."""
    return {
        field.alias or name: of(field.annotation, tuple(field.metadata), field.discriminator)
        for name, field in model.model_fields.items()
    }


def tags(type_: Type) -> dict[str, Type]:
    """Members of a discriminated union by their tag; empty for other types."""
    if not type_.discriminator:
        return {}
    found: dict[str, Type] = {}
    for member in type_.members:
        if isinstance(type_.discriminator, str) and member.model:
            literal = fields(member.model).get(type_.discriminator)
            found |= {str(value): member for value in get_args(literal.bare)} if literal else {}
        else:
            found |= {str(m.tag): member for m in member.metadata if isinstance(m, pydantic.Tag)}
    return found


def choose(type_: Type, value: Any) -> Type:
    """The member of a union that a value is meant to be; the type itself where that is open."""
    members = type_.members
    if len(members) == 1:
        return type_ if members[0].bare is type_.bare else members[0]
    if type_.discriminator and isinstance(value, dict):
        key = type_.discriminator
        tag = value.get(key) if isinstance(key, str) else key.discriminator(value)
        return tags(type_).get(str(tag), type_)
    if isinstance(value, dict):
        models = [m for m in members if m.model] or [m for m in members if get_origin(m.bare) is dict]
        return max(models, key=lambda m: len(set(value) & set(fields(m.model))) if m.model else 0, default=type_)
    if isinstance(value, list):
        return next((m for m in members if get_origin(m.bare) in _SEQUENCES), type_)
    return next((m for m in members if value.__class__ is m.bare), type_)


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
    if origin in _SEQUENCES or bare in _SEQUENCES:
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
