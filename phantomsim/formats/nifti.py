"""NIfTI-1 and NIfTI-2, in and out.

Read by the standard's own rules (https://nifti.nimh.nih.gov/nifti-1): the sform where its code is above 0, else the
qform, else pixdim; spatial units other than millimetres are converted. Nothing is allocated before the header's sizes
have been held against the limits and against the file.
"""

from __future__ import annotations

import gzip
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

import nibabel as nib
import numpy as np

from phantomsim.errors import FormatError
from phantomsim.formats import voxels
from phantomsim.formats.orientation import named_axes, to_ras
from phantomsim.formats.voxels import MAX_BYTES
from phantomsim.grid import Grid
from phantomsim.store import atomic_file

_HEADERS = {348: nib.Nifti1Header, 540: nib.Nifti2Header}
_MM = {"unknown": 1.0, "mm": 1.0, "meter": 1000.0, "micron": 0.001}


def read(path: str | os.PathLike[str], *, axes: str = "RAS", max_bytes: int = MAX_BYTES) -> tuple[np.ndarray, Grid]:
    """Read a volume and turn it to the nearest RAS+.

    Args:
        path: a .nii or .nii.gz file (told apart by content), of 3 dimensions or more that are 1 beyond.
        axes: where the file's world axes point to, for files that are not RAS as the standard wants.
        max_bytes: most memory that its voxels may take.

    Returns:
        values [z, y, x]: integers as stored; floats, and integers with a scale, as float32. And their grid [mm, RAS+].

    Raises:
        FormatError: not NIfTI, truncated, too large, not finite, sheared, or of a type that is no scalar.
    """
    name = os.fspath(path)
    with voxels.reading(name), _open(Path(path)) as file:
        header = _header(file, name)
        shape, dtype = _layout(header, name, max_bytes)
        stored = _voxels(file, header, shape, dtype, Path(path))
    return to_ras(_scaled(stored, header, name), named_axes(axes) @ _affine(header, name), name)


def read_labels(
    path: str | os.PathLike[str], *, axes: str = "RAS", max_bytes: int = MAX_BYTES
) -> tuple[np.ndarray, Grid]:
    """Read a label map: as `read`, but integers always; float files must hold whole numbers.

    Raises:
        FormatError: as `read`; or values that are no whole numbers, or beyond 24 bits.
    """
    values, grid = read(path, axes=axes, max_bytes=max_bytes)
    return voxels.whole(values, path), grid


def write(path: str | os.PathLike[str], array: np.typing.ArrayLike, grid: Grid, *, description: str = "") -> None:
    """Write a volume; the same arguments give the same bytes.

    Args:
        path: ends in .nii or .nii.gz.
        array: [z, y, x]; integers are kept, booleans become uint8 and other floats float32.
        grid: goes into sform and qform (code 1, scanner) and pixdim, in millimetres.
        description: at most 79 bytes of text.

    Raises:
        FormatError: another ending, a type that is no scalar, or NaN or infinity.
        GridError: the array does not fit the grid.
        StoreError: the disk refuses.
    """
    path = Path(path)
    if not path.name.endswith((".nii", ".nii.gz")):
        raise FormatError(f"{path}: a NIfTI file's name ends in .nii or .nii.gz")
    values = _storable(np.asarray(array), str(path))
    grid.check(values.shape, str(path))
    head = _make_header(values, grid, description)
    with atomic_file(path) as raw:
        if path.name.endswith(".gz"):
            with gzip.GzipFile(filename="", fileobj=raw, mode="wb", compresslevel=4, mtime=0) as file:
                _put(cast(BinaryIO, file), head, values)
        else:
            _put(raw, head, values)


@contextmanager
def _open(path: Path) -> Iterator[BinaryIO]:
    """The file's bytes, decompressed where it is gzip by content."""
    if path.is_dir():
        raise FormatError(f"{path}: is a folder; a NIfTI file (.nii, .nii.gz) is wanted")
    if not path.exists():
        raise FormatError(f"{path}: no such file. Check the path")
    with path.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
        file.seek(0)
        if packed:
            with gzip.GzipFile(fileobj=file, mode="rb") as unpacked:
                yield cast(BinaryIO, unpacked)
        else:
            yield file


def _header(file: BinaryIO, name: str) -> nib.Nifti1Header:
    """The checked header; the file then stands behind it."""
    size = file.read(4)
    kind = _HEADERS.get(int.from_bytes(size, "little")) or _HEADERS.get(int.from_bytes(size, "big"))
    if kind is None:
        raise FormatError(f"{name}: not a NIfTI file (it begins with {size!r}). Convert it to .nii or .nii.gz")
    block = size + file.read(kind.sizeof_hdr - 4)
    if len(block) < kind.sizeof_hdr:
        raise FormatError(f"{name}: truncated: {len(block)} bytes of a header of {kind.sizeof_hdr}. Copy it again")
    try:
        header = kind(block, check=False)
        magic = bytes(header["magic"])[:3]
    except Exception as e:
        raise FormatError(f"{name}: the NIfTI header is damaged ({e}). Write the file again") from e
    if magic not in (b"n+1", b"n+2"):
        raise FormatError(f"{name}: not a single-file NIfTI (magic {magic!r}). Convert it to .nii or .nii.gz")
    return header


