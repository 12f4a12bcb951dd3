"""Metadata of OME-Zarr 0.5 (https://ngff.openmicroscopy.org/0.5/), as plain dictionaries.

OME-Zarr 0.5 has scales and translations but no rotation. The scale is the grid's spacing and the translation the
world point of the first voxel; how the axes are turned stands in phantomsim's own attributes. Viewers therefore show
an oblique volume straight, with its first voxel in the right place.
"""

from __future__ import annotations

import colorsys
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from phantomsim.errors import FormatError
from phantomsim.grid import IDENTITY, Grid
from phantomsim.keys import hash32

VERSION = "0.5"
_ANATOMY = {"z": "inferior-to-superior", "y": "posterior-to-anterior", "x": "left-to-right"}  # RFC-4
_TO_MM = {"nanometer": 1e-6, "micrometer": 1e-3, "millimeter": 1.0, "centimeter": 10.0, "meter": 1000.0}


def axes(grid: Grid) -> list[dict[str, Any]]:
    """Axes z, y, x in millimetres, with their anatomical directions where they lie along them."""
    out: list[dict[str, Any]] = [{"name": n, "type": "space", "unit": "millimeter"} for n in "zyx"]
    if grid.direction == IDENTITY:
        for axis in out:
            axis["orientation"] = {"type": "anatomical", "value": _ANATOMY[axis["name"]]}
    return out


def multiscales(grid: Grid, name: str) -> list[dict[str, Any]]:
    """One resolution level at path "0"."""
    transforms = [
        {"type": "scale", "scale": [float(d) for d in grid.spacing_mm]},
        {"type": "translation", "translation": [float(o) for o in grid.origin_mm[::-1]]},
    ]
    return [{"name": name, "axes": axes(grid), "datasets": [{"path": "0", "coordinateTransformations": transforms}]}]


def image(grid: Grid, name: str, window: tuple[float, float] | None = None) -> dict[str, Any]:
    """The `ome` attributes of an image; `window` is what viewers show from black to white."""
    out: dict[str, Any] = {"version": VERSION, "multiscales": multiscales(grid, name)}
    if window is not None:
        low, high = map(float, window)
        span = {"start": low, "end": high, "min": low, "max": high}
        out["omero"] = {"channels": [{"label": name, "color": "FFFFFF", "active": True, "window": span}]}
    return out


def label(grid: Grid, name: str, values: Mapping[int, Mapping[str, Any]]) -> dict[str, Any]:
    """The `ome` attributes of a label map; `values` gives each label's properties, `name` among them."""
    colours = [{"label-value": v, "rgba": colour(str(p.get("name", v)))} for v, p in values.items()]
    properties = [{"label-value": v, **p} for v, p in values.items()]
    about = {"colors": colours, "properties": properties, "source": {"image": "../../"}}
    return {"version": VERSION, "multiscales": multiscales(grid, name), "image-label": about}


def labels(names: Sequence[str]) -> dict[str, Any]:
    """The `ome` attributes of the group of all label maps."""
    return {"version": VERSION, "labels": list(names)}


def colour(name: str) -> list[int]:
    """A colour (r, g, b, opacity; 0-255) that a name always has; air is not shown."""
    if name in ("air", "background"):
        return [0, 0, 0, 0]
    number = hash32(name)
    parts = colorsys.hsv_to_rgb((number & 0xFFFF) / 0x10000, 0.55 + (number >> 16 & 0xFF) / 640, 0.9)
    return [*(round(255 * p) for p in parts), 255]


def grid_of(ome: Any, shape: tuple[int, ...], direction: Any, where: str) -> tuple[str, Grid]:
    """Path of the finest level and its grid, from the `ome` attributes.

    Raises:
        FormatError: not an OME-Zarr 0.5 image of axes z, y, x.
    """
    try:
        scale = ome["multiscales"][0]
        names = [a["name"] for a in scale["axes"]]
        to_mm = [_TO_MM[a.get("unit", "millimeter")] for a in scale["axes"]]
        level = scale["datasets"][0]
        given = {t["type"]: t[t["type"]] for t in level["coordinateTransformations"]}
        spacing = [float(s) * u for s, u in zip(given["scale"], to_mm, strict=True)]
        origin = [float(t) * u for t, u in zip(given.get("translation", [0.0] * 3), to_mm, strict=True)][::-1]
        turn = np.array(direction, float)
        sound = np.allclose(turn.T @ turn, np.eye(3), atol=1e-6) and min(spacing) > 0 and np.isfinite(spacing).all()
        if not sound or not np.isfinite(origin).all():
            raise ValueError(f"scale {spacing}, translation {origin}, direction {direction}")
        path = str(level["path"])
    except (KeyError, IndexError, TypeError, ValueError) as e:
        raise FormatError(f"{where}: not an OME-Zarr 0.5 image with scale in known units ({e!r})") from e
    if names != ["z", "y", "x"] or len(shape) != 3:
        raise FormatError(f"{where}: axes {names}; z, y, x are wanted. Take one channel and one time out of it")
    return path, Grid(tuple(shape), tuple(spacing), tuple(origin), tuple(map(tuple, turn.tolist())))  # type: ignore[arg-type]
