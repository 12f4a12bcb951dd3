"""Whether the hardware can play a sequence."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from phantomsim.errors import ScannerError
from phantomsim.scanners.mr.sequences.sequence import NONE, Sequence
from phantomsim.scanners.mr.sequences.system import GAMMA_BAR_Hz_per_uT, System
from phantomsim.scanners.mr.spec.hardware import Hardware
from phantomsim.scanners.mr.spec.protocol import MRProtocol

SLACK = 1e-6  # relative, of a limit
TICK = 1e-3  # of a raster step: what float times may be off it
INSTANT_s = 1e-9
REACH_mm = 250.0  # half the field of view along z of whole-body magnets, about 50 cm in data sheets (unverified)


def check(sequence: Sequence, hardware: Hardware) -> None:
    """Raises ScannerError with the first thing that the hardware cannot do."""
    for key, problem in problems(sequence, hardware):
        raise ScannerError(f"the sequence: {problem}", "hardware", key)


def check_extent(protocol: MRProtocol) -> None:
    """Raises ScannerError where slices lie where no magnet images."""
    half = (protocol.slices * protocol.slice_mm + (protocol.slices - 1) * protocol.gap_mm) / 2
    low, high = protocol.offset_mm[2] - half, protocol.offset_mm[2] + half
    if max(-low, high) > REACH_mm:
        raise ScannerError(
            f"{protocol.slices} slices reach from z = {low:.0f} to {high:.0f} mm; magnets image within {REACH_mm:g} mm "
            "of the isocentre. Lower slices, slice_mm or gap_mm, or move offset_mm"
        )


def problems(sequence: Sequence, hardware: Hardware) -> Iterator[tuple[str, str]]:
    """What the hardware cannot do: its key, and a line, for each kind, with the first block that has it."""
    system = System.of(hardware)
    yield from _lengths(sequence, system)
    yield from _pulses(sequence, system)
    yield from _gradients(sequence, system)
    yield from _joints(sequence, system)
    yield from _readouts(sequence, system)


def _table(values: list[float]) -> np.ndarray:
    """Of each shape, and 0 for no event, which is the last."""
    return np.array([*values, 0.0])


def _lengths(s: Sequence, system: System) -> Iterator[tuple[str, str]]:
    off = np.abs(s.duration_s / system.raster_s - np.round(s.duration_s / system.raster_s)) > TICK
    if off.any():
        b = int(np.argmax(off))
        length = f"block {b} lasts {s.duration_s[b] * 1e6:g} us"
        yield "gradient_raster_s", f"{length}; must be a multiple of {system.raster_s * 1e6:g} us"
    ends = [
        ("pulse", _table([p.delay_s + p.duration_s for p in s.pulses])[s.pulse]),
        ("readout", _table([r.delay_s + r.duration_s for r in s.readouts])[s.readout]),
        ("gradient", _table([w.duration_s for w in s.waveforms])[s.waveform].max(1, initial=0.0)),
    ]
    for what, end in ends:
        late = end > s.duration_s + INSTANT_s
        if late.any():
            b = int(np.argmax(late))
            yield (
                "gradient_raster_s",
                f"the {what} of block {b} ends after {end[b] * 1e6:.1f} us, the block after "
                f"{s.duration_s[b] * 1e6:.1f} us. Make the block longer",
            )


def _pulses(s: Sequence, system: System) -> Iterator[tuple[str, str]]:
    peak = _table([float(np.abs(p.shape).max()) for p in s.pulses])[s.pulse] * np.abs(s.pulse_Hz)
    if peak.max(initial=0.0) > system.pulse_Hz * (1 + SLACK):
        b = int(np.argmax(peak))
        yield (
            "max_B1_uT",
            f"the pulse of block {b} needs {peak[b] / GAMMA_BAR_Hz_per_uT:.2f} uT; hardware.max_B1_uT is "
            f"{system.pulse_Hz / GAMMA_BAR_Hz_per_uT:.2f}. Make the pulse longer or its angle smaller",
        )
    early = (s.pulse != NONE) & (_table([p.delay_s for p in s.pulses])[s.pulse] < system.rf_dead_s - INSTANT_s)
    if early.any():
        b = int(np.argmax(early))
        yield (
            "rf_dead_s",
            f"the pulse of block {b} starts {s.pulses[s.pulse[b]].delay_s * 1e6:g} us after the block; the transmitter "
            f"needs {system.rf_dead_s * 1e6:g} us before a pulse. Delay the pulse",
        )
    steps = _table([p.delay_s / system.rf_raster_s for p in s.pulses])[s.pulse]
    off = np.abs(steps - np.round(steps)) > TICK
    if off.any():
        b = int(np.argmax(off))
        raster = f"{system.rf_raster_s * 1e6:g} us"
        yield "rf_raster_s", f"the pulse of block {b} does not start on the RF raster of {raster}"


def _gradients(s: Sequence, system: System) -> Iterator[tuple[str, str]]:
    scale = np.abs(s.gradient_Hz_per_mm)
    top = _table([float(np.abs(w.value).max()) for w in s.waveforms])[s.waveform] * scale
    slew = _table([_steepest(w.time_s, w.value) for w in s.waveforms])[s.waveform] * scale
    limits = (
        ("gradient", "max_gradient_mT_per_m", "mT/m", top, system.gradient_Hz_per_mm, 1.0),
        ("slew", "max_slew_T_per_m_per_s", "T/m/s", slew, system.slew_Hz_per_mm_s, 1000.0),
    )
    for what, key, unit, found, allowed, per in limits:
        if found.max(initial=0.0) > allowed * (1 + SLACK):
            b, axis = divmod(int(np.argmax(found)), 3)
            units = per * GAMMA_BAR_Hz_per_uT
            yield (
                key,
                f"the {what} along {'xyz'[axis]} of block {b} is {found[b, axis] / units:.2f} {unit}; "
                f"hardware.{key} is {allowed / units:.2f}. Make it longer and weaker",
            )
    half = system.raster_s / 2
    for i, w in enumerate(s.waveforms):
        if np.abs(w.time_s / half - np.round(w.time_s / half)).max() > TICK:
            b = int(np.argmax((s.waveform == i).any(1)))
            yield "gradient_raster_s", f"the gradient of block {b} has corners off the raster of {half * 2e6:g} us"
            return


def _steepest(time_s: np.ndarray, value: np.ndarray) -> float:
    steps = np.diff(time_s)
    return float(np.abs(np.diff(value) / np.maximum(steps, 1e-15)).max(initial=0.0))


def _joints(s: Sequence, system: System) -> Iterator[tuple[str, str]]:
    """Gradients must go on from one block to the next within the slew."""
    first = _table([float(w.value[0]) for w in s.waveforms])[s.waveform] * s.gradient_Hz_per_mm
    last = _table([float(w.value[-1]) for w in s.waveforms])[s.waveform] * s.gradient_Hz_per_mm
    starts = _table([float(w.time_s[0]) for w in s.waveforms])[s.waveform] < INSTANT_s
    ends = _table([w.duration_s for w in s.waveforms])[s.waveform] > s.duration_s[:, None] - INSTANT_s
    none = np.zeros((1, 3))
    jump = np.abs(np.concatenate([none, np.where(ends, last, 0)]) - np.concatenate([np.where(starts, first, 0), none]))
    inside = np.maximum(np.abs(np.where(starts, 0, first)), np.abs(np.where(ends, 0, last)))
    allowed = system.slew_Hz_per_mm_s * system.raster_s * (1 + SLACK)
    worst = np.maximum(jump, np.concatenate([inside, none]))
    if worst.max(initial=0.0) > allowed:
        b, axis = divmod(int(np.argmax(worst)), 3)
        yield (
            "max_slew_T_per_m_per_s",
            f"the gradient along {'xyz'[axis]} jumps by {worst[b, axis] / GAMMA_BAR_Hz_per_uT:.2f} mT/m at the start "
            f"of block {b} or within it. Let it rise and fall in ramps",
        )


def _readouts(s: Sequence, system: System) -> Iterator[tuple[str, str]]:
    blocks = s.shots
    if not len(blocks):
        return
    start = s.start_s[blocks] + _table([r.delay_s for r in s.readouts])[s.readout[blocks]]
    end = start + _table([r.duration_s for r in s.readouts])[s.readout[blocks]]
    pulsed = np.flatnonzero(s.pulse != NONE)
    on = s.start_s[pulsed] + _table([p.delay_s for p in s.pulses])[s.pulse[pulsed]]
    off = on + _table([p.duration_s for p in s.pulses])[s.pulse[pulsed]]
    # Pulses are in order: the last that starts before the readout ends is the one that may disturb it.
    n = np.searchsorted(on - INSTANT_s, end) - 1
    clash = (n >= 0) & (off[np.maximum(n, 0)] + system.rf_ringdown_s > start + INSTANT_s) if len(pulsed) else n >= 0
    if np.any(clash):
        i = int(np.argmax(clash))
        yield (
            "rf_ringdown_s",
            f"the readout of block {blocks[i]} overlaps the pulse of block {pulsed[n[i]]} or its ringdown of "
            f"{system.rf_ringdown_s * 1e6:g} us. Delay the readout",
        )
    room = np.minimum(start - s.start_s[blocks], s.start_s[blocks] + s.duration_s[blocks] - end)
    if room.min() < system.adc_dead_s - 1e-7:
        yield (
            "adc_dead_s",
            f"the readout of block {blocks[np.argmin(room)]} leaves {room.min() * 1e6:.2f} us to the edge of its "
            f"block; the receiver needs {system.adc_dead_s * 1e6:g} us before and after",
        )
