"""From the tables of a Pulseq file to a sequence. Numbers are kept as the file rounds them."""

from __future__ import annotations

from typing import Any

import numpy as np

from phantomsim.errors import ScannerError
from phantomsim.formats.pulseq.tables import PulseqFile
from phantomsim.scanners.mr.sequences.events import Pulse, Readout, Use
from phantomsim.scanners.mr.sequences.pulseq.counters import from_labels, from_trajectory
from phantomsim.scanners.mr.sequences.pulseq.gradients import Gradients
from phantomsim.scanners.mr.sequences.pulseq.uses import infer
from phantomsim.scanners.mr.sequences.sequence import NONE, Sequence
from phantomsim.scanners.mr.sequences.system import GAMMA_BAR_Hz_per_uT

USES: dict[str, Use] = {
    "e": "excitation", "r": "refocusing", "i": "inversion", "s": "saturation", "p": "preparation", "o": "other",
}  # fmt: skip


def to_sequence(file: PulseqFile, field_T: float) -> Sequence:
    """The sequence of a file.

    Args:
        field_T: turns offsets in ppm into Hz.
    Raises:
        ScannerError: the file uses what is not supported (phase shapes of readouts).
    """
    duration_s = file.blocks[:, 0] * file.raster_s("BlockDurationRaster")
    MHz = GAMMA_BAR_Hz_per_uT * field_T
    columns: dict[str, Any] = {"duration_s": duration_s} | _readouts(file, MHz)
    columns |= _pulses(file, columns["readout"], MHz)
    columns |= Gradients(file, duration_s).columns()
    facts = {"name": file.definitions.get("Name", "pulseq"), "definitions": dict(file.definitions),
             "notices": file.notices}  # fmt: skip
    sequence = Sequence(**columns, facts=facts)
    counters = from_labels(file)
    if not counters:
        counters = from_trajectory(sequence)
    elif not {"line", "partition"} & counters.keys():  # files that label slices alone are common
        played = from_trajectory(sequence)
        counters |= {name: played[name] for name in ("line", "partition") if name in played}
    return Sequence(**columns, counters=counters, facts=facts)


def _rows(ids: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Row of each wanted ID, -1 for ID 0."""
    order = np.argsort(ids)
    if not len(ids):
        return np.full(len(wanted), NONE)
    at = order[np.searchsorted(ids, wanted, sorter=order).clip(max=len(ids) - 1)]
    return np.where(wanted == 0, NONE, at)


def _take(values: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Values of rows, 0 where there is no event."""
    return np.append(values, 0.0)[rows]


def _readouts(file: PulseqFile, MHz: float) -> dict[str, Any]:
    adc, rows = file.adc, _rows(file.adc[:, 0], file.blocks[:, 5])
    if np.any(adc[:, 8]):
        raise ScannerError("the sequence has readouts with a phase shape, which are not supported; write it without")
    unique, kind = np.unique(adc[:, 1:4], axis=0, return_inverse=True)
    readouts = tuple(Readout(int(n), dwell * 1e-9, delay * 1e-6) for n, dwell, delay in unique.tolist())
    return {
        "readouts": readouts,
        "readout": np.append(kind.ravel(), NONE)[rows].astype(np.int32),
        "readout_phase_rad": _take(adc[:, 7] + adc[:, 5] * MHz, rows),
        "readout_offset_Hz": _take(adc[:, 6] + adc[:, 4] * MHz, rows),
    }


def _pulses(file: PulseqFile, readout: np.ndarray, MHz: float) -> dict[str, Any]:
    rf, rows = file.rf, _rows(file.rf[:, 0], file.blocks[:, 1])
    raster = file.raster_s("RadiofrequencyRasterTime")
    unique, kind = np.unique(np.nan_to_num(rf[:, 2:7], nan=-1.0), axis=0, return_inverse=True)
    plain = [_pulse(file, row, raster) for row in unique.tolist()]
    offset = rf[:, 9] + rf[:, 7] * MHz
    blocks = np.flatnonzero(rows != NONE)
    given = np.array([USES.get(use, "") for use in file.rf_use] or [""], dtype=object)[rows[blocks]]
    flip = np.array([abs(p.turn) * 360 for p in plain] or [0.0])[kind.ravel()[rows[blocks]]] * np.abs(
        rf[rows[blocks], 1]
    )
    uses = infer(given, flip, offset[rows[blocks]] / MHz, blocks, np.flatnonzero(readout != NONE))
    pulses: dict[tuple[int, str], int] = {}
    index = np.full(len(rows), NONE, np.int32)
    for block, shape, use in zip(blocks.tolist(), kind.ravel()[rows[blocks]].tolist(), uses):
        index[block] = pulses.setdefault((shape, use), len(pulses))
    return {
        "pulses": tuple(_used(plain[shape], use) for shape, use in pulses),
        "pulse": index,
        "pulse_Hz": _take(rf[:, 1], rows),
        "pulse_phase_rad": _take(rf[:, 10] + rf[:, 8] * MHz, rows),
        "pulse_offset_Hz": _take(offset, rows),
    }


def _used(pulse: Pulse, use: str) -> Pulse:
    return Pulse(pulse.shape, pulse.dwell_s, pulse.delay_s, pulse.centre_s, use)  # type: ignore[arg-type]


def _pulse(file: PulseqFile, row: list[float], raster: float) -> Pulse:
    """A shape with samples of equal length; its use is filled in later."""
    magnitude, phase, time, centre_us, delay_us = row
    size = file.shapes[int(magnitude)]
    turn = file.shapes[int(phase)] if phase > 0 else np.zeros(len(size))
    shape = size * np.exp(2j * np.pi * turn)
    dwell = raster
    if time > 0:
        shape, dwell = _even(shape, file.shapes[int(time)], raster)
    elif time == -1:
        shape, dwell = _even(shape, 0.5 * np.arange(1, len(shape) + 1), raster)
    shape, dwell = _coarse(shape, dwell)
    middle = (np.arange(len(shape)) + 0.5) * dwell
    peak = np.abs(shape) >= np.abs(shape).max() * (1 - 1e-6)
    # Before 1.5 files do not say; the middle of the largest samples is what writers took.
    centre = centre_us * 1e-6 if centre_us >= 0 else float(middle[peak][[0, -1]].mean())
    return Pulse(shape, dwell, delay_us * 1e-6, centre, "other")


def _even(shape: np.ndarray, ticks: np.ndarray, raster: float) -> tuple[np.ndarray, float]:
    """Samples at given times on steps of equal length: as they are where they lie so, else interpolated."""
    steps = np.diff(ticks)
    if len(ticks) > 1 and np.ptp(steps) < 1e-6 and abs(ticks[0] - steps[0] / 2) < 1e-6:
        return shape, float(steps[0]) * raster
    count = max(1, int(np.ceil(ticks[-1] - 1e-6)))
    at = np.arange(count) + 0.5
    return np.interp(at, ticks, shape.real) + 1j * np.interp(at, ticks, shape.imag), raster


def _coarse(shape: np.ndarray, dwell: float) -> tuple[np.ndarray, float]:
    """Merge samples where they come in groups of equal ones: the same pulse, faster to simulate."""
    same = np.flatnonzero(np.abs(np.diff(shape)) > 1e-12) + 1
    step = int(np.gcd.reduce(np.append(same, len(shape))))
    return shape[::step], dwell * step
