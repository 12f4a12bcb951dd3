"""Run one algorithm on one scan."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from phantomsim.algorithms import entry_point, python_call
from phantomsim.algorithms.interface import AlgorithmInput, AlgorithmOutput, image_of
from phantomsim.algorithms.output import checked
from phantomsim.algorithms.spec import (
    Algorithm,
    Command,
    EntryPoint,
    Gaussian,
    Identity,
    NonLocalMeans,
    PythonCall,
)


def run(spec: Algorithm, data: AlgorithmInput, folder: Path | None = None) -> AlgorithmOutput:
    """Run an algorithm and check what it returned.

    Args:
        spec: which algorithm.
        data: one scan of one patient; its arrays are protected from the algorithm.
        folder: where outside code lies if `spec.folder` does not say; absent: the current folder.
    Returns:
        Output on the input's grid; `spec.returns` (an image for built-ins) is filled.
    Raises:
        AlgorithmError: the algorithm failed or returned something unusable. Its text holds no time, path of a
            temporary folder or other thing that differs from run to run.
    """
    returns = getattr(spec, "returns", "image")
    return checked(_APPLY[type(spec)](spec, _private(data), place(spec, folder)), returns, data, title(spec))


def ensure(spec: Algorithm, folder: Path | None = None) -> None:
    """Load outside code without running it, so that a trial fails before its first scan.

    Raises:
        AlgorithmError: no such module, function or entry point.
    """
    if isinstance(spec, PythonCall):
        python_call.load(spec.call, place(spec, folder))
    elif isinstance(spec, EntryPoint):
        entry_point.load(spec.name)


def place(spec: Algorithm, folder: Path | None) -> Path:
    """Where outside code is looked for besides PYTHONPATH."""
    return Path(getattr(spec, "folder", None) or folder or Path.cwd())


def title(spec: Algorithm) -> str:
    """A short name for tables and messages."""
    name = getattr(spec, "call", None) or getattr(spec, "name", None)
    return str(name or (spec.argv[0] if isinstance(spec, Command) else spec.kind))


def _private(data: AlgorithmInput) -> AlgorithmInput:
    """A writable copy of the image and read-only raw data: arms share both."""
    image = None if data.image is None else np.array(data.image, np.float32)
    raw = data.raw
    if raw is not None:
        raw = dataclasses.replace(raw, arrays={key: _read_only(value) for key, value in raw.arrays.items()})
    return dataclasses.replace(data, image=image, raw=raw)


def _read_only(value: Any) -> np.ndarray:
    view = np.asarray(value).view()
    view.flags.writeable = False
    return view


def _identity(spec: Identity, data: AlgorithmInput, folder: Path) -> np.ndarray:
    return image_of(data, "identity")


def _gaussian(spec: Gaussian, data: AlgorithmInput, folder: Path) -> np.ndarray:
    from phantomsim.algorithms.gaussian import smooth

    return smooth(image_of(data, "gaussian"), data.spacing_mm, spec.fwhm_mm, spec.mode)


def _non_local_means(spec: NonLocalMeans, data: AlgorithmInput, folder: Path) -> np.ndarray:
    from phantomsim.algorithms.non_local_means import non_local_means

    numbers = spec.model_dump(exclude={"kind"})
    return non_local_means(image_of(data, "non-local-means"), **numbers)


def _python(spec: PythonCall, data: AlgorithmInput, folder: Path) -> Any:
    return python_call.invoke(python_call.load(spec.call, folder), spec.parameters, data, spec.call)


def _entry_point(spec: EntryPoint, data: AlgorithmInput, folder: Path) -> Any:
    return python_call.invoke(entry_point.load(spec.name), spec.parameters, data, spec.name)


def _command(spec: Command, data: AlgorithmInput, folder: Path) -> Any:
    from phantomsim.algorithms.command import call

    return call(spec, data, folder)


_APPLY: dict[type, Callable[[Any, AlgorithmInput, Path], Any]] = {
    Identity: _identity,
    Gaussian: _gaussian,
    NonLocalMeans: _non_local_means,
    PythonCall: _python,
    EntryPoint: _entry_point,
    Command: _command,
}
