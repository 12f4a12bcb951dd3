"""Outside code as a Python function."""

from __future__ import annotations

import contextlib
import importlib
import random
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from phantomsim.algorithms.interface import AlgorithmInput
from phantomsim.errors import AlgorithmError


def load(call: str, folder: Path | None = None) -> Callable[..., Any]:
    """The function that "module:function" names.

    Args:
        call: module and function; the function may be an attribute of an attribute ("module:Class.method").
        folder: the trial's folder, searched after PYTHONPATH and the installed packages; it stays on `sys.path`,
            since the function may import its neighbours when it is called.
    Raises:
        AlgorithmError: no such module or function, not callable, an import that fails, or another module of
            that name hides the one beside the trial.
    """
    module_name, _, attribute = call.partition(":")
    if folder is not None and str(folder.resolve()) not in sys.path:
        sys.path.append(str(folder.resolve()))
        importlib.invalidate_caches()
    try:
        module: Any = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name != module_name.partition(".")[0] and error.name != module_name:
            raise AlgorithmError(f"{call}: {module_name} needs a module that is absent: {error.name}") from error
        where = f"{folder.resolve()} or " if folder else ""
        raise AlgorithmError(f'{call}: no module "{module_name}" in {where}on PYTHONPATH') from error
    except Exception as error:
        raise AlgorithmError(f"{call}: importing {module_name} failed: {blame(error)}") from error
    _not_hidden(module, module_name, call, folder)
    for name in attribute.split("."):
        if not hasattr(module, name):
            raise AlgorithmError(f'{call}: {module_name} has no "{attribute}"')
        module = getattr(module, name)
    if not callable(module):
        raise AlgorithmError(f"{call}: {attribute} is {type(module).__name__}, not a function")
    return module


def invoke(function: Callable[..., Any], parameters: dict[str, Any], data: AlgorithmInput, who: str) -> Any:
    """Call outside code; whatever it raises becomes an AlgorithmError that names its file and line."""
    try:
        with seeded(data.seed):
            return function(data, **parameters)
    except Exception as error:
        raise AlgorithmError(f"{who}: {blame(error)}") from error


def blame(error: Exception) -> str:
    """One line: the exception and the innermost place that raised it (file name only, so it is the same anywhere)."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f" ({Path(frames[-1].filename).name}:{frames[-1].lineno})" if frames else ""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}{': ' if text else ''}{text}{where}"


@contextlib.contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed the global generators for code that draws from them, and put them back; results stay repeatable."""
    ours, theirs = random.getstate(), np.random.get_state()  # noqa: NPY002 - outside code may use the global state
    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002
    try:
        yield
    finally:
        random.setstate(ours)
        np.random.set_state(theirs)  # noqa: NPY002


def _not_hidden(module: Any, name: str, call: str, folder: Path | None) -> None:
    """A module beside the trial must not be replaced in silence by another of its name."""
    if folder is None:
        return
    beside = folder.resolve() / (name.replace(".", "/") + ".py")
    loaded = getattr(module, "__file__", None)
    if beside.is_file() and (loaded is None or Path(loaded).resolve() != beside):
        raise AlgorithmError(f"{call}: {beside} is hidden by {loaded or 'a built-in module'}; rename it")
