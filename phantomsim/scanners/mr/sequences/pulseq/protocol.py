"""The protocol of a Pulseq file: field of view, matrix and slices, from its definitions and from what it plays."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from phantomsim.errors import ScannerError
from phantomsim.scanners.mr.epg.pulses import bandwidth_Hz, gradients
from phantomsim.scanners.mr.sequences.pulseq import read
from phantomsim.scanners.mr.sequences.sequence import NONE, Sequence
from phantomsim.scanners.mr.spec.protocol import MRProtocol
from phantomsim.scanners.mr.trajectory import Trajectory, trajectory

ACROSS = 0.1  # cycles across a slice that a 2D readout may have left along z
SLACK = 0.02  # of a step of k: what rounding of a file's gradients may add to its extent
APART_mm = 0.01  # slices whose places differ by less lie at one place
TILT = 1e-3  # of the gradient along z: what a slice's normal may have along x and y


class Slices(NamedTuple):
    """Slices of a file: middle of all of them along z, thickness and the gap between two [mm]."""

    number: int
    middle_mm: float
    slice_mm: float
    gap_mm: float


def protocol_of(path: str | os.PathLike[str], field_T: float, given: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Keys of an `MRProtocol` for a 2D Pulseq file.

    Field of view and slice thickness are those of [DEFINITIONS] ("FOV" in m, "SliceThickness"); the matrix is what
    the readouts resolve, 2 k_max FOV; the slices lie where the pulses select them.

    Args:
        field_T: turns offsets in ppm into Hz.
        given: `fov_mm` along (y, x) and `slice_mm` where a person sets them; the file's otherwise.
    Raises:
        FormatError: it is no Pulseq file, or of an unknown version.
        ScannerError: it has no readouts, no field of view, or is not encoded in even, transverse 2D slices.
    """
    given = given or {}
    sequence = read(path, field_T)
    played = trajectory(sequence)
    _alike(sequence)
    fov = _fov_mm(sequence, given)
    slices = _slices(sequence, played, given)
    k = played.k_per_mm()
    _in_plane(k, slices.slice_mm)
    return {
        "description": str(sequence.facts["name"]),
        "sequence": "pulseq",
        "file": os.path.abspath(path),
        "fov_mm": fov,
        "matrix": matrix_of(k, fov),
        "phase_axis": "x" if _extents(k)[1] > _extents(k)[0] else "y",
        "bandwidth_Hz": 1 / sequence.readouts[0].dwell_s,
        "slices": slices.number,
        "slice_mm": slices.slice_mm,
        "gap_mm": slices.gap_mm,
        "offset_mm": (0.0, 0.0, slices.middle_mm),
        **_times(sequence, played, k),
    }


def matrix_of(k_per_mm: np.ndarray, fov_mm: tuple[float, float]) -> tuple[int, int]:
    """Even matrix along (y, x) that samples [shot, sample, 3] resolve on a field of view: 2 k_max FOV."""
    most = np.abs(k_per_mm).reshape(-1, 3).max(0)
    y, x = (max(2, 2 * math.ceil(m * f - SLACK)) for m, f in zip((most[1], most[0]), fov_mm))
    return y, x


def check(sequence: Sequence, protocol: MRProtocol) -> None:
    """Whether a protocol fits what a file reads.

    Raises:
        ScannerError: its matrix or number of slices is too small, or the file is none of alike, even 2D readouts.
    """
    _alike(sequence)
    k = trajectory(sequence).k_per_mm()
    _in_plane(k, protocol.slice_mm)
    needed = matrix_of(k, protocol.fov_mm)
    if any(n > m for n, m in zip(needed, protocol.matrix)):
        raise ScannerError(
            f"the file's readouts reach the k-space of a {needed[0]} x {needed[1]} matrix (y, x) on fov_mm = "
            f"{list(protocol.fov_mm)}; protocol.matrix is {list(protocol.matrix)}. Set protocol.matrix="
            f"{list(needed)} or larger, or check the field of view"
        )
    slices = int(sequence.counter("slice")[sequence.shots].max(initial=0)) + 1
    if slices != protocol.slices:
        raise ScannerError(f"the file reads {slices} slices; protocol.slices is {protocol.slices}. Set {slices}")


