"""Reading a Zarr v3 folder that nobody vouches for: everything is held against limits before it is unpacked."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from zarr.codecs import BloscCodec, BytesCodec, Crc32cCodec, TransposeCodec, ZstdCodec

from phantomsim.errors import FormatError, StoreError

MAX_VOXELS = 2**31
MAX_BYTES = 2**34
MAX_FILES = 10**6
MAX_JSON = 2**24
MAX_CHUNK = 2**30
FORMAT = 1
_KINDS = "buifc"


def count(path: Path) -> tuple[int, int]:
    """Files and bytes below a store, the root's own zarr.json left out.

    Raises:
        FormatError: symbolic links, more than MAX_FILES files, or metadata above MAX_JSON bytes.
    """
    files = total = 0
    folders = [path]
    while folders:
        for entry in os.scandir(folders.pop()):
            if entry.is_symlink():
                raise FormatError(f"{entry.path}: a symbolic link inside a store; copy the file in its place")
            if entry.is_dir():
                folders.append(Path(entry.path))
                continue
            size = entry.stat().st_size
            if entry.name == "zarr.json" and size > MAX_JSON:
                raise FormatError(f"{entry.path}: {size} bytes of metadata; at most {MAX_JSON}")
            if entry.path != str(path / "zarr.json"):
                files, total = files + 1, total + size
            if files > MAX_FILES:
                raise FormatError(f"{path}: more than {MAX_FILES} files; this is no store of one subject")
    return files, total


def open_store(path: str | os.PathLike[str], kind: str) -> tuple[zarr.Group, dict[str, Any]]:
    """Open a store of the given kind and give its group and the attributes under `phantomsim`.

    Raises:
        FormatError: no Zarr v3 group, or one of another kind or a newer format.
        StoreError: parts of it are missing.
    """
    group = open_group(path)
    own = group.attrs.get("phantomsim")
    if not isinstance(own, dict) or own.get("kind") != kind:
        found = own.get("kind") if isinstance(own, dict) else "nothing of phantomsim's"
        raise FormatError(f"{path}: holds {found}; a {kind} is wanted")
    if own.get("format") != FORMAT:
        raise FormatError(f"{path}: format {own.get('format')}; this version reads format {FORMAT}. Update phantomsim")
    want = own.get("files"), own.get("bytes")
    have = count(Path(path))
    if not all(isinstance(n, int) for n in want) or have[0] < want[0] or have[1] < want[1]:  # type: ignore[operator]
        raise StoreError(
            f"{path}: incomplete: {have[0]} files of {want[0]}, {have[1]} bytes of {want[1]}. Copy it again"
        )
    return group, own


def open_group(path: str | os.PathLike[str]) -> zarr.Group:
    """Open a folder as a Zarr v3 group, to read. Raises FormatError if it is none."""
    folder = Path(path)
    if not (folder / "zarr.json").is_file():
        what = "no such folder" if not folder.exists() else "not a Zarr v3 store (it has no zarr.json)"
        raise FormatError(f"{path}: {what}. Check the path")
    count(folder)
    try:
        json.loads((folder / "zarr.json").read_text())
        return zarr.open_group(str(folder), mode="r", zarr_format=3, use_consolidated=False)
    except Exception as e:
        raise FormatError(f"{path}: the store's metadata is damaged ({_first(e)}). Copy it again") from e


def load(
    group: zarr.Group, name: str, *, ndim: int | None = None, kinds: str = _KINDS, max_bytes: int = MAX_BYTES
) -> np.ndarray:
    """Read one array whole.

    Args:
        name: path of the array inside the group.
        ndim: how many dimensions it must have.
        kinds: allowed kinds of numpy types.

    Raises:
        FormatError: absent, of another type, too large, packed by an unknown codec, or damaged.
    """
    where = f"{group.store_path}/{name}"
    try:
        array = group[name]
    except Exception as e:
        raise FormatError(f"{where}: missing or damaged ({_first(e)}). Copy the store again") from e
    if not isinstance(array, zarr.Array):
        raise FormatError(f"{where}: is a group; an array is wanted")
    _check(array, where, ndim, kinds, max_bytes)
    try:
        return np.asarray(array[...])
    except Exception as e:
        raise FormatError(f"{where}: its chunks are damaged ({_first(e)}). Copy the store again") from e


def _check(array: zarr.Array, where: str, ndim: int | None, kinds: str, max_bytes: int) -> None:
    if array.dtype.kind not in kinds or (ndim is not None and array.ndim != ndim):
        raise FormatError(f"{where}: {array.ndim} dimensions of {array.dtype}; wanted {ndim} of kind {'/'.join(kinds)}")
    size, cells = math.prod(array.shape), math.prod(array.chunks)
    if size > MAX_VOXELS or size * array.dtype.itemsize > max_bytes:
        raise FormatError(
            f"{where}: shape {array.shape} of {array.dtype}; at most {MAX_VOXELS} numbers and {max_bytes} bytes"
        )
    chunks = math.prod(-(-n // c) for n, c in zip(array.shape, array.chunks))
    if cells * array.dtype.itemsize > MAX_CHUNK or chunks > MAX_FILES:
        raise FormatError(f"{where}: {chunks} chunks of {array.chunks}; at most {MAX_FILES}, each {MAX_CHUNK} bytes")
    packer = _packer(array, where)
    if packer is not None:
        folder = Path(array.store_path.store.root) / array.store_path.path  # type: ignore[attr-defined]
        _check_chunks(folder, packer, cells * array.dtype.itemsize)


def _packer(array: zarr.Array, where: str) -> type | None:
    """The one compressor of an array, of those whose frames say how large they unpack."""
    codecs = [type(c) for c in array.metadata.codecs if not isinstance(c, BytesCodec | Crc32cCodec | TransposeCodec)]  # type: ignore[union-attr]
    if not codecs:
        return None
    if len(codecs) > 1 or codecs[0] not in (ZstdCodec, BloscCodec):
        names = ", ".join(c.__name__ for c in codecs)
        raise FormatError(f"{where}: packed by {names}; one of zstd and blosc is read. Rewrite the array")
    return codecs[0]


def _check_chunks(folder: Path, packer: type, nbytes: int) -> None:
    """Refuse chunks that say they unpack to more than a chunk holds."""
    for root, _, names in os.walk(folder):
        for name in names:
            if name == "zarr.json":
                continue
            with open(os.path.join(root, name), "rb") as file:
                size = _zstd_size(file.read(18)) if packer is ZstdCodec else _blosc_size(file.read(16))
            if size != nbytes:
                raise FormatError(
                    f"{root}/{name}: a damaged chunk: unpacks to {size} bytes, not {nbytes}. Copy it again"
                )


def _zstd_size(head: bytes) -> int | None:
    """Frame content size (RFC 8878, section 3.1.1.1), None where it is not said."""
    if len(head) < 6 or head[:4] != b"\x28\xb5\x2f\xfd":
        return None
    flag, single = head[4] >> 6, head[4] >> 5 & 1
    start = 5 + (1 - single) + (0, 1, 2, 4)[head[4] & 3]
    width = (single, 2, 4, 8)[flag]
    if width == 0 or len(head) < start + width:
        return None
    return int.from_bytes(head[start : start + width], "little") + (256 if width == 2 else 0)


def _blosc_size(head: bytes) -> int | None:
    """Unpacked size from the header of Blosc 1 (README_CHUNK_FORMAT of c-blosc)."""
    return int.from_bytes(head[4:8], "little") if len(head) == 16 else None


def _first(error: Exception) -> str:
    """The first line of an error, short."""
    return f"{type(error).__name__}: {error}".splitlines()[0][:200]
