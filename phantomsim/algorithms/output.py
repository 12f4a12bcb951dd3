"""Check what an algorithm returned: kind, shape, type, finite values. Nothing is repaired in silence."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from phantomsim.algorithms.interface import PRODUCTS, AlgorithmInput, AlgorithmOutput
from phantomsim.errors import AlgorithmError


def checked(result: Any, returns: str, data: AlgorithmInput, who: str) -> AlgorithmOutput:
    """Turn an algorithm's return value into an `AlgorithmOutput` that readers can trust.

    Args:
        result: an `AlgorithmOutput`, or the bare image, mask, boxes, score or table.
        returns: which of these the specification promises.
        data: what the algorithm was given; image and mask must lie on its grid.
        who: the algorithm's name for messages.
    Returns:
        Output in which `returns` is filled, image float32, mask bool, boxes float64.
    Raises:
        AlgorithmError: a missing product, a wrong shape or type, or a value that is not finite.
    """
    output = result if isinstance(result, AlgorithmOutput) else AlgorithmOutput(**{returns: result})
    if getattr(output, returns) is None:
        have = [name for name in PRODUCTS if getattr(output, name) is not None]
        raise AlgorithmError(f'{who}: returned {" and ".join(have) or "nothing"}; the trial says returns = "{returns}"')
    filled: dict[str, Any] = {name: getattr(output, name) for name in PRODUCTS if getattr(output, name) is not None}
    return AlgorithmOutput(**{name: CHECKS[name](value, data, who) for name, value in filled.items()})


def _array(value: Any, kinds: str, what: str) -> np.ndarray:
    array = np.asarray(value)
    if array.dtype.kind not in kinds:
        raise AlgorithmError(f"{what} has type {array.dtype}; must be a real number per voxel")
    return array


def _volume(value: Any, data: AlgorithmInput, what: str) -> np.ndarray:
    array = _array(value, "biuf", what)
    if array.shape != data.shape:
        raise AlgorithmError(f"{what} has shape {array.shape}; must be {data.shape} [z, y, x], as the input")
    bad = int(array.size - np.isfinite(array).sum())
    if bad:
        raise AlgorithmError(f"{what} has {bad} of {array.size} voxels that are not finite")
    return array


def _image(value: Any, data: AlgorithmInput, who: str) -> np.ndarray:
    array = _volume(value, data, f"{who}: image")
    if np.abs(array, dtype=np.float64).max(initial=0.0) > float(np.finfo(np.float32).max):
        raise AlgorithmError(f"{who}: image has values beyond the range of float32")
    return array.astype(np.float32)


def _mask(value: Any, data: AlgorithmInput, who: str) -> np.ndarray:
    array = _volume(value, data, f"{who}: mask")
    if not np.isin(array, (0, 1)).all():
        raise AlgorithmError(f"{who}: mask has values besides 0 and 1; threshold it in the algorithm")
    return array.astype(bool)


def _boxes(value: Any, data: AlgorithmInput, who: str) -> np.ndarray:
    array = _array(value, "iuf", f"{who}: boxes").astype(float)
    array = array.reshape(0, 7) if array.size == 0 else array
    if array.ndim != 2 or array.shape[1] != 7 or not np.isfinite(array).all():
        raise AlgorithmError(f"{who}: boxes have shape {array.shape}; must be finite [N, 7]: z0 y0 x0 z1 y1 x1 score")
    if not (array[:, 3:6] > array[:, :3]).all():
        raise AlgorithmError(f"{who}: a box ends before it begins; columns are z0 y0 x0 z1 y1 x1 score")
    return array


def _score(value: Any, data: AlgorithmInput, who: str) -> float:
    array = _array(value, "biuf", f"{who}: score")
    if array.size != 1 or not math.isfinite(array.item()):
        raise AlgorithmError(f"{who}: score is {value!r}; must be one finite number")
    return float(array.item())


def _table(value: Any, data: AlgorithmInput, who: str) -> dict[str, float | int | str | bool]:
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise AlgorithmError(f"{who}: table is {type(value).__name__}; must be values by name")
    plain = {key: v.item() if isinstance(v, np.generic) else v for key, v in value.items()}
    for key, v in plain.items():
        if not isinstance(v, (int, float, str)) or (isinstance(v, float) and not math.isfinite(v)):
            raise AlgorithmError(f"{who}: table.{key} is {v!r}; must be a finite number, a text or a truth value")
    return plain


CHECKS: dict[str, Callable[[Any, AlgorithmInput, str], Any]] = {
    "image": _image,
    "mask": _mask,
    "boxes": _boxes,
    "score": _score,
    "table": _table,
}
