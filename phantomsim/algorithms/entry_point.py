"""Outside code that an installed package registers.

A package offers algorithms by its `pyproject.toml`:

    [project.entry-points."phantomsim.algorithms"]
    my-denoiser = "my_package.denoise:denoise"
"""

from __future__ import annotations

import difflib
from collections.abc import Callable
from importlib import metadata
from typing import Any

from phantomsim.errors import AlgorithmError

GROUP = "phantomsim.algorithms"


def names() -> list[str]:
    """Names of all registered algorithms, sorted."""
    return sorted({point.name for point in metadata.entry_points(group=GROUP)})


def load(name: str) -> Callable[..., Any]:
    """The function behind an entry point.

    Raises:
        AlgorithmError: none or several of that name, or its package cannot be imported.
    """
    points = list(metadata.entry_points(group=GROUP, name=name))
    if not points:
        near = difflib.get_close_matches(name, names(), 1)
        hint = f'; nearest: "{near[0]}"' if near else ""
        raise AlgorithmError(f'no installed package registers "{name}" in the group {GROUP}{hint}')
    if len({point.value for point in points}) > 1:
        raise AlgorithmError(f'"{name}" is registered more than once: {", ".join(p.value for p in points)}')
    try:
        return points[0].load()
    except Exception as error:
        raise AlgorithmError(f'entry point "{name}" ({points[0].value}): {type(error).__name__}: {error}') from error
