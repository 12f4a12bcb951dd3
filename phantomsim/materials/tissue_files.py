"""Reading tissue files: TOML, one table per tissue, one `[sources]` table of references.

`@key` in any `source` stands for the reference of that key; an unknown key is an error, so no value goes unsourced.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pydantic

from phantomsim.errors import TissueError
from phantomsim.materials.mixtures import mixture
from phantomsim.materials.tissues import Tissue, TissueTable


def load(*files: Path) -> TissueTable:
    """Read tissue files; a tissue may be a `mixture` of, or take its MR values from, an earlier one.

    Raises:
        TissueError: a file that is not TOML, a wrong key or value, an unknown source or reference.
    """
    sources: dict[str, str] = {}
    tissues: dict[str, Tissue] = {}
    for file in files:
        try:
            content = tomllib.loads(file.read_text())
        except (OSError, tomllib.TOMLDecodeError) as error:
            raise TissueError(f"{file}: {error}") from error
        sources |= content.pop("sources", {})
        for name, entry in content.items():
            tissues[name] = _tissue(f"{file}: tissue {name}", name, entry, tissues, sources)
    return TissueTable(tissues, sources)


def _tissue(where: str, name: str, entry: dict[str, Any], known: Mapping[str, Tissue], sources: dict) -> Tissue:
    entry = dict(entry)
    try:
        if "mixture" in entry:
            mixed = mixture(name, {known[part]: share for part, share in entry.pop("mixture").items()})
            entry = mixed.model_dump(exclude_none=True) | entry
        if like := entry.pop("magnetic_like", None):
            entry["magnetic"] = known[like].magnetic
            entry.setdefault("magnetic_note", f"no values of its own found; taken as {like}")
        return Tissue(**_expand(entry, sources) | {"name": name})
    except (KeyError, TypeError, pydantic.ValidationError) as error:
        raise TissueError(f"{where}: {error}") from error


def _expand(node: Any, sources: dict[str, str]) -> Any:
    """Replace `@key` in every source by the full reference of that key."""
    if isinstance(node, dict):
        return {k: _reference(v, sources) if k.endswith("source") else _expand(v, sources) for k, v in node.items()}
    if isinstance(node, list | tuple):
        return tuple(_expand(v, sources) for v in node)
    return node


def _reference(text: str, sources: dict[str, str]) -> str:
    return re.sub(r"@([\w-]+)", lambda match: sources[match[1]], text)