def _layout(header: nib.Nifti1Header, name: str, max_bytes: int) -> tuple[tuple[int, ...], np.dtype]:
    """Shape (i, j, k) and type of the voxels, within the limits."""
    dim = [int(d) for d in header["dim"]]
    if not 1 <= dim[0] <= 7 or min(dim[1 : dim[0] + 1]) < 1:
        raise FormatError(f"{name}: dimensions {dim[1:]} (count {dim[0]}); each must be at least 1. Mend the header")
    shape = tuple(dim[1 : dim[0] + 1]) + (1,) * (3 - dim[0])
    if math.prod(shape[3:]) != 1:
        raise FormatError(f"{name}: has {dim[0]} dimensions {shape}; 3 are wanted. Take one volume out of it")
    try:
        dtype = header.get_data_dtype()
    except Exception as e:
        raise FormatError(f"{name}: voxels of unknown type, code {int(header['datatype'])}. Write as float32") from e
    voxels.check_size(shape[:3], dtype, name, max_bytes)
    return shape[:3], dtype


def _voxels(
    file: BinaryIO, header: nib.Nifti1Header, shape: tuple[int, ...], dtype: np.dtype, path: Path
) -> np.ndarray:
    """The stored voxels [k, j, i]; memory is taken only for what the file can hold."""
    offset, need = float(header["vox_offset"]), math.prod(shape) * dtype.itemsize
    length, packing = path.stat().st_size, "gzip" if isinstance(file, gzip.GzipFile) else ""
    if not header.sizeof_hdr <= offset <= length * (voxels.MAX_RATIO if packing else 1):
        raise FormatError(f"{path}: voxels are said to begin at byte {offset:g}, outside the file. It is damaged")
    voxels.check_held(int(offset) + need, length, packing, str(path))
    voxels.skip(file, int(offset) - header.sizeof_hdr)
    data = voxels.fill(file, need, str(path))
    return np.frombuffer(data, dtype).reshape(shape[::-1])


def _scaled(stored: np.ndarray, header: nib.Nifti1Header, name: str) -> np.ndarray:
    """Stored values by the header's slope and intercept; finite or an error."""
    slope, intercept = (float(header[key]) for key in ("scl_slope", "scl_inter"))
    plain = slope == 0 or not math.isfinite(slope) or (slope, intercept) == (1.0, 0.0)  # the standard: 0 is "no scale"
    if not plain and not math.isfinite(intercept):
        raise FormatError(f"{name}: scl_inter is {intercept}. Mend the header")
    if plain and stored.dtype.kind in "iu":
        return stored
    with np.errstate(over="ignore", invalid="ignore"):
        values = np.asarray(stored if plain else stored * np.float64(slope) + intercept, np.float32)
    return voxels.finite(values, name)


def _affine(header: nib.Nifti1Header, name: str) -> np.ndarray:
    """Indices (i, j, k) to world [mm]."""
    try:
        affine = np.array(header.get_best_affine(), float)
        unit = header.get_xyzt_units()[0]
    except Exception as e:
        raise FormatError(f"{name}: the header's orientation is damaged ({e}). Mend its sform or qform") from e
    affine[:3] *= _MM[unit]
    if header.sizeof_hdr == 348 and np.isfinite(affine).all():
        return _shortest(affine)
    return affine


def _shortest(values: np.ndarray) -> np.ndarray:
    """The shortest decimals that a float32 header can mean: 0.7 rather than 0.699999988."""
    with np.errstate(over="ignore"):
        return np.vectorize(lambda v: float(str(np.float32(v))), otypes=[float])(values)


def _storable(values: np.ndarray, name: str) -> np.ndarray:
    if values.dtype.kind == "b":
        return values.astype(np.uint8)
    if values.dtype.kind in "iu":
        return values.astype(values.dtype.newbyteorder("<"), copy=False)
    if values.dtype.kind != "f":
        raise FormatError(f"{name}: values of type {values.dtype} cannot be written; give integers or floats")
    with np.errstate(over="ignore"):
        return voxels.finite(values.astype("<f4", copy=False), name)


def _make_header(values: np.ndarray, grid: Grid, description: str) -> bytes:
    kind = nib.Nifti1Header if max(values.shape) < 2**15 else nib.Nifti2Header
    header = kind(endianness="<")
    header.set_data_dtype(values.dtype)
    header.set_data_shape(values.shape[::-1])
    header.set_zooms(grid.spacing_mm[::-1])
    header.set_xyzt_units("mm")
    header.set_sform(grid.affine, code="scanner")
    header.set_qform(grid.affine, code="scanner")
    header["descrip"] = description.encode()[:79]
    header["vox_offset"] = header.sizeof_hdr + 4
    header["magic"] = b"n+1" if kind is nib.Nifti1Header else b"n+2"
    header["scl_slope"], header["scl_inter"] = 1.0, 0.0
    return header.binaryblock + bytes(4)  # four zero bytes: no extensions follow


def _put(file: BinaryIO, head: bytes, values: np.ndarray) -> None:
    file.write(head)
    file.write(np.ascontiguousarray(values).data)
