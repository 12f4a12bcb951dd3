"""Reading ISMRMRD files that nobody vouches for: sizes are held against limits before memory is taken."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from phantomsim.errors import FormatError
from phantomsim.formats.ismrmrd_table import (
    COUNTER_NAMES,
    COUNTERS,
    DIRECTIONS,
    LPS,
    AcquisitionTable,
    Flag,
    Header,
    Measurement,
)
from phantomsim.formats.ismrmrd_xml import (
    UNIT,
    covariance_of,
    header_of,
    libraries,
    parse,
    trajectory_unit,
)

MAX_BYTES = 2**34
MAX_SHOTS = 2**22
_READ_BYTES = 2**31  # the most that one read can take, should every shot of it be as large as the file


def read(path: str | os.PathLike[str], *, encoding: int = 0, max_bytes: int = MAX_BYTES) -> Measurement:
    """Read raw data that this program or another wrote.

    Args:
        path: an HDF5 file of ISMRMRD.
        encoding: which encoding space of the header; readouts of others are passed over.
        max_bytes: most memory that the readouts may take.
    Returns:
        the readouts in the file's order, noise-only ones apart; samples that the file says to discard are left out.
    Raises:
        FormatError: not HDF5, not ISMRMRD, too large, damaged, or readouts of several lengths; or the extra is missing.
    """
    name, h5py = os.fspath(path), libraries()
    size = _file_size(Path(path), name, max_bytes)
    try:
        with h5py.File(name, "r") as file:
            text = _xml(file, name)
            root = parse(text, name)
            return _measurement(file, root, encoding, name, size, max_bytes)
    except FormatError:
        raise
    except OSError as e:
        raise FormatError(f"{name}: not an HDF5 file, or a damaged one ({_first(e)}). Copy or write it again") from e
    except Exception as e:
        raise FormatError(f"{name}: damaged ({_first(e)}). Copy or write the file again") from e


def _file_size(path: Path, name: str, max_bytes: int) -> int:
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "no such file"
        raise FormatError(f"{name}: {what}; an ISMRMRD file (.h5, .mrd) is wanted. Check the path")
    size = path.stat().st_size
    if size > 2 * max_bytes:
        raise FormatError(f"{name}: {size} bytes; at most {2 * max_bytes} are read. Raise max_bytes")
    return size


def _dataset(file: Any, name: str, where: str) -> Any:
    """A dataset that lies in this very file."""
    import h5py

    parts = f"dataset/{name}".split("/")
    for depth in range(1, len(parts) + 1):
        inner = "/".join(parts[:depth])
        link = file.get(inner, getlink=True)
        if link is None:
            raise FormatError(f"{where}: has no {inner!r}; it is not an ISMRMRD file, or an empty one. Check the path")
        if not isinstance(link, h5py.HardLink):
            raise FormatError(f"{where}: {inner!r} is a link to elsewhere, which is not followed. Copy its target in")
    found = file["/".join(parts)]
    if not isinstance(found, h5py.Dataset) or found.is_virtual or found.external or found.ndim != 1:
        raise FormatError(f"{where}: 'dataset/{name}' is no plain list of records. Write the file again")
    return found


def _xml(file: Any, where: str) -> bytes:
    import h5py

    found = _dataset(file, "xml", where)
    if found.shape != (1,) or h5py.check_string_dtype(found.dtype) is None:
        raise FormatError(f"{where}: 'dataset/xml' is not one text. Write the file again")
    text = found[0]
    return text.encode() if isinstance(text, str) else bytes(text)


def _measurement(file: Any, root: Any, encoding: int, where: str, size: int, max_bytes: int) -> Measurement:
    dataset = _dataset(file, "data", where)
    heads = _heads(dataset, where, max_bytes)
    header = header_of(root, encoding, where)
    quiet = (heads["flags"] & np.uint64(Flag.NOISE)) != 0
    shown = np.flatnonzero(~quiet & (heads["encoding_space_ref"] == encoding))
    if len(shown) == 0:
        raise FormatError(
            f"{where}: no readouts of encoding space {encoding} but noise. Nothing is to be reconstructed"
        )
    kspace, path = _readouts(dataset, heads, shown, where, size, max_bytes)
    noise = None
    if quiet.any():
        noise = _readouts(dataset, heads, np.flatnonzero(quiet), where, size, max_bytes)[0]
    first = heads[shown[0]]
    table = _table(heads[shown], _unscaled(path, root, encoding, header), int(first["discard_pre"]))
    return Measurement(kspace, table, header, noise, covariance_of(root, len(kspace)))


def _heads(dataset: Any, where: str, max_bytes: int) -> np.ndarray:
    """All readouts' headers, the readouts themselves not yet touched."""
    import h5py
    from ismrmrd.hdf5 import acquisition_header_dtype as wanted

    kind = dataset.dtype
    names = kind.names or ()
    sizes = all(n in names and h5py.check_vlen_dtype(kind[n]) == np.dtype("<f4") for n in ("data", "traj"))
    if "head" not in names or not sizes or kind["head"].names != wanted.names or kind["head"].itemsize > 1024:
        raise FormatError(f"{where}: 'dataset/data' does not hold ISMRMRD readouts of version 1. Convert the file")
    shots = dataset.shape[0]
    if not 1 <= shots <= MAX_SHOTS or shots * kind.itemsize > max_bytes:
        raise FormatError(f"{where}: {shots} readouts; 1 to {MAX_SHOTS} are read")
    return np.asarray(dataset.fields("head")[...]).astype(wanted)


