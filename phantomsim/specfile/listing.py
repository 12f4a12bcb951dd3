"""Catalogue entries that are tables in the code: tissues by their values, algorithms and readers by their keys."""

from __future__ import annotations

import inspect
import json
from typing import Any

import pydantic

from phantomsim.catalogue import first_sentence
from phantomsim.specfile import kinds, types
from phantomsim.specfile.words import describe, quote


def entries(noun: str) -> list[tuple[str, str]]:
    """Names and one line about each."""
    if noun == "tissues":
        table = kinds.load("phantomsim.materials.tissues:table")()
        return [(name, first_sentence(table[name].description) or _facts(table[name])) for name in table]
    return [(name, first_sentence(model.__doc__ or "")) for name, model in _models(noun).items()]


def show(noun: str, name: str) -> str:
    """The entry as TOML: a tissue's values; an algorithm's or reader's keys with defaults and what they may be."""
    if noun == "tissues":
        import tomli_w

        tissue = kinds.load("phantomsim.materials.tissues:table")()[name]
        return tomli_w.dumps(tissue.model_dump(mode="json", exclude_none=True))
    return _template(name, _models(noun)[name])


def _facts(tissue: Any) -> str:
    return f"{tissue.density_g_per_cm3:g} g/cm3"


def _models(noun: str) -> dict[str, type[pydantic.BaseModel]]:
    tags = types.tags(types.of(kinds.model(noun.removesuffix("s"))))
    return {name: type_.model for name, type_ in tags.items() if type_.model}


def _template(name: str, model: type[pydantic.BaseModel]) -> str:
    lines = [f"# {line}".rstrip() for line in (inspect.getdoc(model) or "").splitlines()]
    lines.append(f"kind = {quote(name)}")
    default = _default(name, model)
    keys = {key: field for key, field in model.model_fields.items() if key != "kind"}
    lines += [_key(key, field, types.fields(model)[key], default) for key, field in keys.items()]
    return "\n".join(lines) + "\n"


def _default(name: str, model: type[pydantic.BaseModel]) -> pydantic.BaseModel | None:
    """What `{kind = name}` alone means; None if some key is required."""
    try:
        return model.model_validate({"kind": name})
    except pydantic.ValidationError:
        return None


def _key(key: str, field: Any, type_: types.Type, made: pydantic.BaseModel | None) -> str:
    about = f"{field.description}; {describe(type_)}" if field.description else describe(type_)
    if made is None and field.is_required():
        return f"# {key} =  # required: {about}"
    value = getattr(made, key) if made else field.get_default(call_default_factory=True)
    return f"# {key} =  # {about}" if value is None else f"{key} = {_inline(value)}  # {about}"


def _inline(value: Any) -> str:
    """A value on one line of TOML."""
    if isinstance(value, pydantic.BaseModel):
        value = value.model_dump(mode="json", exclude_none=True)
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{k} = {_inline(v)}" for k, v in value.items()) + " }" if value else "{}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_inline, value))}]"
    return json.dumps(value) if isinstance(value, str) else quote(value)
