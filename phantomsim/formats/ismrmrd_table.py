"""What an ISMRMRD file says of MR raw data, in this program's units and axes."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from enum import IntFlag

import numpy as np

from phantomsim.errors import FormatError

MAX_COUNT = 2**16 - 1  # the file's counters are of 16 bits
MAX_COILS = 1024  # bits of its channel mask
COUNTERS = ("line", "partition", "slice", "contrast", "average", "repetition", "segment")
LPS = np.array([-1.0, -1.0, 1.0])  # signs from this program's RAS+ to the file's axes, and back
COUNTER_NAMES = {"line": "kspace_encode_step_1", "partition": "kspace_encode_step_2"}  # theirs, where not the same
DIRECTIONS = {"read_dir": "read_direction", "phase_dir": "phase_direction", "slice_dir": "slice_direction"}
TRAJECTORIES = ("cartesian", "epi", "radial", "goldenangle", "spiral", "other")


class Flag(IntFlag):
    """What a readout is (ISMRMRD_AcquisitionFlags; bit n - 1 of number n)."""

    FIRST_IN_SLICE = 1 << 6
    LAST_IN_SLICE = 1 << 7
    LAST_IN_REPETITION = 1 << 13
    NOISE = 1 << 18
    CALIBRATION = 1 << 19
    CALIBRATION_AND_IMAGING = 1 << 20
    REVERSE = 1 << 21
    NAVIGATION = 1 << 22
    PHASE_CORRECTION = 1 << 23
    LAST_IN_MEASUREMENT = 1 << 24
    DUMMY = 1 << 26


@dataclass(frozen=True)
class Encoding:
    """Matrices and fields of view, (z, y, x): slices or partitions, phase, readout.

    Attributes:
        encoded_shape, encoded_fov_mm: of k-space, with oversampling.
        shape, fov_mm: of the image that is wanted.
        trajectory: one of TRAJECTORIES.
        acceleration: (R_z, R_y).
        calibration: "embedded", "separate", "external", "interleaved", "other", or "" where there is none.
        centre: counter (partition, line) of the centre of k-space.
        echo_train_length: echoes per excitation.
    """

    encoded_shape: tuple[int, int, int]
    encoded_fov_mm: tuple[float, float, float]
    shape: tuple[int, int, int]
    fov_mm: tuple[float, float, float]
    trajectory: str = "cartesian"
    acceleration: tuple[int, int] = (1, 1)
    calibration: str = ""
    centre: tuple[int, int] = (0, 0)
    echo_train_length: int = 1

    def pixel_mm(self) -> np.ndarray:
        """Size of an encoded pixel along (x, y, z)."""
        return np.array([f / n for f, n in zip(self.encoded_fov_mm, self.encoded_shape)][::-1])


@dataclass(frozen=True)
class Header:
    """What holds for the whole measurement; tuples hold a value per contrast, or one.

    Attributes:
        encoding: matrices, fields of view, trajectory.
        H1_Hz: resonance frequency of protons.
        field_T: static field; 0 where unknown.
        TR_ms, TE_ms, TI_ms, flip_deg: of the sequence; empty where they do not apply.
        echo_spacing_ms: between echoes of a train.
        sequence, protocol, system: names.
        coils: names of the coils; empty where unknown.
    """

    encoding: Encoding
    H1_Hz: float
    field_T: float = 0.0
    TR_ms: tuple[float, ...] = ()
    TE_ms: tuple[float, ...] = ()
    TI_ms: tuple[float, ...] = ()
    flip_deg: tuple[float, ...] = ()
    echo_spacing_ms: tuple[float, ...] = ()
    sequence: str = ""
    protocol: str = ""
    system: str = ""
    coils: tuple[str, ...] = ()


def _zeros() -> np.ndarray:
    return np.zeros(0, np.int64)


@dataclass(frozen=True)
class AcquisitionTable:
    """One row per shot (readout).

    Attributes:
        line, partition, slice, contrast, average, repetition, segment: counters, int [shot].
        flags: of `Flag`, uint64 [shot].
        position_mm: centre of the slice or slab from the isocentre, [shot, 3] (x, y, z), RAS+.
        read_direction, phase_direction, slice_direction: unit vectors [shot, 3] in the same frame.
        sample_time_us: between samples [shot].
        centre_sample: index of the sample at the centre of k-space [shot].
        time_ms: when the shot was read [shot], whole milliseconds.
        trajectory_per_mm: along (read, phase, slice) directions [shot, sample, d], d = 2 or 3; None: by the counters.
    """

    line: np.ndarray
    partition: np.ndarray
    slice: np.ndarray
    contrast: np.ndarray
    average: np.ndarray
    repetition: np.ndarray
    segment: np.ndarray
    flags: np.ndarray
    position_mm: np.ndarray
    read_direction: np.ndarray
    phase_direction: np.ndarray
    slice_direction: np.ndarray
    sample_time_us: np.ndarray
    centre_sample: np.ndarray
    time_ms: np.ndarray = field(default_factory=_zeros)
    trajectory_per_mm: np.ndarray | None = None

    @classmethod
    def of(cls, shots: int, *, sample_time_us: float, centre_sample: int, **given: object) -> AcquisitionTable:
        """A table of transverse readouts along x, phase along y, counters 0 and no flags, but for what is given."""
        axes = np.eye(3)
        base: dict[str, object] = dict.fromkeys((*COUNTERS, "time_ms"), 0)
        base |= {"flags": 0, "sample_time_us": sample_time_us, "centre_sample": centre_sample, "position_mm": [0, 0, 0]}
        base |= {f"{name}_direction": axis for name, axis in zip(("read", "phase", "slice"), axes)}
        return cls(**{name: _rows(name, value, shots) for name, value in (base | given).items()})  # type: ignore[arg-type]

    def __len__(self) -> int:
        return len(self.line)

    def check(self, kspace_shape: tuple[int, ...]) -> None:
        """Raises FormatError unless the table fits raw data [coil, shot, sample] and the file's own limits."""
        if len(kspace_shape) != 3 or min(kspace_shape) < 1:
            raise FormatError(f"raw data of shape {kspace_shape}; wanted [coil, shot, sample], none of them 0")
        coils, shots, samples = kspace_shape
        if coils > MAX_COILS or samples > MAX_COUNT:
            raise FormatError(f"{coils} coils, {samples} samples; ISMRMRD holds {MAX_COILS} coils, {MAX_COUNT} samples")
        for name, width in _WIDTHS.items():
            found = np.shape(getattr(self, name))
            if found != (shots, *width):
                raise FormatError(f"table.{name} has shape {found}; {shots} shots need {(shots, *width)}")
        for name in COUNTERS:
            counter = getattr(self, name)
            if counter.min() < 0 or counter.max() > MAX_COUNT:
                raise FormatError(f"table.{name} goes from {counter.min()} to {counter.max()}; 0 to {MAX_COUNT} fit")
        self._check_centre(samples)
        path = self.trajectory_per_mm
        if path is not None and (path.ndim != 3 or path.shape[:2] != (shots, samples) or path.shape[2] not in (2, 3)):
            raise FormatError(f"table.trajectory_per_mm has shape {path.shape}; wanted {(shots, samples)} by 2 or 3")

    def _check_centre(self, samples: int) -> None:
        if self.centre_sample.min() < 0 or self.centre_sample.max() >= samples:
            raise FormatError(f"table.centre_sample must lie in 0 to {samples - 1}; count from the first sample, 0")


