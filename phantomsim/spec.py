"""Specifications: what a person writes, checked strictly and turned into numbers by `build()`.

    trial = spec.read("quickstart", Trial, sets=["population.patients=4"])

Fields say by markers what a file may write in short; `read` resolves them before pydantic checks the whole:

    scanner: Annotated[CTScanner | MRScanner, Field(discriminator="kind"), Catalogued("scanners")]
    protocol: Annotated[CTProtocol, Within("scanner", "protocols")]
    algorithms: tuple[Annotated[Algorithm, Shorthand("kind")], ...]
    folder: Annotated[str, FilePath()]
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pydantic


class Spec(pydantic.BaseModel):
    """Base of every specification: frozen, hashable, no unknown keys, no silent coercion."""

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Marker:
    """Base of the markers: a marked field also accepts a string, or a table with `base` and what differs."""

    def __get_pydantic_json_schema__(self, core_schema: Any, handler: Any) -> dict[str, Any]:
        """The table itself, a string, or a table with `base` of which no other key is required."""
        whole = handler(core_schema)
        try:
            plain = handler.resolve_ref_schema(whole)
        except LookupError:  # pydantic makes a model that several others hold later than these
            plain = {}
        partial = {"type": "object", "required": ["base"], "properties": {"base": {"type": "string"}}}
        partial["properties"] |= plain.get("properties", {})
        return {"anyOf": [{"type": "string"}, partial, whole]}


@dataclass(frozen=True)
class Catalogued(Marker):
    """Marks a field that may be a catalogue name or path instead of a table.

    `Annotated[Generator, Catalogued("generators")]` accepts `"abdomen-procedural"`, `"./my.toml"` (from the
    folder of the file that says it), a whole inline table, or a table with `base = "abdomen-procedural"` and
    the keys that differ. Strings of `words` stand for themselves.
    """

    folder: str
    words: tuple[str, ...] = ()


@dataclass(frozen=True)
class Within(Marker):
    """Marks a field that may be a name in a table of its resolved sibling field.

    `Annotated[CTProtocol, Within("scanner", "protocols")]` accepts `"head"`, which is `scanner.protocols.head`,
    or `{base = "head", mAs = 40}`.
    """

    sibling: str
    table: str


@dataclass(frozen=True)
class Shorthand(Marker):
    """Marks a field whose string stands for a table with one key: `"identity"` for `{kind = "identity"}`."""

    key: str


@dataclass(frozen=True)
class FilePath:
    """Marks a string that is a path: relative ones are taken from the folder of the file that says them.

    Paths given by `--set` are taken from the current folder; what begins with `$` is left as it is. The spec
    holds the absolute path.
    """


class Misfit(ValueError):
    """What a validator of several fields raises to point at one of them.

    `raise Misfit("is not an arm", "hypotheses", 0, "compare")` in a model's validator is reported at that key.
    """

    def __init__(self, message: str, *path: str | int) -> None:
        super().__init__(message)
        self.path = path


def canonical(spec: Spec) -> str:
    """The one text of a spec: JSON with sorted keys; equal specs give equal text."""
    data: Any = spec.model_dump(mode="json")
    return json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def digest(spec: Spec) -> str:
    """SHA-256 of the canonical text, hexadecimal."""
    return hashlib.sha256(canonical(spec).encode()).hexdigest()


def read(source: str | Path, model: Any, sets: Sequence[str] = ()) -> Any:
    """Read and check a specification.

    Args:
        source: path of a TOML file, or a name in the catalogue folder that `model` belongs to.
        model: the Spec class, or a union of them; its sub-package (or a `Catalogued` marker) tells the folder.
        sets: changes `"a.b.c=value"`, values as in TOML, bare words as strings; lists by number or by `name`.
    Returns:
        An instance of `model`.
    Raises:
        SpecError: something is wrong; one line for every problem, `file:line:column: key: what; what is allowed`.
        CatalogueError: no file and no catalogue entry of that name.
    """
    from phantomsim.specfile.load import load

    return load(source, model, tuple(sets))


def assemble(model: Any, sets: Sequence[str]) -> Any:
    """Make a specification of changes alone, `["scanner=ct-64", "protocol.mAs=40"]`; see `read`.

    Raises:
        SpecError, CatalogueError: something is wrong; one line for every problem.
    """
    from phantomsim.specfile.load import from_sets

    return from_sets(model, tuple(sets))


def check(source: str | Path, sets: Sequence[str] = ()) -> list[str]:
    """Problems of a specification file of any kind (told by its key `kind`), one line each; empty if it is right."""
    from phantomsim.specfile.load import problems

    return problems(source, tuple(sets))