def _alike(sequence: Sequence) -> None:
    """What the scanner's receiver is taken to do in all readouts alike."""
    used = sorted({sequence.readouts[i].dwell_s for i in sequence.readout[sequence.shots]})
    if len(used) > 1:
        told = ", ".join(f"{t * 1e6:g}" for t in used)
        raise ScannerError(f"readouts have samples every {told} us; all readouts of a file must have the same")
    if np.abs(sequence.readout_offset_Hz[sequence.shots]).max() > 1e-3:
        raise ScannerError(
            "readouts have a frequency offset, which shifts the field of view; must be 0. Write the file for a field "
            "of view about the isocentre"
        )
    _echoes(sequence)


def _echoes(sequence: Sequence) -> None:
    """Echoes that share one image's lines are a train; echoes that repeat them are images of their own."""
    echo, shots = sequence.counter("echo")[sequence.shots], sequence.shots
    lines = np.stack([sequence.counter(name)[shots] for name in ("slice", "partition", "line")], 1)
    places, first = ({tuple(row) for row in lines[echo == e].tolist()} for e in (echo.max(), echo.min()))
    if echo.max() > echo.min() and len(places) > 1 and places == first:
        raise ScannerError(
            f"the file has {len(np.unique(echo))} echoes (label ECO) of the same lines, each an image; one image of a "
            "file can be made. Write a file for each echo"
        )


def _fov_mm(sequence: Sequence, given: Mapping[str, Any]) -> tuple[float, float]:
    """Field of view along (y, x)."""
    if "fov_mm" in given:
        try:
            y, x = (float(v) for v in given["fov_mm"])
        except (TypeError, ValueError):
            raise ScannerError(f"fov_mm is {given['fov_mm']!r}; must be two lengths (y, x), [220, 220]") from None
        if min(y, x) <= 0 or not math.isfinite(y + x):
            raise ScannerError(f"fov_mm is {[y, x]}; both lengths must be above 0")
        return y, x
    found = _lengths_mm(sequence, "FOV")
    if len(found) < 2 or min(found[:2]) <= 0:
        raise ScannerError(
            "the file does not say its field of view (FOV in [DEFINITIONS], m); set it, along (y, x): "
            "--set protocol.fov_mm=[220,220]"
        )
    return found[1], found[0]


def _lengths_mm(sequence: Sequence, name: str) -> list[float]:
    """Lengths of a definition, which are in m; none where it is missing or no list of numbers."""
    definitions: Any = sequence.facts["definitions"]
    try:
        found = [float(v) * 1000 for v in str(definitions.get(name, "")).split()]
    except ValueError:
        return []
    return found if all(math.isfinite(v) for v in found) else []


def _slices(sequence: Sequence, played: Trajectory, given: Mapping[str, Any]) -> Slices:
    number = sequence.counter("slice")[sequence.shots]
    place, width = _selected_mm(sequence, played)
    count = int(number.max()) + 1
    if set(np.unique(number)) != set(range(count)):
        raise ScannerError(f"slices (label SLC) are {np.unique(number).tolist()}; must count from 0 without gaps")
    middles = np.array([place[number == n].mean() for n in range(count)])
    if max(np.ptp(place[number == n]) for n in range(count)) > APART_mm:
        raise ScannerError(
            "readouts of one slice (label SLC) lie at different places along z; label every slice with its own number"
        )
    steps = np.diff(middles)
    thick = _thickness_mm(sequence, given, count, width)
    if count > 1 and (np.ptp(steps) > APART_mm or steps.min() <= 0):
        told = ", ".join(f"{m:.2f}" for m in middles)
        raise ScannerError(f"slices lie at z = {told} mm; must rise with the label SLC in even steps")
    gap = float(steps.mean()) - thick if count > 1 else 0.0
    if gap < -APART_mm:
        raise ScannerError(
            f"slices of {thick:g} mm lie {steps.mean():g} mm apart and overlap; they must not. If the thickness is "
            "another, say so: --set protocol.slice_mm=..."
        )
    return Slices(count, round(float(middles.mean()), 6), round(thick, 6), max(round(gap, 6), 0.0))