_WIDTHS: dict[str, tuple[int, ...]] = dict.fromkeys(
    (*COUNTERS, "flags", "sample_time_us", "centre_sample", "time_ms"), ()
) | dict.fromkeys(("position_mm", "read_direction", "phase_direction", "slice_direction"), (3,))


def with_flags(table: AcquisitionTable) -> AcquisitionTable:
    """Mark the first and last shot of every slice (of a repetition, contrast and average) and the last of all.

    BART counts slices by these marks; Gadgetron reconstructs when it sees them.
    """
    flags = np.array(table.flags, np.uint64)
    names = ("repetition", "average", "contrast", "slice")
    groups = np.unique(np.stack([getattr(table, n) for n in names], 1), axis=0, return_inverse=True)[1].ravel()
    for group in range(int(groups.max()) + 1):
        rows = np.flatnonzero(groups == group)
        flags[rows[0]] |= np.uint64(Flag.FIRST_IN_SLICE)
        flags[rows[-1]] |= np.uint64(Flag.LAST_IN_SLICE)
    for repetition in np.unique(table.repetition):
        flags[np.flatnonzero(table.repetition == repetition)[-1]] |= np.uint64(Flag.LAST_IN_REPETITION)
    flags[-1] |= np.uint64(Flag.LAST_IN_MEASUREMENT)
    return replace(table, flags=flags)


@dataclass(frozen=True)
class Measurement:
    """What `read` gives.

    Attributes:
        kspace: complex64 [coil, shot, sample].
        table: one row per shot.
        header: of the whole.
        noise: noise-only readouts, complex64 [coil, shot, sample], or None.
        covariance: E[n n^H] of the coils' noise in a sample, complex128 [coil, coil], where the file gives it.
    """

    kspace: np.ndarray
    table: AcquisitionTable
    header: Header
    noise: np.ndarray | None = None
    covariance: np.ndarray | None = None


def _rows(name: str, value: object, shots: int) -> np.ndarray | None:
    """A value for every shot, of the column's type."""
    if name == "trajectory_per_mm":
        return None if value is None else np.asarray(value, np.float64)
    if name not in _WIDTHS:
        known = ", ".join(f.name for f in fields(AcquisitionTable))
        raise FormatError(f"no column {name!r} in an acquisition table; known: {known}")
    kind = np.uint64 if name == "flags" else np.int64 if name in (*COUNTERS, "centre_sample", "time_ms") else float
    array = np.asarray(value, kind)
    width = _WIDTHS[name]
    return np.array(np.broadcast_to(array, (shots, *width)) if array.ndim <= len(width) else array)
