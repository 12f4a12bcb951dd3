"""Whether all IDs of a Pulseq file refer to something, and numbers are in range."""

from __future__ import annotations

import numpy as np

from phantomsim.errors import FormatError
from phantomsim.formats.pulseq.tables import BLOCK, PulseqFile

MAX_SAMPLES = 2**24  # of one ADC event, and steps of the raster of one shape


def verify(file: PulseqFile, name: str) -> None:
    """Raises FormatError with the first thing that is wrong."""
    gradients = np.concatenate([file.gradients[:, 0], file.traps[:, 0]])
    known = {"rf": file.rf[:, 0], "adc": file.adc[:, 0], "extension": file.extensions[:, 0]}
    for what, ids in (known | {"gradient": gradients}).items():
        if len(np.unique(ids)) != len(ids):
            raise FormatError(f"{name}: the ID of some {what} event stands twice; IDs must differ")
    for column, what in enumerate(BLOCK[1:], 1):
        allowed = known.get(what, gradients)
        lost = (file.blocks[:, column] != 0) & ~np.isin(file.blocks[:, column], allowed)
        if lost.any():
            block = int(np.argmax(lost))
            raise FormatError(
                f"{name}: block {block + 1} has {what} event {file.blocks[block, column]}, not in the file"
            )
    _shapes(file, name)
    samples, dwell = file.adc[:, 1], file.adc[:, 2]
    if np.any((samples < 1) | (samples != np.rint(samples)) | (samples > MAX_SAMPLES) | (dwell <= 0)):
        raise FormatError(f"{name}: an ADC event must have 1 to {MAX_SAMPLES} samples and a dwell time above 0")
    if file.traps[:, 2:].min(initial=0) < 0 or np.any(file.traps[:, 2:5].sum(1) <= 0):
        raise FormatError(f"{name}: a trapezoid lasts no time, or has a time below 0")
    delays = np.concatenate([file.rf[:, 6], file.gradients[:, 6], file.adc[:, 3]])
    if delays.min(initial=0) < 0:
        raise FormatError(f"{name}: an event has a delay below 0")


def _shapes(file: PulseqFile, name: str) -> None:
    for what, table, columns in (("RF", file.rf, (2, 3)), ("gradient", file.gradients, (4,))):
        for row in table:
            time = row[4 if what == "RF" else 5]
            wanted = [int(row[c]) for c in columns] + ([int(time)] if time > 0 else [])
            # A phase shape of 0 stands for no phase.
            wanted = [w for i, w in enumerate(wanted) if not (what == "RF" and i == 1 and w == 0)]
            missing = [w for w in wanted if w not in file.shapes]
            if missing:
                raise FormatError(f"{name}: {what} event {int(row[0])} has shape {missing[0]}, not in the file")
            lengths = {len(file.shapes[w]) for w in wanted}
            if len(lengths) != 1 or lengths == {0}:
                raise FormatError(f"{name}: the shapes of {what} event {int(row[0])} have lengths {sorted(lengths)}")
            steps = np.diff(file.shapes[int(time)], prepend=0.0) if time > 0 else np.zeros(1)
            if steps.min() < 0:
                raise FormatError(f"{name}: the times of {what} event {int(row[0])} do not ascend")
            if time > 0 and file.shapes[int(time)][-1] > MAX_SAMPLES:
                raise FormatError(f"{name}: {what} event {int(row[0])} lasts more than {MAX_SAMPLES} steps")
            if time < -1 or (time == -1 and what == "gradient" and lengths.pop() % 2 == 0):
                raise FormatError(f"{name}: the time shape of {what} event {int(row[0])} is wrong")
