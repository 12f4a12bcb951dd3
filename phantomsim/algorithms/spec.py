"""What a person writes for an algorithm: a name, or a table with a `kind`."""

from __future__ import annotations

import difflib
import re
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator

from phantomsim.spec import FilePath, Spec, canonical

Product = Literal["image", "mask", "boxes", "score", "table"]
Parameters = dict[str, Any]
PLACEHOLDERS = ("input", "raw", "output", "meta", "folder", "seed")


class Identity(Spec):
    """Give the reconstruction as it is: the arm without an algorithm."""

    kind: Literal["identity"] = "identity"


class Gaussian(Spec):
    """Smooth by a Gaussian of the same width in millimetres along every axis."""

    kind: Literal["gaussian"] = "gaussian"
    fwhm_mm: float = Field(2.0, ge=0, le=100, description="full width at half maximum [mm]")
    mode: Literal["slice", "volume"] = Field("volume", description="smooth in the slice (y, x) only, or along z too")


class NonLocalMeans(Spec):
    """Average voxels whose surroundings look alike (Buades, Coll & Morel 2005)."""

    kind: Literal["non-local-means"] = "non-local-means"
    strength: float = Field(0.4, gt=0, le=100, description="filtering parameter h over the noise SD [1]")
    noise_sd: float | None = Field(None, gt=0, description="noise SD in the image's unit; absent: estimated per image")
    patch_radius: int = Field(2, ge=1, le=10, description="half width of a patch [voxels]")
    search_radius: int = Field(5, ge=1, le=25, description="half width of the search window [voxels]")
    mode: Literal["slice", "volume"] = Field("slice", description="patches and windows in the slice, or along z too")


class _Outside(Spec):
    """What all code that is not ours says of itself."""

    returns: Product = Field("image", description="what it gives back; checked on every call")
    folder: Annotated[str | None, FilePath()] = Field(
        None, description="where the code lies; absent: the trial's folder"
    )

    def __hash__(self) -> int:
        return hash(canonical(self))


class PythonCall(_Outside):
    """Call a Python function `function(data, **parameters)`; `data` is an `AlgorithmInput`."""

    kind: Literal["python"] = "python"
    call: str = Field(description='"module:function", looked up in the trial\'s folder and on PYTHONPATH')
    parameters: Parameters = Field(default_factory=dict, description="keyword arguments of the function")

    @field_validator("call")
    @classmethod
    def _is_call(cls, value: str) -> str:
        if not re.fullmatch(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*", value):
            raise ValueError(f'"{value}" is not of the form "module:function", such as "my_denoiser:denoise"')
        return value

    __hash__ = _Outside.__hash__


class EntryPoint(Spec):
    """Call a function that an installed package registers in the group `phantomsim.algorithms`."""

    kind: Literal["entry-point"] = "entry-point"
    name: str = Field(description="the entry point's name")
    returns: Product = Field("image", description="what it gives back; checked on every call")
    parameters: Parameters = Field(default_factory=dict, description="keyword arguments of the function")

    def __hash__(self) -> int:
        return hash(canonical(self))


def _tuple(value: object) -> object:
    """A list as a tuple: after `named`, pydantic's strict mode no longer sees JSON, which knows lists only."""
    return tuple(value) if isinstance(value, list) else value


class Command(_Outside):
    """Run a program, without a shell, in a private folder that is deleted afterwards."""

    kind: Literal["command"] = "command"
    argv: Annotated[tuple[str, ...], BeforeValidator(_tuple)] = Field(
        min_length=1, description="program and arguments; placeholders in braces"
    )
    format: Literal["nifti", "npz"] = Field("nifti", description="file format of images and masks, in and out")
    timeout_s: float | None = Field(
        None, gt=0, description="off unless given: a limit makes results depend on the clock"
    )

    @field_validator("argv")
    @classmethod
    def _has_places(cls, argv: tuple[str, ...]) -> tuple[str, ...]:
        found = set(re.findall(r"\{([A-Za-z_]+)\}", " ".join(argv)))
        allowed = ", ".join(f"{{{name}}}" for name in PLACEHOLDERS)
        if unknown := sorted(found - set(PLACEHOLDERS)):
            raise ValueError(f"unknown placeholder {{{unknown[0]}}}; allowed: {allowed}")
        if "output" not in found or not found & {"input", "raw"}:
            raise ValueError("must name {output}, and {input} or {raw}, or the program cannot know its files")
        return argv

    __hash__ = _Outside.__hash__


BUILT_IN: dict[str, type[Spec]] = {
    "identity": Identity,
    "gaussian": Gaussian,
    "non-local-means": NonLocalMeans,
}
OUTSIDE: dict[str, type[Spec]] = {"python": PythonCall, "entry-point": EntryPoint, "command": Command}


def named(value: object) -> object:
    """Turn a name into a table: a built-in, "module:function", or an entry point that is installed.

    `{kind = NAME}` with a name that is no kind is read in the same way.
    """
    if isinstance(value, dict) and list(value) == ["kind"]:
        value = value["kind"]
    if not isinstance(value, str) or value in OUTSIDE:
        return {"kind": value} if isinstance(value, str) else value
    if value in BUILT_IN:
        return {"kind": value}
    if ":" in value:
        return {"kind": "python", "call": value}
    from phantomsim.algorithms.entry_point import names

    known = [*BUILT_IN, *names()]
    if value in known:
        return {"kind": "entry-point", "name": value}
    near = difflib.get_close_matches(value, known, 1)
    hint = f'; did you mean "{near[0]}"?' if near else ";"
    raise ValueError(f'no algorithm "{value}"{hint}  allowed: {", ".join(known)}, or "module:function"')


Algorithm = Annotated[
    Annotated[
        Identity | Gaussian | NonLocalMeans | PythonCall | EntryPoint | Command,
        Field(discriminator="kind"),
    ],
    BeforeValidator(named),
]