def _readouts(
    dataset: Any, heads: np.ndarray, rows: np.ndarray, where: str, size: int, max_bytes: int
) -> tuple[np.ndarray, np.ndarray | None]:
    """Data [coil, shot, sample] and trajectory [shot, sample, d] of the given rows, which must agree in length."""
    layout = np.unique(heads[rows][["active_channels", "number_of_samples", "trajectory_dimensions", "discard_pre",
                                    "discard_post"]])  # fmt: skip
    if len(layout) != 1:
        lengths = sorted({int(v) for v in layout["number_of_samples"]})[:5]
        raise FormatError(
            f"{where}: readouts of several layouts (samples {lengths}, coils or trajectories); they must agree. "
            "Write each kind to a file, or an encoding space, of its own"
        )
    coils, samples, dims, before, after = (int(v) for v in layout[0])
    need = len(rows) * samples * (8 * coils + 4 * dims)
    if min(coils, samples) < 1 or dims > 3 or before + after >= samples:
        raise FormatError(
            f"{where}: readouts of {coils} coils, {samples} samples, {dims} trajectory axes make no sense"
        )
    if need > max_bytes:
        raise FormatError(f"{where}: {need} bytes of readouts; at most {max_bytes} are read. Raise max_bytes")
    if need > 1.2 * size + 2**20:
        raise FormatError(f"{where}: truncated: {size} bytes cannot hold {need} bytes of readouts. Copy it again")
    data = np.empty((coils, len(rows), samples), np.complex64)
    path = np.empty((len(rows), samples, dims), np.float32) if dims else None
    step = int(max(1, min(512, _READ_BYTES // max(size, 1))))
    for start in range(0, len(rows), step):
        some = rows[start : start + step]
        together = some[-1] - some[0] + 1 == len(some)  # HDF5 reads a run faster than a choice
        block = dataset[int(some[0]) : int(some[-1]) + 1] if together else dataset[some]
        for i, record in enumerate(block, start):
            if len(record["data"]) != 2 * coils * samples or len(record["traj"]) != samples * dims:
                raise FormatError(f"{where}: readout {rows[i]} is not as long as its header says. Write the file again")
            data[:, i] = record["data"].view(np.complex64).reshape(coils, samples)
            if path is not None:
                path[i] = record["traj"].reshape(samples, dims)
    if not np.isfinite(data).all() or (path is not None and not np.isfinite(path).all()):
        raise FormatError(f"{where}: readouts hold values that are NaN or infinite. Mend the file")
    kept = slice(before, samples - after)
    return data[:, :, kept], None if path is None else path[:, kept]


def _unscaled(path: np.ndarray | None, root: Any, encoding: int, header: Header) -> np.ndarray | None:
    """Trajectory in cycles per mm."""
    if path is None or path.shape[2] == 1:
        return None
    pixel = header.encoding.pixel_mm()[: path.shape[2]]
    per_pixel = trajectory_unit(root, encoding) == UNIT or np.abs(path).max(initial=0) <= 0.501
    counts = np.array(header.encoding.encoded_shape[::-1])[: path.shape[2]]
    span = pixel if per_pixel else pixel * counts
    return path.astype(float) / np.where(span > 0, span, 1)


def _table(heads: np.ndarray, path: np.ndarray | None, before: int) -> AcquisitionTable:
    counters = {name: heads["idx"][COUNTER_NAMES.get(name, name)].astype(np.int64) for name in COUNTERS}
    directions = {ours: heads[theirs].astype(float) * LPS for theirs, ours in DIRECTIONS.items()}
    return AcquisitionTable(
        **counters,
        **directions,
        flags=heads["flags"].astype(np.uint64),
        position_mm=heads["position"].astype(float) * LPS,
        sample_time_us=heads["sample_time_us"].astype(float),
        time_ms=heads["acquisition_time_stamp"].astype(np.int64),
        centre_sample=heads["center_sample"].astype(np.int64) - before,
        trajectory_per_mm=path,
    )


def _first(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0][:200]
