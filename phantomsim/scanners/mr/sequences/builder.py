"""Puts a sequence together block by block, sharing shapes that are equal."""

from __future__ import annotations

from collections.abc import Sequence as Many
from typing import Any

import numpy as np

from phantomsim.scanners.mr.sequences.events import Pulse, Readout, Waveform
from phantomsim.scanners.mr.sequences.sequence import NONE, Sequence

COLUMNS = ("duration_s", "pulse_Hz", "pulse_phase_rad", "pulse_offset_Hz", "readout_phase_rad", "readout_offset_Hz")


class Builder:
    """Collects blocks; `build()` gives the sequence."""

    def __init__(self) -> None:
        self._shapes: dict[str, dict[int, Any]] = {"pulse": {}, "waveform": {}, "readout": {}}
        self._rows: list[dict[str, Any]] = []

    def add(
        self,
        duration_s: float,
        pulse: Pulse | None = None,
        gradients: Many[tuple[Waveform, float] | None] = (None, None, None),
        readout: Readout | None = None,
        *,
        pulse_Hz: float = 0.0,
        pulse_phase_rad: float = 0.0,
        pulse_offset_Hz: float = 0.0,
        readout_phase_rad: float = 0.0,
        readout_offset_Hz: float = 0.0,
        **counters: int,
    ) -> None:
        """Append a block.

        Args:
            gradients: (shape, Hz/mm) along x, y and z, or None.
            counters: of the readout, see `Sequence`.
        """
        row: dict[str, Any] = {
            "duration_s": duration_s, "pulse_Hz": pulse_Hz, "pulse_phase_rad": pulse_phase_rad,
            "pulse_offset_Hz": pulse_offset_Hz, "readout_phase_rad": readout_phase_rad,
            "readout_offset_Hz": readout_offset_Hz,
        }  # fmt: skip
        row["pulse"], row["readout"] = self._index("pulse", pulse), self._index("readout", readout)
        row["waveform"] = [self._index("waveform", g[0] if g else None) for g in gradients]
        row["gradient_Hz_per_mm"] = [g[1] if g else 0.0 for g in gradients]
        self._rows.append(row | {"counters": counters})

    def _index(self, kind: str, shape: Any) -> int:
        if shape is None:
            return NONE
        known = self._shapes[kind]
        known.setdefault(id(shape), shape)
        return list(known).index(id(shape))

    def build(self, **facts: object) -> Sequence:
        """The sequence of all blocks so far."""
        shapes = {kind: tuple(known.values()) for kind, known in self._shapes.items()}
        columns = {name: np.array([row[name] for row in self._rows], float) for name in COLUMNS}
        names = sorted({name for row in self._rows for name in row["counters"]})
        counters = {n: np.array([row["counters"].get(n, 0) for row in self._rows], np.int32) for n in names}
        return Sequence(
            shapes["pulse"],
            shapes["waveform"],
            shapes["readout"],
            pulse=np.array([row["pulse"] for row in self._rows], np.int32),
            readout=np.array([row["readout"] for row in self._rows], np.int32),
            waveform=np.array([row["waveform"] for row in self._rows], np.int32).reshape(-1, 3),
            gradient_Hz_per_mm=np.array([row["gradient_Hz_per_mm"] for row in self._rows], float).reshape(-1, 3),
            counters=counters,
            facts=facts,
            **columns,
        )
