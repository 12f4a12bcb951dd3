"""Specifications: what a person writes, checked strictly and turned into numbers by `build()`."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

import pydantic


class Spec(pydantic.BaseModel):
    """Base of every specification: frozen, hashable, no unknown keys, no silent coercion."""

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


@dataclass(frozen=True)
class Catalogued:
    """Marks a field that may be a catalogue name or path instead of a table.

    `Annotated[Generator, Catalogued("generators")]` accepts `"abdomen-procedural"`, `"./my.toml"`, a whole
    inline table, or a table with `base = "abdomen-procedural"` and the keys that differ.
    """

    folder: str


def canonical(spec: Spec) -> str:
    """The one text of a spec: JSON with sorted keys; equal specs give equal text."""
    data: Any = spec.model_dump(mode="json")
    return json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def digest(spec: Spec) -> str:
    """SHA-256 of the canonical text, hexadecimal."""
    return hashlib.sha256(canonical(spec).encode()).hexdigest()
