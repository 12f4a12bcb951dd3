"""Which line, slice and so on each readout of a Pulseq file is: from its labels, or from where in k-space it lies."""

from __future__ import annotations

import numpy as np

from phantomsim.errors import ScannerError
from phantomsim.formats.pulseq.tables import PulseqFile
from phantomsim.scanners.mr.sequences.pulseq.gradients import chains
from phantomsim.scanners.mr.sequences.sequence import Sequence

LABELS = {
    "LIN": "line", "PAR": "partition", "SLC": "slice", "ECO": "echo", "AVG": "average", "SEG": "segment",
    "REP": "repetition", "NAV": "navigator", "SET": "set", "PHS": "phase",
}  # fmt: skip
SAME = 0.05  # of a step of k: readouts so near are of one line


def from_labels(file: PulseqFile) -> dict[str, np.ndarray]:
    """Counters int32 [block] of the labels that the file uses; none where it has none."""
    names, index = np.unique(file.blocks[:, 6], return_inverse=True)
    sets: dict[str, np.ndarray] = {}
    steps: dict[str, np.ndarray] = {}
    known = {k: n for k, n in file.extension_types.items() if n in ("LABELSET", "LABELINC")}
    for kind, reference in chains(file, names) if known else ():
        for number, name in known.items():
            table = file.label_set if name == "LABELSET" else file.label_inc
            here = np.flatnonzero((kind == number) & np.isin(reference, list(table)))
            values = np.array([table[r][0] for r in reference[here].tolist()], float)
            labels = np.array([table[r][1] for r in reference[here].tolist()], object)
            for label in set(labels.tolist()):
                own = labels == label
                if name == "LABELSET":
                    sets.setdefault(label, np.full(len(names), np.nan))[here[own]] = values[own]
                else:
                    steps.setdefault(label, np.zeros(len(names)))[here[own]] += values[own]
    found = {}
    for label in (label for label in LABELS if label in sets or label in steps):
        step = steps.get(label, np.zeros(len(names)))[index.ravel()]
        found[LABELS[label]] = _values(sets[label][index.ravel()] if label in sets else None, step)
    return found


def _values(sets: np.ndarray | None, steps: np.ndarray) -> np.ndarray:
    """A block's labels are set first, then stepped, then read."""
    total = np.cumsum(steps)
    if sets is None:
        return total.astype(np.int32)
    base = np.where(np.isnan(sets), 0.0, sets - (total - steps))
    last = np.maximum.accumulate(np.where(np.isnan(sets), -1, np.arange(len(sets))))
    return (np.where(last >= 0, base[last], 0.0) + total).astype(np.int32)


def from_trajectory(sequence: Sequence) -> dict[str, np.ndarray]:
    """Counters int32 [block] of readouts that lie on a lattice; slices alone otherwise.

    Lines count along the axis in which readouts start differently, partitions along the second such axis, slices
    with the frequency of the excitation, repetitions where all else is the same.
    """
    from phantomsim.scanners.mr.trajectory import trajectory

    try:
        path = trajectory(sequence)
    except ScannerError:
        return {}
    shots, found = sequence.shots, {}
    reach = np.stack([p[-1] - p[0] for p in path.paths])
    middle = path.start_per_mm + np.stack([p[len(p) // 2] for p in path.paths])[path.shape]
    found["slice"] = _ranks(sequence.pulse_offset_Hz[path.excitation], 1.0)
    along = int(np.argmax(np.abs(reach).max(0)))
    straight = np.abs(np.delete(reach, along, 1)).max() < 1e-3 * np.abs(reach).max()
    if straight:
        others = [axis for axis in range(3) if axis != along]
        levels = {axis: _levels(middle[:, axis]) for axis in others}
        names = iter(("line", "partition"))
        for axis in sorted(others, key=lambda a: -levels[a].max(initial=0)):
            if levels[axis].max(initial=0) > 0:
                found[next(names)] = levels[axis]
    found["repetition"] = _occurrence(np.stack(list(found.values()), 1))
    return {name: _on_blocks(sequence, shots, values) for name, values in found.items() if values.any()}


def _levels(k: np.ndarray) -> np.ndarray:
    """Index of each k on the finest regular lattice that holds them all."""
    values = np.sort(k)
    gaps = np.diff(values)
    gaps = gaps[gaps > max(1e-6, 1e-4 * np.ptp(values))] if len(gaps) else gaps
    if not len(gaps):
        return np.zeros(len(k), int)
    step = np.median(gaps[gaps < gaps.min() * (1 + SAME)])
    return np.rint((k - values[0]) / step).astype(int)


def _ranks(values: np.ndarray, tolerance: float) -> np.ndarray:
    _, ranks = np.unique(np.rint(values / tolerance), return_inverse=True)
    return ranks.ravel()


def _occurrence(keys: np.ndarray) -> np.ndarray:
    """How often the same row came before [n]."""
    _, kind = np.unique(keys, axis=0, return_inverse=True)
    kind = kind.ravel()
    order = np.argsort(kind, kind="stable")
    first = np.searchsorted(kind[order], kind[order], side="left")
    out = np.empty(len(kind), int)
    out[order] = np.arange(len(kind)) - first
    return out


def _on_blocks(sequence: Sequence, shots: np.ndarray, values: np.ndarray) -> np.ndarray:
    out = np.zeros(sequence.blocks, np.int32)
    out[shots] = values
    return out
