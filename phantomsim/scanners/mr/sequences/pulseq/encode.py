"""From a sequence to the tables of a Pulseq file."""

from __future__ import annotations

import numpy as np

from phantomsim.errors import ScannerError
from phantomsim.formats.pulseq.tables import PulseqFile
from phantomsim.scanners.mr.sequences.events import Waveform
from phantomsim.scanners.mr.sequences.pulseq.counters import LABELS
from phantomsim.scanners.mr.sequences.sequence import NONE, Sequence
from phantomsim.scanners.mr.spec.hardware import Hardware

SMALL_Hz_per_mm = 1e-9  # a gradient weaker than that is none


class Shapes:
    """Shapes by ID; equal ones once."""

    def __init__(self) -> None:
        self.known: dict[bytes, int] = {}
        self.by_id: dict[int, np.ndarray] = {}

    def add(self, shape: np.ndarray) -> int:
        """ID of a shape."""
        shape = np.asarray(shape, float)
        name = self.known.setdefault(np.round(shape, 12).tobytes(), len(self.known) + 1)
        self.by_id.setdefault(name, shape)
        return name


def from_sequence(sequence: Sequence, hardware: Hardware, version: tuple[int, int, int] = (1, 5, 0)) -> PulseqFile:
    """Tables of a sequence.

    Args:
        hardware: whose rasters are written.
    Raises:
        ScannerError: a block or pulse is not on the raster.
    """
    shapes = Shapes()
    ticks = sequence.duration_s / hardware.gradient_raster_s
    if np.abs(ticks - np.rint(ticks)).max(initial=0) > 1e-3:
        block = int(np.argmax(np.abs(ticks - np.rint(ticks))))
        raise ScannerError(f"block {block} is no multiple of the raster of {hardware.gradient_raster_s:g} s; round it")
    rf, rf_index = _pulses(sequence, hardware, shapes)
    gradients, traps, gradient_index = _gradients(sequence, hardware, shapes)
    adc, adc_index = _readouts(sequence)
    extensions, labels, extension_index = _labels(sequence)
    blocks = np.column_stack([np.rint(ticks), rf_index, gradient_index, adc_index, extension_index]).astype(np.int64)
    uses = tuple(sequence.pulses[int(p)].use[0] for p in rf[:, -1])
    return PulseqFile(
        version, blocks, _definitions(sequence, hardware), rf[:, :-1], uses, gradients, traps, adc, shapes.by_id,
        extensions, {1: "LABELSET"} if labels else {}, labels,
    )  # fmt: skip


def _definitions(sequence: Sequence, hardware: Hardware) -> dict[str, str]:
    own = {
        "AdcRasterTime": f"{1e-7:g}",
        "BlockDurationRaster": f"{hardware.gradient_raster_s:.12g}",
        "GradientRasterTime": f"{hardware.gradient_raster_s:.12g}",
        "RadiofrequencyRasterTime": f"{hardware.rf_raster_s:.12g}",
        "TotalDuration": f"{sequence.total_s:.12g}",
        "Name": str(sequence.facts.get("name", "sequence")),
    }
    given = sequence.facts.get("definitions")
    return (dict(given) if isinstance(given, dict) else {}) | own