def _selected_mm(sequence: Sequence, played: Trajectory) -> tuple[np.ndarray, float]:
    """Where along z each shot's excitation selects [shot], and how thick the first does (half of its maximum)."""
    blocks, shot = np.unique(played.excitation, return_inverse=True)
    G = gradients(sequence, blocks)
    strength = np.abs(G[:, 2])
    if np.any(np.abs(G[:, :2]).max(1) > TILT * strength):
        raise ScannerError("slices are selected along x or y, or aslant; transverse slices (gradient z) can be imaged")
    if not strength.all():
        raise ScannerError(
            "an excitation selects no slice along z; files of 2D slices can be imaged, 3D slabs and projections not yet"
        )
    pulse = sequence.pulses[sequence.pulse[blocks[0]]]
    return (sequence.pulse_offset_Hz[blocks] / G[:, 2])[shot.ravel()], bandwidth_Hz(pulse) / float(strength[0])


def _thickness_mm(sequence: Sequence, given: Mapping[str, Any], count: int, width_mm: float) -> float:
    """Of a slice: what a person or the file says; the FOV along z holds one slice or all, whichever is nearer to what
    the pulse cuts."""
    if isinstance(given.get("slice_mm"), int | float):
        return float(given["slice_mm"])
    said, fov = _lengths_mm(sequence, "SliceThickness"), _lengths_mm(sequence, "FOV")
    if said and said[0] > 0:
        return said[0]
    if len(fov) > 2 and fov[2] > 0:
        nearest = min((fov[2], fov[2] / count), key=lambda thick: abs(math.log(thick / width_mm)))
        # A slab's FOV may count gaps too; then the pulse knows better.
        return nearest if 0.7 < nearest / width_mm < 1.4 else width_mm
    return width_mm


def _in_plane(k_per_mm: np.ndarray, slice_mm: float) -> None:
    left = float(np.abs(k_per_mm[..., 2]).max()) * slice_mm
    if left > ACROSS:
        raise ScannerError(
            f"readouts reach {left:.2g} cycles across a slice along z: 3D encoding, or a slice that is not rephased. "
            "Files of 2D slices can be imaged, 3D ones not yet"
        )


def _extents(k_per_mm: np.ndarray) -> np.ndarray:
    """Mean path of readouts along x and y."""
    return np.ptp(k_per_mm[..., :2], axis=1).mean(0)


def _times(sequence: Sequence, played: Trajectory, k_per_mm: np.ndarray) -> dict[str, float]:
    """TR, TE and flip, for what is told of the image; the file itself is what is played."""
    nearest = np.argmin((k_per_mm[..., :2] ** 2).sum(-1).ravel())
    shot, sample = np.unravel_index(nearest, k_per_mm.shape[:2])
    decay = float(played.decay_s(slice(int(shot), int(shot) + 1))[0, sample])
    mine = sequence.counter("slice")[sequence.shots] == 0
    starts = sequence.start_s[np.unique(played.excitation[mine])]
    repeat = float(np.median(np.diff(starts))) if len(starts) > 1 else sequence.total_s
    block = played.excitation[0]
    assert sequence.pulse[block] != NONE
    flip = abs(sequence.pulses[sequence.pulse[block]].turn * sequence.pulse_Hz[block]) * 360
    found = {"TR_ms": repeat * 1e3, "TE_ms": decay * 1e3, "flip_deg": min(flip, 180.0)}
    return {name: round(max(value, 1e-6), 6) for name, value in found.items()}
