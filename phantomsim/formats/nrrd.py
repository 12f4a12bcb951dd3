"""NRRD volumes, in (https://teem.sourceforge.net/nrrd/format.html): .nrrd, and .nhdr with its voxels beside it.

A file that names no space is taken as LPS, as ITK does. Raw and gzip are read; segmentations of 3D Slicer
(.seg.nrrd) with one layer are label maps like any other.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import numpy as np

from phantomsim.errors import FormatError
from phantomsim.formats import detached, voxels
from phantomsim.formats.detached import Stored, numbers
from phantomsim.grid import Grid

_MAGIC = re.compile(rb"NRRD000[1-5]\r?\n")
_SPACES = {"right-anterior-superior": "RAS", "left-anterior-superior": "LAS", "left-posterior-superior": "LPS"}
_MM = {"mm": 1.0, "millimeter": 1.0, "millimeters": 1.0, "cm": 10.0, "m": 1000.0, "um": 1e-3, "µm": 1e-3, "nm": 1e-6}
_PACKING = {"raw": "", "gzip": "gzip", "gz": "gzip"}
_TYPES = {
    **dict.fromkeys(("signed char", "int8", "int8_t"), "i1"),
    **dict.fromkeys(("uchar", "unsigned char", "uint8", "uint8_t"), "u1"),
    **dict.fromkeys(("short", "short int", "signed short", "signed short int", "int16", "int16_t"), "i2"),
    **dict.fromkeys(("ushort", "unsigned short", "unsigned short int", "uint16", "uint16_t"), "u2"),
    **dict.fromkeys(("int", "signed int", "int32", "int32_t"), "i4"),
    **dict.fromkeys(("uint", "unsigned int", "uint32", "uint32_t"), "u4"),
    **dict.fromkeys(("longlong", "long long", "long long int", "signed long long", "int64", "int64_t"), "i8"),
    **dict.fromkeys(("ulonglong", "unsigned long long", "unsigned long long int", "uint64", "uint64_t"), "u8"),
    **{"float": "f4", "double": "f8"},
}


def read(
    path: str | os.PathLike[str], *, axes: str | None = None, max_bytes: int = voxels.MAX_BYTES
) -> tuple[np.ndarray, Grid]:
    """Read a volume and turn it to the nearest RAS+; as `nifti.read`, with `axes` where not given the file's space.

    Raises:
        FormatError: not NRRD, truncated, too large, not finite, sheared, or of a kind that is not read.
    """
    name, path = os.fspath(path), Path(path)
    detached.existing(path, "NRRD", ".nrrd, .nhdr")
    fields, end = _fields(path, name)
    return detached.read_stored(_stored(path, name, fields, end), name, axes, max_bytes)


def _fields(path: Path, name: str) -> tuple[dict[str, str], int]:
    """The fields by name in small letters, and where the header ends [bytes]."""
    with voxels.reading(name), path.open("rb") as file:
        if not _MAGIC.fullmatch(magic := file.readline(16)):
            raise FormatError(f"{name}: not an NRRD file (it begins with {magic[:12]!r}). Convert it to .nrrd")
        fields: dict[str, str] = {}
        while line := file.readline(detached.MAX_HEADER):
            if not line.strip():
                return fields, file.tell()
            text = line.decode("utf-8", "replace").strip()
            key, colon, value = text.partition(": ")
            if text.startswith("#") or ":=" in text.split(": ")[0]:
                pass
            elif not colon or file.tell() > detached.MAX_HEADER:
                raise FormatError(f'{name}: "{text[:60]}" is no line of an NRRD header. It is damaged')
            else:
                fields[key.strip().lower()] = value.strip()
        return fields, file.tell()


def _stored(path: Path, name: str, fields: dict[str, str], end: int) -> Stored:
    def need(key: str) -> str:
        if key not in fields:
            raise FormatError(f"{name}: its header has no field {key}. Write the file again")
        return fields[key]

    count = detached.sizes(need("dimension"), 1, name, "dimension")[0]
    shape = detached.sizes(need("sizes"), count, name, "sizes")
    keep, affine = _geometry(fields, shape, name)
    packing = need("encoding").lower()
    if packing not in _PACKING:
        raise FormatError(f"{name}: encoding {packing} is not read; raw and gzip are. Write it again with one of them")
    named = fields.get("data file", fields.get("datafile"))
    if named is not None and (named.startswith("LIST") or "%" in named):
        raise FormatError(f"{name}: its voxels lie in several files; one is wanted. Write it again as one .nrrd")
    data, offset = (path, end) if named is None else (detached.beside(path, named), 0)
    offset += _lines(data, offset, int(numbers(fields.get("line skip", "0"), 1, name, "line skip")[0]))
    skip = int(numbers(fields.get("byte skip", fields.get("byteskip", "0")), 1, name, "byte skip")[0])
    if skip < -1 or (skip == -1 and _PACKING[packing]):
        raise FormatError(f"{name}: byte skip is {skip}; must be at least 0, or -1 where the encoding is raw")
    at, rest = (None, 0) if skip == -1 else (offset, skip)
    dtype = _type(need("type").lower(), fields, name)
    shape = tuple(shape[i] for i in keep)
    return Stored(shape, dtype, affine, _world(fields, name), data, at, _PACKING[packing], rest)


def _type(kind: str, fields: dict[str, str], name: str) -> np.dtype:
    if kind not in _TYPES:
        raise FormatError(f"{name}: voxels of type {kind}; integers or floats are wanted. Convert it")
    dtype = np.dtype(_TYPES[kind])
    endian = fields.get("endian", "")
    if dtype.itemsize > 1 and endian not in ("little", "big"):
        raise FormatError(f'{name}: endian is "{endian}"; must be little or big for voxels of {dtype}. Mend the header')
    return dtype.newbyteorder(">" if endian == "big" else "<")


def _world(fields: dict[str, str], name: str) -> str:
    space = fields.get("space", "left-posterior-superior").lower()
    letters = space.upper() if space.upper() in _SPACES.values() else _SPACES.get(space)
    if letters is None:
        raise FormatError(
            f'{name}: space "{space}" does not say where left and front are; {", ".join(_SPACES)} do. Write it in one'
        )
    return letters


def _geometry(fields: dict[str, str], shape: tuple[int, ...], name: str) -> tuple[list[int], np.ndarray]:
    """Which axes are those of space, and the affine of those [mm]."""
    vectors = re.findall(r"none|\([^)]*\)", fields.get("space directions", ""))
    if not vectors:
        return _spacings(fields, shape, name)
    keep = [i for i, v in enumerate(vectors) if v != "none"]
    _three(
        len(vectors) == len(shape) and len(keep) == 3, [n for i, n in enumerate(shape) if i not in keep], shape, name
    )
    affine = np.eye(4)
    for column, i in enumerate(keep):
        affine[:3, column] = _vector(vectors[i], name, "space directions")
    affine[:3, 3] = _vector(fields.get("space origin", "(0,0,0)"), name, "space origin")
    units = re.findall(r'"([^"]*)"', fields.get("space units", "")) or ["mm"] * 3
    return keep, _scaled(affine, units, name)


def _spacings(fields: dict[str, str], shape: tuple[int, ...], name: str) -> tuple[list[int], np.ndarray]:
    """Axes without directions: along those of the world, about its origin."""
    keep = [i for i, n in enumerate(shape) if n > 1 or len(shape) <= 3][:3]
    _three(len(keep) == 3, [n for i, n in enumerate(shape) if i not in keep], shape, name)
    words = fields.get("spacings", " ".join(["1"] * len(shape))).split()
    spacing = numbers(" ".join(words[i] for i in keep if i < len(words)), 3, name, "spacings")
    units = re.findall(r'"([^"]*)"', fields.get("units", ""))
    units = [units[i] for i in keep] if len(units) == len(shape) else ["mm"] * 3
    return keep, _scaled(np.diag([*spacing, 1.0]), units, name)


def _three(right: bool, others: list[int], shape: tuple[int, ...], name: str) -> None:
    if not right or any(n != 1 for n in others):
        raise FormatError(f"{name}: axes of sizes {list(shape)}; 3 in space are wanted. Take one volume out of it")


def _scaled(affine: np.ndarray, units: list[str], name: str) -> np.ndarray:
    if len(set(units)) != 1 or units[0] not in {*_MM, ""}:
        raise FormatError(f"{name}: units {units}; one of {', '.join(_MM)} is wanted. Mend the header")
    affine[:3] *= _MM.get(units[0], 1.0)
    return affine


def _vector(text: str, name: str, key: str) -> list[float]:
    return numbers(text.strip().strip("()").replace(",", " "), 3, name, key)


def _lines(data: Path, offset: int, count: int) -> int:
    """Bytes of the next `count` lines."""
    with voxels.reading(str(data)), data.open("rb") as file:
        file.seek(offset)
        for _ in range(min(count, 1000)):
            file.readline(detached.MAX_HEADER)
        return file.tell() - offset
