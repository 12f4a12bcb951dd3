"""Gradients of a Pulseq file: shapes that blocks share, and their scales."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from phantomsim.formats.pulseq.tables import PulseqFile
from phantomsim.scanners.mr.sequences.events import Waveform
from phantomsim.scanners.mr.sequences.gradients import trapezoid
from phantomsim.scanners.mr.sequences.sequence import NONE

PER_MM = 1e-3  # files have Hz/m
DEEPEST = 64  # extensions of a block; a chain that bites its tail ends there


class Gradients:
    """Turns IDs into waveforms and scales."""

    def __init__(self, file: PulseqFile, duration_s: np.ndarray) -> None:
        self.file, self.duration_s = file, duration_s
        self.raster = file.raster_s("GradientRasterTime")
        self.waveforms: list[Waveform] = []
        self.known: dict[int, tuple[int, float]] = {}  # of an ID: waveform and scale

    def columns(self) -> dict[str, Any]:
        """Of the sequence."""
        ids = self.file.blocks[:, 2:5]
        self._trapezoids()
        self._arbitrary()
        order = sorted(self.known)
        index = np.array([NONE] + [self.known[i][0] for i in order])
        scale = np.array([0.0] + [self.known[i][1] for i in order])
        at = np.where(ids == 0, 0, np.searchsorted(np.array(order or [0]), ids) + 1)
        waveform, gradient = index[at].astype(np.int32), scale[at]
        self._rotate(ids, waveform, gradient)
        return {"waveforms": tuple(self.waveforms), "waveform": waveform, "gradient_Hz_per_mm": gradient}

    def _trapezoids(self) -> None:
        shapes, kind = np.unique(self.file.traps[:, 2:], axis=0, return_inverse=True)
        for rise, flat, fall, delay in (shapes * 1e-6).tolist():
            self.waveforms.append(trapezoid(rise, flat, fall, delay))
        for row, shape in zip(self.file.traps.tolist(), kind.ravel().tolist()):
            self.known[int(row[0])] = (shape, row[1] * PER_MM)

    def _arbitrary(self) -> None:
        made: dict[tuple[float, ...], int] = {}
        ends = self._ends()
        for row in self.file.gradients.tolist():
            name, top, first, last, shape, time, delay = row
            if np.isnan(first):
                first, last = ends[int(name)]
            # Relative to the amplitude, so that scaled copies share a waveform.
            relative = tuple(round(v / top, 9) if top else 0.0 for v in (first, last))
            key = (shape, time, delay, *relative)
            if key not in made:
                made[key] = len(self.waveforms)
                self.waveforms.append(self._waveform(int(shape), int(time), delay * 1e-6, relative))
            self.known[int(name)] = (made[key], top * PER_MM)

    def _waveform(self, shape: int, time: int, delay_s: float, ends: tuple[float, ...]) -> Waveform:
        value = self.file.shapes[shape]
        if time > 0:
            return Waveform(delay_s + self.file.shapes[time] * self.raster, value)
        # Samples at the middles of the raster, or twice as many; the ends are told apart.
        ticks = np.arange(len(value)) + 0.5 if time == 0 else 0.5 * np.arange(1, len(value) + 1)
        corners = np.concatenate([[0.0], ticks, [ticks[-1] + 0.5]])
        return Waveform(delay_s + corners * self.raster, np.concatenate([ends[:1], value, ends[1:]]))

    def _ends(self) -> dict[int, tuple[float, float]]:
        """First and last value of gradients where the file does not say (before 1.5) [Hz/m].

        The first is where the gradient before ended, the last lies on the line through the last two samples.
        """
        if not np.isnan(self.file.gradients[:, 2]).any():
            return {}
        rows = {int(r[0]): r for r in self.file.gradients}
        ids = self.file.blocks[:, 2:5]
        found: dict[int, tuple[float, float]] = {}
        order = np.argwhere(np.isin(ids, list(rows)))
        for block, axis in order.tolist():
            name = int(ids[block, axis])
            if name not in found:
                before = int(ids[block - 1, axis]) if block else 0
                first = self._ended(rows.get(before), found.get(before), block - 1) if rows[name][6] == 0 else 0.0
                found[name] = (first, self._last(rows[name]))
        return {name: found.get(name, (0.0, self._last(row))) for name, row in rows.items()}

    def _last(self, row: np.ndarray) -> float:
        value = self.file.shapes[int(row[4])] * row[1]
        return float(value[-1] if row[5] > 0 or len(value) < 2 else (3 * value[-1] - value[-2]) / 2)

    def _ended(self, row: np.ndarray | None, ends: tuple[float, float] | None, block: int) -> float:
        if row is None or ends is None:
            return 0.0
        ticks = self.file.shapes[int(row[5])][-1] if row[5] > 0 else len(self.file.shapes[int(row[4])])
        until = row[6] * 1e-6 + ticks * self.raster
        return ends[1] if until > self.duration_s[block] - 1e-9 else 0.0

    def _rotate(self, ids: np.ndarray, waveform: np.ndarray, gradient: np.ndarray) -> None:
        """Replace the gradients of rotated blocks by mixtures, in place."""
        turns = rotations(self.file)
        blocks = np.flatnonzero(turns != 0)
        done: dict[tuple[int, ...], tuple[list[int], list[float]]] = {}
        for block in blocks.tolist():
            key = (int(turns[block]), *ids[block].tolist())
            if key not in done:
                done[key] = self._mixtures(matrix(self.file.rotations[key[0]]), waveform[block], gradient[block])
            waveform[block], gradient[block] = done[key]

    def _mixtures(self, turn: np.ndarray, index: np.ndarray, scale: np.ndarray) -> tuple[list[int], list[float]]:
        used = [i for i in index if i != NONE]
        if not used:
            return [NONE] * 3, [0.0] * 3
        time = np.unique(np.round(np.concatenate([self.waveforms[i].time_s for i in used]), 12))
        parts = [self.waveforms[i].at(time) * s if i != NONE else 0 * time for i, s in zip(index, scale)]
        mixed, names, scales = turn @ np.stack(parts), [], []
        for value in mixed:
            top = float(np.abs(value).max())
            names.append(len(self.waveforms) if top > 1e-12 else NONE)
            scales.append(top if top > 1e-12 else 0.0)
            if top > 1e-12:
                self.waveforms.append(Waveform(time, value / top))
        return names, scales


def rotations(file: PulseqFile) -> np.ndarray:
    """ID of the rotation of each block, 0 for none [block]."""
    kinds = [kind for kind, name in file.extension_types.items() if name == "ROTATIONS"]
    names, index = np.unique(file.blocks[:, 6], return_inverse=True)
    found = np.zeros(len(names), np.int64)
    for kind, reference in chains(file, names) if kinds else ():
        here = np.isin(kind, kinds) & np.isin(reference, list(file.rotations))
        found = np.where(here, reference, found)
    return found[index.ravel()]


def chains(file: PulseqFile, names: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Type and reference of the first extension of each chain, of the second, ... 0 where a chain has ended."""
    table = file.extensions[np.argsort(file.extensions[:, 0])]
    for _ in range(min(len(table), DEEPEST)):
        at = np.searchsorted(table[:, 0], names).clip(max=len(table) - 1)
        row = np.where((table[at, 0] == names)[:, None], table[at], 0)
        if not row.any():
            return
        yield row[:, 1], row[:, 2]
        names = row[:, 3]


def matrix(quaternion: tuple[float, ...]) -> np.ndarray:
    """Rotation matrix of a quaternion (w, x, y, z) [3, 3]."""
    w, x, y, z = np.array(quaternion) / np.linalg.norm(quaternion)
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )
