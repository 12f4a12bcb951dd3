"""The voxels of a file: sizes are held against limits and against the file before memory is taken."""

from __future__ import annotations

import gzip
import io
import math
import os
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import BinaryIO, cast

import numpy as np

from phantomsim.errors import FormatError

MAX_VOXELS = 2**31
MAX_BYTES = 2**34
MAX_RATIO = 1032  # the most that deflate can shrink: 258 bytes by 2 bits (zlib's technical notes)
_STEP = 2**24


class Inflated(io.RawIOBase):
    """What a zlib stream unpacks to, read on; its checksum is compared at the end."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._zlib = file, zlib.decompressobj()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        data = b""
        while not data and len(buffer) and not self._zlib.eof:
            packed = self._zlib.unconsumed_tail or self._file.read(2**20)
            if not packed:
                raise EOFError("it ends before its checksum")
            data = self._zlib.decompress(packed, len(buffer))
        buffer[: len(data)] = data
        return len(data)


@contextmanager
def reading(name: str) -> Iterator[None]:
    """Turn what goes wrong while a file is read into errors that say what to do."""
    try:
        yield
    except (EOFError, zlib.error, gzip.BadGzipFile) as e:
        raise FormatError(f"{name}: the compressed data is truncated or damaged ({e}). Copy the file again") from e
    except OSError as e:
        raise FormatError(f"{name}: cannot be read: {e.strerror or e}. Check the path and its rights") from e


def unpacked(file: BinaryIO, packing: str) -> BinaryIO:
    """The file from where it stands, unpacked by "gzip" or "zlib", or as it is ("")."""
    if packing == "gzip":
        return cast(BinaryIO, gzip.GzipFile(fileobj=file, mode="rb"))
    return cast(BinaryIO, Inflated(file)) if packing == "zlib" else file


def check_size(shape: Sequence[int], dtype: np.dtype, name: str, max_bytes: int) -> None:
    """Raises FormatError for voxels of a type that is no number, or more of them than may be read."""
    if dtype.kind not in "iuf" or dtype.itemsize > 8:
        raise FormatError(f"{name}: voxels of type {dtype}; integers or floats are wanted. Convert it")
    count = math.prod(shape)
    if count > MAX_VOXELS or count * max(dtype.itemsize, 4) > max_bytes:
        raise FormatError(
            f"{name}: {' x '.join(map(str, shape))} voxels of {dtype}; at most {MAX_VOXELS} voxels and {max_bytes} "
            "bytes are read. Crop or resample it, or raise max_bytes"
        )


def check_held(need: int, length: int, packing: str, name: str) -> None:
    """Raises FormatError where a file of `length` bytes cannot hold `need` bytes of voxels."""
    if need > length * (MAX_RATIO if packing else 1):
        raise FormatError(f"{name}: truncated: {length} bytes cannot hold {need} bytes of voxels. Copy it again")


def skip(file: BinaryIO, count: int) -> None:
    """Read on by `count` bytes."""
    while count > 0:
        step = len(file.read(min(count, 2**20)))
        if step == 0:
            raise EOFError("it ends before the voxels")
        count -= step


def fill(file: BinaryIO, need: int, name: str) -> bytearray:
    """Exactly `need` bytes, from where the file stands. Raises FormatError where there are fewer."""
    data = bytearray(need)
    done, view = 0, memoryview(data)
    while done < need:
        step = file.readinto(view[done : done + _STEP])  # type: ignore[attr-defined]
        if not step:
            raise FormatError(f"{name}: truncated: {done} of {need} bytes of voxels. Copy or write the file again")
        done += step
    file.read(1)  # at its end a compressed file's checksum is compared
    return data


def finite(values: np.ndarray, name: str) -> np.ndarray:
    """The values. Raises FormatError where one is NaN or infinite."""
    if values.dtype.kind in "iu" or np.isfinite(values).all():
        return values
    bad = ~np.isfinite(values)
    where = tuple(int(i) for i in np.argwhere(bad)[0])
    raise FormatError(
        f"{name}: {int(bad.sum())} voxels are NaN or infinite (first at file index [k, j, i] = {list(where)}). "
        "Replace them, for example by air"
    )


def whole(values: np.ndarray, path: str | os.PathLike[str]) -> np.ndarray:
    """Values of a label map as integers. Raises FormatError where they are no whole numbers, or beyond 2^24."""
    if values.dtype.kind in "iu":
        return values
    labels = np.rint(values)
    if not np.array_equal(labels, values) or np.abs(labels).max(initial=0) > 2**24:
        raise FormatError(
            f"{os.fspath(path)}: not a label map: it holds {values[labels != values][:1]} and the like; labels are "
            "whole numbers. Was it resampled by interpolation? Use nearest neighbours"
        )
    return labels.astype(np.int32)
