"""Voxels described by a header of text, in the same file or beside it: what NRRD and MetaImage share."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from phantomsim.errors import FormatError
from phantomsim.formats import voxels
from phantomsim.formats.orientation import named_axes, to_ras
from phantomsim.grid import Grid

MAX_HEADER = 2**20
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")


@dataclass(frozen=True)
class Stored:
    """What a header says of its voxels.

    Attributes:
        shape: voxels along i, j, k; i runs fastest in the file.
        dtype: of a voxel, with its byte order.
        affine: 4 x 4, from indices (i, j, k, 1) to the file's world [mm].
        world: where that world's axes point to, as three letters.
        data: the file that holds the voxels.
        offset: bytes before them, packed or not; None where they end the file.
        packing: "gzip", "zlib" or "".
        skip: bytes before them once unpacked.
    """

    shape: tuple[int, ...]
    dtype: np.dtype
    affine: np.ndarray
    world: str
    data: Path
    offset: int | None
    packing: str
    skip: int = 0


def read_stored(stored: Stored, name: str, axes: str | None, max_bytes: int) -> tuple[np.ndarray, Grid]:
    """The voxels [z, y, x] and their grid; `axes` overrides the file's world. Raises FormatError as the formats do."""
    voxels.check_size(stored.shape, stored.dtype, name, max_bytes)
    need = math.prod(stored.shape) * stored.dtype.itemsize
    with voxels.reading(str(stored.data)), stored.data.open("rb") as file:
        length = stored.data.stat().st_size
        start = length - need if stored.offset is None else stored.offset
        voxels.check_held(need + stored.skip, max(0, length - max(start, 0)), stored.packing, str(stored.data))
        file.seek(start)
        unpacked = voxels.unpacked(file, stored.packing)
        voxels.skip(unpacked, stored.skip)
        data = voxels.fill(unpacked, need, str(stored.data))
    values = np.frombuffer(data, stored.dtype).reshape(stored.shape[::-1])
    if stored.dtype.kind == "f":
        with np.errstate(over="ignore"):
            values = voxels.finite(values.astype(np.float32), name)
    return to_ras(values, named_axes(axes or stored.world) @ stored.affine, name)


def existing(path: Path, kind: str, endings: str) -> None:
    """Raises FormatError unless the path is a file."""
    if path.is_dir():
        raise FormatError(f"{path}: is a folder; a {kind} file ({endings}) is wanted")
    if not path.exists():
        raise FormatError(f"{path}: no such file. Check the path")


def beside(header: Path, named: str) -> Path:
    """The data file that a header names, or that file with .gz; in the header's folder or below, nowhere else.

    Raises:
        FormatError: another folder, or no such file.
    """
    relative = Path(named)
    if not named or "\0" in named or relative.is_absolute() or ".." in relative.parts:
        raise FormatError(f'{header}: its voxels are said to be in "{named}"; they must lie in the header\'s folder')
    found = header.parent / relative
    packed = found.with_name(found.name + ".gz")
    if not found.is_file() and packed.is_file():
        return packed
    if not found.is_file():
        raise FormatError(f"{header}: its voxels are said to be in {found}, which is not there. Copy it too")
    return found


def is_gzip(path: Path) -> bool:
    """Whether a file named .gz is packed by gzip."""
    with voxels.reading(str(path)), path.open("rb") as file:
        return path.name.endswith(".gz") and file.read(2) == b"\x1f\x8b"


def numbers(text: str, count: int, name: str, key: str) -> list[float]:
    """`count` finite numbers of a header's line. Raises FormatError."""
    words = text.split()
    if len(words) != count or not all(_NUMBER.fullmatch(w) and math.isfinite(float(w)) for w in words):
        raise FormatError(f'{name}: {key} is "{text[:80]}"; {count} finite numbers are wanted. Mend the header')
    return [float(w) for w in words]


def sizes(text: str, count: int, name: str, key: str) -> tuple[int, ...]:
    """`count` whole numbers from 1 to 2^31 of a header's line. Raises FormatError."""
    words = text.split()
    if len(words) != count or not all(w.isdecimal() and w.isascii() and 1 <= int(w[:11]) <= 2**31 for w in words):
        raise FormatError(f'{name}: {key} is "{text[:80]}"; {count} whole numbers above 0 are wanted. Mend the header')
    return tuple(map(int, words))
