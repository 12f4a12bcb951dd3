"""What a field may hold, read from its annotation: markers, union members, element types."""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Union, get_args, get_origin

import pydantic
from pydantic.fields import FieldInfo

SEQUENCES = (list, tuple, set, frozenset)


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
        return of(args[0]) if origin in SEQUENCES and args else Type(Any)


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
        field.alias or name: of(field.annotation, tuple(field.metadata), field.discriminator or _callable(field))
        for name, field in model.model_fields.items()
    }


def _callable(field: FieldInfo) -> Any:
    """A discriminator that is a function, which pydantic keeps among the metadata."""
    return next((one for one in field.metadata if isinstance(one, pydantic.Discriminator)), None)


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
        return next((m for m in members if get_origin(m.bare) in SEQUENCES), type_)
    return next((m for m in members if value.__class__ is m.bare), type_)