def _unique(columns: np.ndarray, some: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Different rows of some blocks, and the ID, from 1, of each block's row; 0 for the others."""
    rows, kind = np.unique(columns[some], axis=0, return_inverse=True)
    index = np.zeros(len(columns), np.int64)
    index[some] = kind.ravel() + 1
    return rows, index


def _pulses(s: Sequence, hardware: Hardware, shapes: Shapes) -> tuple[np.ndarray, np.ndarray]:
    columns = np.column_stack([s.pulse, s.pulse_Hz, s.pulse_phase_rad, s.pulse_offset_Hz])
    rows, index = _unique(columns, s.pulse != NONE)
    made = []
    for pulse in s.pulses:
        steps = pulse.dwell_s / hardware.rf_raster_s
        if abs(steps - round(steps)) > 1e-3 or round(steps) < 1:
            raise ScannerError(f"a pulse has steps of {pulse.dwell_s:g} s, no multiple of the RF raster")
        peak = np.abs(pulse.shape).max()
        shape = np.repeat(pulse.shape / peak, round(steps))
        phase = np.mod(np.angle(shape) / (2 * np.pi), 1.0)
        made.append((peak, shapes.add(np.abs(shape)), shapes.add(phase), pulse.centre_s * 1e6, pulse.delay_s * 1e6))
    table = np.zeros((len(rows), 12))
    for i, (pulse, Hz, phase, offset) in enumerate(rows.tolist()):
        peak, magnitude, turn, centre, delay = made[int(pulse)]
        table[i] = (i + 1, Hz * peak, magnitude, turn, 0, round(centre, 6), round(delay, 6), 0, 0, offset, phase, pulse)
    return table, index


def _gradients(s: Sequence, hardware: Hardware, shapes: Shapes) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    flat = np.column_stack([s.waveform.ravel(), s.gradient_Hz_per_mm.ravel()])
    rows, index = _unique(flat, (flat[:, 0] != NONE) & (np.abs(flat[:, 1]) > SMALL_Hz_per_mm))
    gradients, traps = [], []
    made = [_shape(w, hardware, shapes) for w in s.waveforms]
    for i, (waveform, scale) in enumerate(rows.tolist(), 1):
        kind, numbers = made[int(waveform)]
        if kind == "trap":
            traps.append((i, scale * 1000 * numbers[0], *numbers[1:]))
        else:
            top, first, last, shape, time = numbers
            Hz_per_m = scale * 1000
            gradients.append((i, Hz_per_m * top, Hz_per_m * first, Hz_per_m * last, shape, time, 0))
    return np.array(gradients).reshape(-1, 7), np.array(traps).reshape(-1, 6), index.reshape(-1, 3)


def _shape(w: Waveform, hardware: Hardware, shapes: Shapes) -> tuple[str, tuple[float, ...]]:
    """A trapezoid, or corners at explicit times."""
    us = np.round(w.time_s * 1e6, 6)
    ends = abs(w.value[0]) < 1e-12 and abs(w.value[-1]) < 1e-12
    whole = np.abs(us - np.rint(us)).max() < 1e-3
    if ends and whole and len(us) == 4 and abs(w.value[1] - w.value[2]) < 1e-12:
        return "trap", (float(w.value[1]), *np.rint(np.diff(us)).tolist(), float(np.rint(us[0])))
    if ends and whole and len(us) == 3:
        rise, fall = np.rint(np.diff(us)).tolist()
        return "trap", (float(w.value[1]), rise, 0.0, fall, float(np.rint(us[0])))
    top = float(w.value[np.argmax(np.abs(w.value))]) or 1.0
    ticks = np.round(us / (hardware.gradient_raster_s * 1e6), 6)
    return "corners", (top, float(w.value[0]), float(w.value[-1]), shapes.add(w.value / top), shapes.add(ticks))


def _readouts(s: Sequence) -> tuple[np.ndarray, np.ndarray]:
    rows, index = _unique(np.column_stack([s.readout, s.readout_phase_rad, s.readout_offset_Hz]), s.readout != NONE)
    table = np.zeros((len(rows), 9))
    for i, (readout, phase, offset) in enumerate(rows.tolist()):
        r = s.readouts[int(readout)]
        table[i] = (i + 1, r.samples, round(r.dwell_s * 1e9, 6), round(r.delay_s * 1e6, 6), 0, 0, offset, phase, 0)
    return table, index


def _labels(s: Sequence) -> tuple[np.ndarray, dict[int, tuple[int, str]], np.ndarray]:
    """One chain of labels for each different row of counters; only readouts have them."""
    names = {counter: label for label, counter in LABELS.items()}
    used = [n for n in names if n in s.counters and s.counters[n][s.shots].any()]
    if not used:
        return np.zeros((0, 4), np.int64), {}, np.zeros(s.blocks, np.int64)
    rows, index = _unique(np.column_stack([s.counters[n] for n in used]), s.readout != NONE)
    width = len(used)
    labels: dict[int, tuple[int, str]] = {}
    table = np.zeros((len(rows), width, 4), np.int64)
    for j, counter in enumerate(used):
        values, kind = np.unique(rows[:, j], return_inverse=True)
        table[:, j, 2] = len(labels) + 1 + kind.ravel()
        labels |= {len(labels) + 1 + i: (int(value), names[counter]) for i, value in enumerate(values)}
    own = np.arange(1, len(rows) * width + 1).reshape(len(rows), width)
    table[..., 0], table[..., 1] = own, 1
    table[:, :-1, 3] = own[:, 1:]
    return table.reshape(-1, 4), labels, np.where(index > 0, (index - 1) * width + 1, 0)
