"""Puts a sequence together block by block, sharing shapes that are equal."""

from __future__ import annotations

from collections.abc import Sequence as Many
from typing import Any

import numpy as np

from phantomsim.scanners.mr.sequences.events import Pulse, Readout, Waveform
from phantomsim.scanners.mr.sequences.sequence import NONE, Sequence

Numbers = float | np.ndarray
COLUMNS = ("duration_s", "pulse_Hz", "pulse_phase_rad", "pulse_offset_Hz", "readout_phase_rad", "readout_offset_Hz")


class Builder:
    """Collects blocks; `build()` gives the sequence.

    Blocks that repeat with other numbers are added once, with arrays for the numbers, and closed by `repeat(count)`:
    the blocks since the last `repeat` then follow one another `count` times, the n-th time with the n-th numbers.
    """

    def __init__(self) -> None:
        self._shapes: dict[str, dict[int, tuple[int, Any]]] = {"pulse": {}, "waveform": {}, "readout": {}}
        self._rows: list[dict[str, Any]] = []
        self._done: list[dict[str, np.ndarray]] = []

    def add(
        self,
        duration_s: Numbers,
        pulse: Pulse | None = None,
        gradients: Many[tuple[Waveform, Numbers] | None] = (None, None, None),
        readout: Readout | None = None,
        *,
        pulse_Hz: Numbers = 0.0,
        pulse_phase_rad: Numbers = 0.0,
        pulse_offset_Hz: Numbers = 0.0,
        readout_phase_rad: Numbers = 0.0,
        readout_offset_Hz: Numbers = 0.0,
        when: Numbers = True,
        **counters: Numbers,
    ) -> None:
        """Append a block. Every number may be an array, see `repeat`.

        Args:
            gradients: (shape, Hz/mm) along x, y and z, or None.
            when: where False the block keeps its duration and has no events.
            counters: of the readout, see `Sequence`. The readout of "dummy" blocks is left out.
        """
        read = np.asarray(when) & (np.asarray(counters.get("dummy", 0)) == 0) & (readout is not None)
        row: dict[str, Any] = {"duration_s": duration_s}
        row["pulse"] = np.where(when, self._index("pulse", pulse), NONE)
        row["readout"] = np.where(read, self._index("readout", readout), NONE)
        pulsed = {"pulse_Hz": pulse_Hz, "pulse_phase_rad": pulse_phase_rad, "pulse_offset_Hz": pulse_offset_Hz}
        row |= {name: np.where(when, value, 0.0) for name, value in pulsed.items()}
        received = {"readout_phase_rad": readout_phase_rad, "readout_offset_Hz": readout_offset_Hz}
        row |= {name: np.where(read, value, 0.0) for name, value in received.items()}
        for axis, g in enumerate(gradients):
            row[f"waveform {axis}"] = np.where(when, self._index("waveform", g[0] if g else None), NONE)
            row[f"gradient {axis}"] = np.where(when, g[1] if g else 0.0, 0.0)
        self._rows.append(row | {f"counter {name}": value for name, value in counters.items()})

    def repeat(self, count: int) -> None:
        """Let the blocks since the last `repeat` follow one another `count` times; arrays in them are [count]."""
        if not self._rows:
            return
        names = {name for row in self._rows for name in row}
        columns = {}
        for name in names:
            parts = [np.broadcast_to(np.asarray(row.get(name, 0)), (count,)) for row in self._rows]
            columns[name] = np.stack(parts, 1).ravel()
        self._done.append(columns)
        self._rows = []

    def _index(self, kind: str, shape: Any) -> int:
        if shape is None:
            return NONE
        known = self._shapes[kind]
        return known.setdefault(id(shape), (len(known), shape))[0]

    def build(self, **facts: object) -> Sequence:
        """The sequence of all blocks so far."""
        self.repeat(1)
        sizes = [len(part["duration_s"]) for part in self._done]

        def column(name: str, dtype: type) -> np.ndarray:
            parts = [part.get(name, np.zeros(n)) for part, n in zip(self._done, sizes)]
            return np.concatenate(parts).astype(dtype) if parts else np.zeros(0, dtype)

        def axes(name: str, dtype: type) -> np.ndarray:
            return np.stack([column(f"{name} {axis}", dtype) for axis in range(3)], 1)

        names = sorted({n.removeprefix("counter ") for part in self._done for n in part if n.startswith("counter ")})
        shapes = {kind: tuple(shape for _, shape in known.values()) for kind, known in self._shapes.items()}
        return Sequence(
            shapes["pulse"],
            shapes["waveform"],
            shapes["readout"],
            pulse=column("pulse", np.int32),
            readout=column("readout", np.int32),
            waveform=axes("waveform", np.int32),
            gradient_Hz_per_mm=axes("gradient", np.float64),
            counters={name: column(f"counter {name}", np.int32) for name in names},
            facts=facts,
            **{name: column(name, np.float64) for name in COLUMNS},
        )
