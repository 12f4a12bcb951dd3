"""Writing MR raw data as ISMRMRD; see `phantomsim.formats.ismrmrd` for what is written."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from phantomsim.errors import FormatError
from phantomsim.formats.ismrmrd_table import (
    COUNTER_NAMES,
    COUNTERS,
    DIRECTIONS,
    LPS,
    MAX_COUNT,
    AcquisitionTable,
    Flag,
    Header,
)
from phantomsim.formats.ismrmrd_xml import libraries, to_xml
from phantomsim.store import writing

_BLOCK_BYTES = 2**27  # of readouts, written at a time


def write(
    path: str | os.PathLike[str],
    kspace: np.ndarray,
    table: AcquisitionTable,
    header: Header,
    *,
    noise: np.ndarray | None = None,
    covariance: np.ndarray | None = None,
) -> None:
    """Write raw data whole or not at all; the same arguments give the same bytes.

    Args:
        path: usually ends in .h5 or .mrd; an older file is replaced.
        kspace: complex [coil, shot, sample].
        table: one row per shot; see `with_flags`.
        header: of the whole.
        noise: noise-only readouts, complex [coil, shot, sample], of the sampling time of the first shot.
        covariance: of the coils' noise, E[n n^H] [coil, coil].
    Raises:
        FormatError: the table does not fit, a value is not finite or not within the format's limits; or the extra is
            missing.
        StoreError: the disk refuses.
    """
    data = np.ascontiguousarray(kspace, np.complex64)
    table.check(data.shape)
    _check_finite(data, table, noise)
    if noise is not None and (noise.ndim != 3 or len(noise) != len(data) or not 1 <= noise.shape[2] <= MAX_COUNT):
        raise FormatError(f"noise of shape {noise.shape}; wanted [{len(data)} coils, shot, sample]")
    if covariance is not None and np.shape(covariance) != (len(data), len(data)):
        raise FormatError(f"a noise covariance of {np.shape(covariance)} for {len(data)} coils")
    xml, h5py = to_xml(header, table, len(data), covariance), libraries()
    from ismrmrd.hdf5 import acquisition_dtype

    scale = header.encoding.pixel_mm()
    with _atomic_path(path) as partial, h5py.File(partial, "x") as file:
        group = file.create_group("dataset")
        group.create_dataset("xml", (1,), h5py.special_dtype(vlen=bytes))[0] = xml
        shots = len(table) + (0 if noise is None else noise.shape[1])
        dataset = group.create_dataset("data", (shots,), acquisition_dtype, maxshape=(None,), chunks=(min(shots, 256),))
        for start, records in _records(data, table, scale, noise, acquisition_dtype):
            dataset[start : start + len(records)] = records


@contextmanager
def _atomic_path(path: str | os.PathLike[str]) -> Iterator[str]:
    """A name beside `path` for the HDF5 library to write to; the file moves to `path` when the block ends well."""
    path = Path(path)
    if path.is_dir():
        raise FormatError(f"{path}: is a folder; a file is to be written. Choose another name")
    partial = path.with_name(f".{path.name[:80]}.{uuid.uuid4().hex}.partial")
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield str(partial)
            os.replace(partial, path)
        finally:
            partial.unlink(missing_ok=True)


def _check_finite(kspace: np.ndarray, table: AcquisitionTable, noise: np.ndarray | None) -> None:
    parts = {"raw data": kspace, "noise": noise, "trajectory": table.trajectory_per_mm, "position": table.position_mm}
    for name, part in parts.items():
        if part is not None and not np.isfinite(part).all():
            raise FormatError(f"the {name} holds values that are NaN or infinite. Mend them before writing")


def _records(
    data: np.ndarray, table: AcquisitionTable, pixel_mm: np.ndarray, noise: np.ndarray | None, dtype: np.dtype
) -> Iterator[tuple[int, np.ndarray]]:
    """Records to write, some at a time, each with the place of the first."""
    done = 0
    if noise is not None:
        quiet = AcquisitionTable.of(
            noise.shape[1], sample_time_us=float(table.sample_time_us[0]), centre_sample=0, flags=int(Flag.NOISE)
        )
        yield 0, _pack(np.ascontiguousarray(noise, np.complex64), quiet, pixel_mm, np.arange(len(quiet)), 0, dtype)
        done = len(quiet)
    step = max(1, _BLOCK_BYTES // (8 * data.shape[0] * data.shape[2]))
    for start in range(0, len(table), step):
        rows = np.arange(start, min(start + step, len(table)))
        yield done + start, _pack(data, table, pixel_mm, rows, done, dtype)


def _pack(
    data: np.ndarray, table: AcquisitionTable, pixel_mm: np.ndarray, rows: np.ndarray, before: int, dtype: np.dtype
) -> np.ndarray:
    records = np.zeros(len(rows), dtype)
    head = records["head"]
    coils, _, samples = data.shape
    head["version"], head["number_of_samples"], head["scan_counter"] = 1, samples, rows + before
    head["available_channels"] = head["active_channels"] = coils
    mask = [(1 << min(max(coils - 64 * word, 0), 64)) - 1 for word in range(16)]
    head["channel_mask"] = np.array(mask, np.uint64)
    head["flags"], head["acquisition_time_stamp"] = table.flags[rows], table.time_ms[rows]
    head["center_sample"], head["sample_time_us"] = table.centre_sample[rows], table.sample_time_us[rows]
    head["position"] = table.position_mm[rows] * LPS
    for theirs, ours in DIRECTIONS.items():
        head[theirs] = getattr(table, ours)[rows] * LPS
    for name in COUNTERS:
        head["idx"][COUNTER_NAMES.get(name, name)] = getattr(table, name)[rows]
    path = table.trajectory_per_mm
    head["trajectory_dimensions"] = 0 if path is None else path.shape[2]
    for record, row in zip(records, rows):
        record["data"] = np.ascontiguousarray(data[:, row]).view(np.float32).ravel()
        record["traj"] = np.zeros(0, np.float32) if path is None else _pixels(path[row], pixel_mm)
    return records


def _pixels(path_per_mm: np.ndarray, pixel_mm: np.ndarray) -> np.ndarray:
    return (path_per_mm * pixel_mm[: path_per_mm.shape[1]]).astype(np.float32).ravel()
