"""Where on the lattice of a Cartesian protocol every readout lies, checked against the gradients that were played."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from phantomsim.errors import ScannerError
from phantomsim.scanners.mr.sequences import Sequence
from phantomsim.scanners.mr.spec.protocol import MRProtocol
from phantomsim.scanners.mr.trajectory import Trajectory, trajectory

OFF = 0.02  # of a lattice step: no sample may lie farther from its place


@dataclass(frozen=True, eq=False)
class Shots:
    """Readouts of a sequence that are not dummies, in the order of time.

    Attributes:
        block: of the sequence, int [shot].
        slice, line, partition, echo: int32 [shot]; zeros where a protocol has none of it.
        order: samples of each path in ascending k, int32 [path, sample]; of others than lattices None.
        path: of each shot, int32 [shot].
        trajectory: of all readouts of the sequence; `index` are those of these shots.
    """

    block: np.ndarray
    slice: np.ndarray
    line: np.ndarray
    partition: np.ndarray
    echo: np.ndarray
    order: np.ndarray | None
    path: np.ndarray
    trajectory: Trajectory
    index: np.ndarray

    def code(self, protocol: MRProtocol) -> np.ndarray:
        """One number for (slice, echo, partition, line), the same for protocols of one matrix [shot]."""
        p = protocol
        return ((self.slice * p.echoes + self.echo) * p.slices + self.partition) * p.phase_lines + self.line

    def times_s(self, protocol: MRProtocol) -> np.ndarray:
        """Time for which off-resonance has acted at each sample, of lattices at the image's samples [shot, sample]."""
        every = self.trajectory.off_resonance_s(self.index)
        if self.order is None:
            return every
        n, over = protocol.samples, protocol.readout_oversampling
        places = (np.arange(n) - n // 2) * over + n * over // 2
        return np.take_along_axis(every, self.order[self.path][:, places], axis=1)


def shots(sequence: Sequence, protocol: MRProtocol) -> Shots:
    """Shots of a sequence.

    Raises:
        ScannerError: a Cartesian protocol's samples do not lie on its lattice.
    """
    whole = trajectory(sequence)
    wanted = np.flatnonzero(sequence.counter("dummy")[sequence.shots] == 0)
    block = sequence.shots[wanted]
    slices = sequence.counter("slice")[block]
    # In a train "echo" counts echoes of one image; here it counts images.
    echo = sequence.counter("echo")[block] if protocol.echoes > 1 else np.zeros(len(block), np.int32)
    path = whole.shape[wanted]
    if not protocol.cartesian:
        zero = np.zeros(len(block), np.int32)
        line = sequence.counter("line")[block]
        return Shots(block, slices, line, zero, echo, None, path, whole, wanted)
    readout, phase = (0, 1) if protocol.phase_axis == "y" else (1, 0)
    order = _order(whole, wanted, protocol, readout)
    first = whole.first_per_mm(wanted)
    line = _index(first[:, phase], protocol.fov_phase_readout_mm[0], protocol.phase_lines, "line")
    partition = np.zeros(len(block), np.int32)
    if protocol.encoding == "3d":
        partition = _index(first[:, 2], protocol.slices * protocol.slice_mm, protocol.slices, "partition")
    return Shots(block, slices, line, partition, echo, order, path, whole, wanted)


def _index(k_per_mm: np.ndarray, field_mm: float, count: int, what: str) -> np.ndarray:
    at = k_per_mm * field_mm + count // 2
    index = np.round(at)
    if np.abs(at - index).max() > OFF or index.min() < 0 or index.max() >= count:
        worst = int(np.argmax(np.abs(at - np.clip(index, 0, count - 1))))
        raise ScannerError(
            f"shot {worst} lies at {what} {at[worst]:.3f} of k-space; must be a whole number from 0 to {count - 1}. "
            "Check the field of view and matrix against the sequence's gradients"
        )
    return index.astype(np.int32)


def _order(whole: Trajectory, wanted: np.ndarray, protocol: MRProtocol, axis: int) -> np.ndarray:
    """For each path, which sample is the first, second, ... in ascending k."""
    count = protocol.samples * protocol.readout_oversampling
    if whole.samples != count:
        raise ScannerError(f"readouts have {whole.samples} samples; the protocol's lattice has {count}")
    first = {int(s): i for i, s in reversed(list(enumerate(whole.shape[wanted])))}
    found = np.zeros((len(whole.paths), count), np.int32)
    for path, shot in first.items():
        field = protocol.fov_phase_readout_mm[1] * protocol.readout_oversampling
        at = _index(whole.k_per_mm(wanted[shot : shot + 1])[0, :, axis], field, count, "sample")
        if len(np.unique(at)) != count:
            raise ScannerError("a readout passes through one place of k-space twice; it is no line of a lattice")
        found[path] = np.argsort(at)
    return found
