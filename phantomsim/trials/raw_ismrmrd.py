"""MR raw data of a scan as ISMRMRD, and what others wrote as raw data of ours."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from phantomsim.errors import FormatError
from phantomsim.formats import ismrmrd
from phantomsim.image import RawData
from phantomsim.scanners.mr import noise
from phantomsim.scanners.mr.sampling import central, every
from phantomsim.scanners.mr.scan import Scan
from phantomsim.scanners.mr.spec import MRProtocol

AXES = {"x": 0, "y": 1}
TRAJECTORIES = {"radial-gre": "radial", "spiral-gre": "spiral", "pulseq": "other"}


def check(kind: str) -> None:
    """Refuse before the work what could not be written after it. Raises FormatError."""
    if kind != "mr":
        raise FormatError(f"ismrmrd holds MR raw data; the scanner is of kind {kind}. Use zarr, nifti or dicom")
    from phantomsim.formats.ismrmrd_xml import libraries

    libraries()


def to_ismrmrd(path: str | os.PathLike[str], scan: Scan, raw: RawData, name: str = "", protocol: str = "") -> None:
    """Write the raw data of a scan.

    Cartesian readouts are those that reconstruction takes: decimated to the image's field of view, in ascending k.
    Gradient echoes are counted by `contrast`. Averages are added up before, so that `average` is 0, as `repetition` is.
    Noise is told by its covariance, not by readouts of noise alone.

    Args:
        scan: that measured `raw`.
        name, protocol: of the scanner and of what it played, for the header.
    Raises:
        FormatError: the format cannot hold it, or the extra is missing.
        StoreError: the disk refuses.
    """
    kspace = np.asarray(raw.arrays["kspace"])
    covariance = np.asarray(raw.arrays["noise_covariance"], complex)
    header = header_of(scan, name, protocol)
    ismrmrd.write(path, kspace, table_of(scan, raw), header, covariance=covariance)


def header_of(scan: Scan, name: str = "", protocol: str = "") -> ismrmrd.Header:
    """What holds for the whole measurement."""
    p = scan.protocol
    train = p.echo_train > 1 and p.echo_spacing_ms
    return ismrmrd.Header(
        encoding_of(p),
        H1_Hz=noise.larmor_rad_per_s(scan.scanner.field_T) / (2 * np.pi),
        field_T=scan.scanner.field_T,
        TR_ms=(p.TR_ms,),
        TE_ms=_echo_times_ms(scan),
        TI_ms=(p.TI_ms,) if p.TI_ms else (),
        flip_deg=(p.flip_deg,),
        echo_spacing_ms=(float(p.echo_spacing_ms),) if train and p.echo_spacing_ms else (),
        sequence=p.sequence,
        protocol=protocol,
        system=name,
    )


def encoding_of(p: MRProtocol) -> ismrmrd.Encoding:
    """Matrices and fields of view along (slices or partitions, phase, readout); a 2D slice has one partition."""
    depth = p.slices if p.encoding == "3d" else 1
    shape = (depth, p.phase_lines, p.samples)
    fov = (depth * p.slice_mm, *p.fov_phase_readout_mm)
    return ismrmrd.Encoding(
        shape,
        fov,
        shape,
        fov,
        trajectory=TRAJECTORIES.get(p.sequence, "cartesian"),
        acceleration=(p.acceleration_z, p.acceleration),
        calibration="embedded" if p.calibration_lines else "",
        centre=(depth // 2, p.phase_lines // 2 if p.cartesian else 0),
        echo_train_length=p.echo_train,
    )


def table_of(scan: Scan, raw: RawData) -> ismrmrd.AcquisitionTable:
    """One row per shot."""
    p, shots, arrays = scan.protocol, scan.shots, {k: np.asarray(v) for k, v in raw.arrays.items()}
    axes = np.asarray(arrays["direction"], float)  # columns: the grid's x, y, z in world axes
    phase = AXES[p.phase_axis]
    path = None if p.cartesian else arrays["k_per_mm"][..., [1 - phase, phase]]
    dwell_s = 1 / p.bandwidth_Hz if p.cartesian else scan.sequence.readouts[0].dwell_s
    table = ismrmrd.AcquisitionTable.of(
        len(shots.block),
        sample_time_us=dwell_s * 1e6,
        centre_sample=p.samples // 2 if p.cartesian else 0,
        line=arrays["line"],
        partition=arrays["partition"],
        slice=arrays["slice"],
        contrast=arrays["echo"],
        flags=_flags(p, arrays["line"], arrays["partition"]),
        position_mm=_positions(p, arrays["slice"]) @ axes.T,
        read_direction=axes[:, 1 - phase],
        phase_direction=axes[:, phase],
        slice_direction=axes[:, 2],
        time_ms=np.rint(scan.sequence.start_s[shots.block] * 1000).astype(np.int64),
        trajectory_per_mm=path,
    )
    if path is not None:
        table.centre_sample[:] = np.argmin((path**2).sum(-1), axis=1)
    return ismrmrd.with_flags(table)


def _positions(p: MRProtocol, number: np.ndarray) -> np.ndarray:
    """Middle of each shot's slice, or of the slab, from the isocentre along the grid's axes [shot, 3]."""
    at = np.tile(np.asarray(p.offset_mm, float), (len(number), 1))
    if p.encoding == "2d":
        at[:, 2] += (number - (p.slices - 1) / 2) * (p.slice_mm + p.gap_mm)
    return at


def _flags(p: MRProtocol, line: np.ndarray, partition: np.ndarray) -> np.ndarray:
    """The full block about the centre of an accelerated scan calibrates; what of it the scan had anyway is imaged from.

    A random pattern images from all that it measures.
    """
    flags = np.zeros(len(line), np.uint64)
    if not p.cartesian or not p.calibration_lines or p.acceleration * p.acceleration_z == 1:
        return flags
    block = np.isin(line, central(p.phase_lines, p.calibration_lines))
    imaged = np.isin(line, every(p.phase_lines, p.acceleration))
    if p.encoding == "3d":
        block &= np.isin(partition, central(p.slices, p.calibration_lines))
        imaged &= np.isin(partition, every(p.slices, p.acceleration_z))
    imaged |= p.sampling != "regular"
    flags[block & imaged] = int(ismrmrd.Flag.CALIBRATION_AND_IMAGING)
    flags[block & ~imaged] = int(ismrmrd.Flag.CALIBRATION)
    return flags


def _echo_times_ms(scan: Scan) -> tuple[float, ...]:
    """TE of every gradient echo, each a contrast; of all else that of the protocol."""
    p, shots = scan.protocol, scan.shots
    if p.echoes == 1:
        return (p.TE_ms,)
    centre_s = shots.times_s(p)[:, p.samples // 2]
    return tuple(round(float(centre_s[shots.echo == n].mean()) * 1000, 6) for n in range(p.echoes))


def from_ismrmrd(path: str | os.PathLike[str]) -> RawData:
    """Raw data of an ISMRMRD file, ours or foreign, to look at; the isocentre is taken to be the origin.

    Returns:
        RawData with `kspace` complex64 [coil, shot, sample] in the file's unit, the counters `line`, `partition`,
        `slice` and `echo`, int32 [shot], `position_mm` float32 [shot, 3], and where the file has them
        `noise_covariance` complex64 [coil, coil] and `k_per_mm` float32 [shot, sample, 3] along x, y, z (RAS+).
    Raises:
        FormatError: it cannot be read, or the extra is missing.
    """
    found = ismrmrd.read(path)
    table = found.table
    arrays: dict[str, Any] = {"kspace": found.kspace, "position_mm": table.position_mm.astype(np.float32)}
    for ours, theirs in (("line", "line"), ("partition", "partition"), ("slice", "slice"), ("echo", "contrast")):
        arrays[ours] = np.asarray(getattr(table, theirs), np.int32)
    if found.covariance is not None:
        arrays["noise_covariance"] = np.asarray(found.covariance, np.complex64)
    if table.trajectory_per_mm is not None:
        k = table.trajectory_per_mm
        axes = np.stack([table.read_direction, table.phase_direction, table.slice_direction], 1)[:, : k.shape[-1]]
        arrays["k_per_mm"] = np.einsum("nsd,ndx->nsx", k, axes).astype(np.float32)
    return RawData(arrays, (0.0, 0.0, 0.0), "mr", True)
