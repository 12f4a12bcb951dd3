"""MetaImage volumes, in (https://itk.org/Wiki/MetaIO/Documentation): .mha, and .mhd with its voxels beside it.

The world is LPS, as in ITK, whatever `AnatomicalOrientation` says. The data file may be packed by gzip although the
header does not know, as those of VICTRE are.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from phantomsim.errors import FormatError
from phantomsim.formats import detached, voxels
from phantomsim.formats.detached import Stored, numbers
from phantomsim.grid import Grid

_TYPES = {
    **{"MET_CHAR": "i1", "MET_UCHAR": "u1", "MET_SHORT": "i2", "MET_USHORT": "u2", "MET_INT": "i4", "MET_UINT": "u4"},
    **{"MET_LONG": "i4", "MET_ULONG": "u4", "MET_LONG_LONG": "i8", "MET_ULONG_LONG": "u8"},  # sizes of metaTypes.h
    **{"MET_FLOAT": "f4", "MET_DOUBLE": "f8"},
}
_TRUE = {"true": True, "1": True, "t": True, "y": True, "false": False, "0": False, "f": False, "n": False}


def read(
    path: str | os.PathLike[str], *, axes: str | None = None, max_bytes: int = voxels.MAX_BYTES
) -> tuple[np.ndarray, Grid]:
    """Read a volume and turn it to the nearest RAS+; as `nifti.read`, with `axes` "LPS" where not given.

    Raises:
        FormatError: not MetaImage, truncated, too large, not finite, sheared, or of a kind that is not read.
    """
    name, path = os.fspath(path), Path(path)
    detached.existing(path, "MetaImage", ".mha, .mhd")
    fields, end = _fields(path, name)
    return detached.read_stored(_stored(path, name, fields, end), name, axes, max_bytes)


def _fields(path: Path, name: str) -> tuple[dict[str, str], int]:
    """The fields by name in small letters, and where the header ends [bytes]: after ElementDataFile."""
    fields: dict[str, str] = {}
    with voxels.reading(name), path.open("rb") as file:
        while line := file.readline(detached.MAX_HEADER):
            text = line.decode("utf-8", "replace").strip()
            key, equals, value = (part.strip() for part in text.partition("="))
            if not text:
                continue
            if not equals or not key.isidentifier() or file.tell() > detached.MAX_HEADER:
                raise FormatError(f'{name}: "{text[:60]!r}" is no line of a MetaImage header. Convert it to .mha')
            fields[key.lower()] = value
            if key.lower() == "elementdatafile":
                return fields, file.tell()
    raise FormatError(f"{name}: not a MetaImage file, or truncated: it has no ElementDataFile. Copy it again")


def _stored(path: Path, name: str, fields: dict[str, str], end: int) -> Stored:
    def flag(key: str, default: str) -> bool:
        value = fields.get(key, default).lower()
        if value not in _TRUE:
            raise FormatError(f'{name}: {key} is "{value[:40]}"; must be True or False. Mend the header')
        return _TRUE[value]

    shape = _shape(fields, name)
    if not flag("binarydata", "True"):
        raise FormatError(f"{name}: its voxels are text; binary ones are read. Write it again")
    if fields.get("elementnumberofchannels", "1") != "1":
        raise FormatError(
            f"{name}: has {fields['elementnumberofchannels'][:20]} channels; 1 is wanted. Take one of them"
        )
    kind = fields.get("elementtype", "").upper()
    if kind not in _TYPES:
        raise FormatError(f'{name}: voxels of type "{kind[:40]}"; integers or floats are wanted. Convert it')
    big = flag("elementbyteordermsb" if "elementbyteordermsb" in fields else "binarydatabyteordermsb", "False")
    data, offset = _data(path, name, fields["elementdatafile"], end)
    packing = "gzip" if detached.is_gzip(data) else "zlib" if flag("compresseddata", "False") else ""
    head = int(numbers(fields.get("headersize", "0"), 1, name, "HeaderSize")[0])
    if head < -1 or (head == -1 and packing):
        raise FormatError(f"{name}: HeaderSize is {head}; must be at least 0, or -1 where nothing is packed")
    at = None if head == -1 else offset + head
    return Stored(
        shape, np.dtype(_TYPES[kind]).newbyteorder(">" if big else "<"), _affine(fields, name), "LPS", data, at, packing
    )


def _shape(fields: dict[str, str], name: str) -> tuple[int, ...]:
    count = detached.sizes(fields.get("ndims", ""), 1, name, "NDims")[0]
    shape = detached.sizes(fields.get("dimsize", ""), min(count, 8), name, "DimSize")
    if count != 3:
        raise FormatError(f"{name}: has {count} dimensions {list(shape)}; 3 are wanted. Take one volume out of it")
    return shape


def _data(path: Path, name: str, named: str, end: int) -> tuple[Path, int]:
    if named.upper() == "LOCAL":
        return path, end
    if named.upper().startswith("LIST") or "%" in named:
        raise FormatError(f"{name}: its voxels lie in several files; one is wanted. Write it again as one .mha")
    return detached.beside(path, named), 0


def _affine(fields: dict[str, str], name: str) -> np.ndarray:
    """Indices (i, j, k) to the file's world [mm]: each three numbers of the matrix are the direction of an axis."""

    def first(keys: tuple[str, ...], default: str, count: int) -> list[float]:
        key = next((k for k in keys if k in fields), keys[0])
        return numbers(fields.get(key, default), count, name, key)

    affine = np.eye(4)
    turn = np.reshape(first(("transformmatrix", "orientation", "rotation"), "1 0 0 0 1 0 0 0 1", 9), (3, 3)).T
    affine[:3, :3] = turn * first(("elementspacing", "elementsize"), "1 1 1", 3)
    affine[:3, 3] = first(("offset", "position", "origin"), "0 0 0", 3)
    return affine
